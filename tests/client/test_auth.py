import base64

import pytest
from yarl import URL

from trunkline import ClientSession
from trunkline.client.auth import BasicAuth, encode_basic_auth


def basic_auth(login: str, password: str = "", encoding: str = "latin1") -> BasicAuth:
    with pytest.warns(DeprecationWarning, match="BasicAuth is deprecated"):
        return BasicAuth(login, password, encoding)


def field(text: str, encoding: str = "utf-8") -> str:
    return "Basic " + base64.b64encode(text.encode(encoding)).decode()


@pytest.mark.parametrize(
    ("login", "password", "encoding", "value"),
    [
        ("Aladdin", "open sesame", "utf-8", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 §2
        ("test", "123£", "utf-8", "Basic dGVzdDoxMjPCow=="),  # RFC 7617 §2.1
        ("", "", "utf-8", "Basic Og=="),
        ("u", "a:b", "utf-8", "Basic dTphOmI="),
        ("ü", "p", "latin1", "Basic /Dpw"),
    ],
)
def test_credentials_encode_as_the_rfc_says(login: str, password: str, encoding: str, value: str) -> None:
    assert encode_basic_auth(login, password, encoding) == value
    assert basic_auth(login, password, encoding).encode() == value
    assert BasicAuth.decode(value, encoding) == (login, password, encoding)


def test_the_default_encodings_are_aiohttps() -> None:
    assert encode_basic_auth("ü") == field("ü:")
    assert basic_auth("ü").encode() == field("ü:", "latin1")


def test_control_characters_cannot_get_into_a_field() -> None:
    value = encode_basic_auth("a\r\nX", "\x00" + "p" * 200)
    assert value.isascii()
    assert value.isprintable()


def test_what_the_encoding_cannot_express_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_basic_auth("€", encoding="latin1")


@pytest.mark.parametrize("make", [encode_basic_auth, BasicAuth])
@pytest.mark.parametrize(
    ("login", "password", "error", "text"),
    [
        ("a:b", "secret", ValueError, '":" is not allowed in login'),
        (None, "secret", ValueError, "None is not allowed as login"),
        ("a", None, ValueError, "None is not allowed as password"),
        (b"a", "secret", TypeError, "login must be str, not bytes"),
        ("a", b"secret", TypeError, "password must be str, not bytes"),
        (5, "secret", TypeError, "login must be str, not int"),
    ],
)
def test_credentials_that_would_be_misread_are_refused(
    make: type[BasicAuth], login: str, password: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        make(login, password)
    assert "secret" not in str(caught.value)


def test_basic_auth_is_a_tuple_of_three() -> None:
    auth = basic_auth("u", "p")
    assert auth == ("u", "p", "latin1")
    assert hash(auth) == hash(("u", "p", "latin1"))
    assert repr(auth) == "BasicAuth(login='u', password='***', encoding='latin1')"
    assert auth._replace(password="q") == ("u", "q", "latin1")


def test_only_construction_warns_and_names_the_callers_line() -> None:
    with pytest.warns(DeprecationWarning, match=r"use encode_basic_auth\(\)") as seen:
        auth = BasicAuth("u")
    assert [warning.filename for warning in seen] == [__file__]
    # Warnings are errors here: these give none.
    assert type(BasicAuth.decode(auth.encode())) is BasicAuth
    assert type(BasicAuth.from_url(URL("http://u@h/"))) is BasicAuth


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_schemes_case_does_not_matter(scheme: str) -> None:
    assert BasicAuth.decode(f"{scheme} dTpw") == ("u", "p", "latin1")


def test_a_password_may_have_colons() -> None:
    assert BasicAuth.decode(field("u:a:b")).password == "a:b"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "Could not parse"),
        ("Basic", "Could not parse"),
        ("Basic\tdTpw", "Could not parse"),
        ("Bearer x", "Unknown authorization method 'Bearer'"),
        (" Basic dTpw", "Unknown authorization method ''"),
        ("Basic !!!", "Invalid base64"),
        ("Basic é", "Invalid base64"),
        ("Basic  dTpw", "Invalid base64"),
        ("Basic dTpw ", "Invalid base64"),
        ("Basic dT\npw", "Invalid base64"),
        ("Basic dTpwdw", "Invalid base64"),
        ("Basic ", "Invalid credentials"),
        (field("up"), "Invalid credentials"),
    ],
)
def test_a_malformed_field_is_refused(value: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        BasicAuth.decode(value)


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("http://u:p@h/", ("u", "p", "latin1")),
        ("http://u@h/", ("u", "", "latin1")),
        ("http://u:@h/", ("u", "", "latin1")),
        ("http://:p@h/", ("", "p", "latin1")),
        ("http://%C3%BC:%40@h/", ("ü", "@", "latin1")),
        ("http://h/", None),
    ],
)
def test_a_urls_credentials_are_decoded(url: str, credentials: tuple[str, str, str] | None) -> None:
    assert BasicAuth.from_url(URL(url)) == credentials


def test_a_url_whose_login_has_a_colon_is_refused() -> None:
    with pytest.raises(ValueError, match="not allowed in login"):
        BasicAuth.from_url(URL("http://u%3Ax:p@h/"))


def test_from_url_takes_urls_only() -> None:
    with pytest.raises(TypeError, match="not str"):
        BasicAuth.from_url("http://u:p@h/")  # type: ignore[arg-type] # the point of this test
    assert BasicAuth.from_url(URL("http://u@h/"), encoding="utf-8") == ("u", "", "utf-8")


async def test_credentials_given_in_the_old_way_are_warned_of_at_the_callers_line() -> None:
    old = BasicAuth.decode(encode_basic_auth("user", "secret"))
    with pytest.warns(DeprecationWarning, match="'auth' parameter is deprecated.*encode_basic_auth") as seen:
        session = ClientSession(auth=old)
    assert seen[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="'proxy_auth' parameter is deprecated.*Proxy-Authorization"):
        await ClientSession(proxy_auth=old).close()
    async with session:
        with pytest.raises(ValueError), pytest.warns(DeprecationWarning, match="'auth' parameter") as seen:
            await session.get("http://user:secret@127.0.0.1:1/", auth=old)  # refused for another reason
    assert seen[0].filename == __file__


def test_the_password_does_not_show() -> None:
    assert repr(BasicAuth.decode(encode_basic_auth("user", "secret"))) == (
        "BasicAuth(login='user', password='***', encoding='latin1')"
    )
