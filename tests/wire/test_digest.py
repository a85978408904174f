"""Digest values: the RFCs' examples, fixed answers of another client (httpx 0.28.1), and which challenge counts."""

import hashlib
import re

import pytest

from trunkline.wire.challenges import parse_challenges
from trunkline.wire.digest import (
    Credentials,
    DigestChallenge,
    Message,
    Qop,
    authorization,
    new_hash,
    next_nonce,
    strongest,
)
from trunkline.wire.errors import BadChallenge

MUFASA = Credentials("Mufasa", "Circle of Life")
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


def challenge(*fields: str) -> DigestChallenge:
    found = strongest(parse_challenges(fields))
    assert found is not None
    return found


def parameters(field: str) -> dict[str, str]:
    """What a field of ours says, read without the code under test; only for values without quotes in them."""
    scheme, _, rest = field.partition(" ")
    assert scheme == "Digest"
    return dict(re.findall(r'(\w+)="?([^",]*)"?(?:, |\Z)', rest))


# RFC 7616 §3.9.1


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_first_example_of_rfc_7616(algorithm: str, response: str) -> None:
    asked = challenge(
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        f'nonce="{NONCE}", opaque="{OPAQUE}"'
    )
    field = authorization(asked, "auth", MUFASA, Message("GET", "/dir/index.html", 1, CNONCE))
    assert parameters(field) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": NONCE,
        "nc": "00000001",
        "cnonce": CNONCE,
        "qop": "auth",
        "response": response,
        "opaque": OPAQUE,
    }


# RFC 7616 §3.9.2 with its erratum 4897: the RFC's own figures are of a truncated SHA-512.
DOE = (
    'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
    'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", '
    'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
)
DOES_MESSAGE = Message("GET", "/doe.json", 1, "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v")
has_sha_512_256 = pytest.mark.skipif("sha512_256" not in hashlib.algorithms_available, reason="OpenSSL without it")


@has_sha_512_256
@pytest.mark.parametrize("login", ["Jäsøn Doe", "Ja\u0308søn Doe"])
def test_the_second_example_of_rfc_7616_also_for_a_login_in_another_normal_form(login: str) -> None:
    field = parameters(authorization(challenge(DOE), "auth", Credentials(login, "Secret, or not?"), DOES_MESSAGE))
    assert field["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert field["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert field["userhash"] == "true"


def test_the_example_of_rfc_2617() -> None:
    asked = challenge('Digest realm="testrealm@host.com", qop="auth", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
    field = authorization(
        asked, "auth", Credentials("Mufasa", "Circle Of Life"), Message("GET", "/dir/index.html", 1, "0a4f113b")
    )
    assert parameters(field)["response"] == "6629fae49393a05397450978507c4ef1"
    assert "algorithm" not in field


def test_the_example_of_rfc_2069_with_its_erratum_749() -> None:
    asked = challenge('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc"')
    field = authorization(
        asked, None, Credentials("Mufasa", "CircleOfLife"), Message("GET", "/dir/index.html", 1, "0a4f113b")
    )
    assert parameters(field) == {
        "username": "Mufasa",
        "realm": "testrealm@host.com",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "uri": "/dir/index.html",
        "response": "1949323746fe6a43ef61f9606e7febea",
        "opaque": "5ccc",
    }


FIXED: list[tuple[str, Qop | None, str]] = [
    ("MD5", "auth", "1b67a98e62814c867cd4d1e4792f60ea"),
    ("MD5", None, "0c54f02a4aa339b3775eb7c19802c8e2"),
    ("MD5-SESS", "auth", "b55dd0347b284d6f5c8f81d7f2264803"),
    ("MD5-SESS", None, "f132c08b4d5b2ed5abcff5da612f519e"),
    ("SHA", "auth", "425627a9f3cb2e4d5a26c33918f32c561993b95d"),
    ("SHA", None, "14565895d227bbb123bbe5649d3a621b357aaabe"),
    ("SHA-SESS", "auth", "a2248eb8ce77848431efb70ee54bba56947713b8"),
    ("SHA-SESS", None, "12075a9a0027a3c9884ee93eeee49d669f07671f"),
    ("SHA-256", "auth", "0bd43053dae18e056ab629d8f4036e09050dbcbec22c2709d63473111792b1d8"),
    ("SHA-256", None, "da024ba9383be5da50541c201fa710e0709bed17e0a8f2c46a2a78003de0fdb1"),
    ("SHA-256-SESS", "auth", "7bf7f29e20175b37a373eb364f770d3940349f3415d0e2eed542c4f9eabfaab4"),
    ("sha-256-sess", None, "29c209a6ef215303aff5345d52e7a72db89b3b7d08195cfbc8cfeeaf1edd0b0f"),
    (
        "SHA-512",
        "auth",
        "ea5b1399f93680f364fd1b87679c2e26fe0ad07856fcc1dafc1c14faabfdfc63"
        "f3498ab2996158bbe9ddbd6926bd6961ee5c1f52d8964b36de709503f2bef0b0",
    ),
    (
        "SHA512",
        None,
        "fdd5357b744bc6f7d65e187a12dded793b6d01a36b933bd5ccde043735f94fdf"
        "a43c1b46d4c3b28dc348cb479feaa9acf8374abe096833895435f6643d8305ac",
    ),
    (
        "SHA-512-SESS",
        "auth",
        "3fd058e444dc2124bd40e3681c25cf3ff7cfef115989627c09ac46d12beb22f6"
        "f0900b3567374e1093c349faf7e686e0a6e4c7a317433148ef75ba452a336710",
    ),
    (
        "SHA-512-SESS",
        None,
        "d4b0c9a1b8618e749e806d36ecdd0b75ec2a542e2fae823345686c6f753c78db"
        "b4022ee683c6f93a58b7c2c93cf91d1b1622b404f8d43958101afcfac9d085ce",
    ),
]


@pytest.mark.parametrize(("algorithm", "qop", "response"), FIXED)
def test_every_algorithm_gives_what_another_client_gives(algorithm: str, qop: Qop | None, response: str) -> None:
    offered = f', qop="{qop}"' if qop else ""
    asked = challenge(f'Digest realm="r@e", nonce="bm9uY2U=", algorithm={algorithm}{offered}')
    message = Message("GET", "/dir/index.html?a=b", 1, "0a4f113b9c1d2e3f")
    field = parameters(authorization(asked, qop, MUFASA, message))
    assert field["response"] == response
    assert field["algorithm"] == algorithm


def test_a_session_key_without_qop_sends_the_cnonce_that_it_is_made_of() -> None:
    asked = challenge('Digest realm="r", nonce="n", algorithm=MD5-sess')
    field = parameters(authorization(asked, None, MUFASA, Message("GET", "/", 1, "c")))
    assert field["cnonce"] == "c"
    assert "nc" not in field


def test_auth_int_signs_the_hash_of_the_body() -> None:
    asked = challenge('Digest realm="r", nonce="n", qop="auth-int"')

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    message = Message("POST", "/", 255, "c", new_hash(asked, b"body").hexdigest())
    field = parameters(authorization(asked, "auth-int", Credentials("u", "p"), message))
    assert field["nc"] == "000000ff"
    assert field["qop"] == "auth-int"
    assert field["response"] == md5(f"{md5('u:r:p')}:n:000000ff:c:auth-int:{md5('POST:/:' + md5('body'))}")


def test_quotes_and_backslashes_are_escaped_in_the_field_and_not_in_the_hash() -> None:
    asked = challenge(r'Digest realm="a\"b\\c, d", nonce="n\"1", opaque="o\"p"')
    field = authorization(asked, None, Credentials('us"er\\x', "pass"), Message("GET", "/a?b=c+d", 1, "c"))
    assert field.startswith(r'Digest username="us\"er\\x", realm="a\"b\\c, d", nonce="n\"1", uri="/a?b=c+d", ')
    assert r'opaque="o\"p"' in field

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    key = md5('us"er\\x:a"b\\c, d:pass')
    assert f'response="{md5(f"{key}:n" + chr(34) + "1:" + md5("GET:/a?b=c+d"))}"' in field


def test_a_realm_that_is_not_utf_8_is_hashed_as_the_bytes_that_came() -> None:
    realm = b"caf\xe9".decode("utf-8", "surrogateescape")
    asked = challenge(f'Digest realm="{realm}", nonce="n"')
    field = authorization(asked, None, Credentials("u", "p"), Message("GET", "/", 1, "c"))
    key = hashlib.md5(b"u:caf\xe9:p").hexdigest()
    signed = hashlib.md5(b"GET:/").hexdigest()
    assert parameters(field)["response"] == hashlib.md5(f"{key}:n:{signed}".encode()).hexdigest()


# Which challenge counts.

BASE = 'Digest realm="r", nonce="n"'


@pytest.mark.parametrize(
    ("fields", "algorithm"),
    [
        ((BASE,), None),
        ((f"{BASE}, algorithm=MD5", f"{BASE}, algorithm=SHA-256"), "SHA-256"),
        ((f"{BASE}, algorithm=SHA-256, {BASE}, algorithm=MD5",), "SHA-256"),
        ((f"{BASE}, algorithm=SHA-256", f"{BASE}, algorithm=SHA-512"), "SHA-512"),
        ((f"{BASE}, algorithm=SHA", BASE), "SHA"),
        ((f"{BASE}, algorithm=SHA-256-sess", f"{BASE}, algorithm=SHA-256"), "SHA-256-sess"),
        ((f"{BASE}, algorithm=WHIRLPOOL", f"{BASE}, algorithm=MD5"), "MD5"),
        (("Digest realm=broken", f"{BASE}, algorithm=MD5"), "MD5"),
        (('Basic realm="x"', f"{BASE}, algorithm=MD5"), "MD5"),
    ],
)
def test_the_strongest_challenge_that_is_known_counts(fields: tuple[str, ...], algorithm: str | None) -> None:
    assert challenge(*fields).algorithm == algorithm


@pytest.mark.parametrize("fields", [(), ('Basic realm="x"',), ("Negotiate Digest==",)])
def test_without_a_digest_challenge_there_is_nothing_to_answer(fields: tuple[str, ...]) -> None:
    assert strongest(parse_challenges(fields)) is None


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ('Digest nonce="n"', "Missing 'realm' parameter"),
        ('Digest realm="r"', "Missing 'nonce' parameter"),
        ('Digest realm="r", nonce=""', "contains empty 'nonce' value"),
        (f"{BASE}, algorithm=FOO", "Unsupported hash algorithm: FOO"),
        (f"{BASE}, algorithm={'x' * 5000}", f"Unsupported hash algorithm: {'x' * 60}\\."),
        (f'{BASE}, qop="auth-conf"', "Unsupported Quality of Protection .qop. value.s.: auth-conf"),
        ('Digest realm="a\x01b", nonce="n"', "control character"),
        (f'{BASE}, opaque="\x7f"', "control character"),
    ],
)
def test_challenges_that_cannot_be_answered_are_refused(field: str, text: str) -> None:
    with pytest.raises(BadChallenge, match=text):
        strongest(parse_challenges([field]))


@pytest.mark.parametrize(
    ("qop", "wanted"),
    [("", ()), ("auth", ("auth",)), ("AUTH", ("auth",)), ("auth-int , x,auth", ("auth", "auth-int")), (",", ())],
)
def test_known_values_of_qop_are_kept(qop: str, wanted: tuple[str, ...]) -> None:
    assert challenge(f'{BASE}, qop="{qop}"').qops == wanted


@pytest.mark.parametrize(
    ("info", "nonce"),
    [('qop=auth, nextnonce="new"', "new"), ('nextnonce=""', "n"), ("nextnonce", "n"), ('nextnonce="\x01"', "n")],
)
def test_the_next_nonce_replaces_the_one_that_is_used(info: str, nonce: str) -> None:
    assert next_nonce(challenge(BASE), info).nonce == nonce


def test_credentials_do_not_show_the_password() -> None:
    assert "Circle" not in repr(MUFASA)
