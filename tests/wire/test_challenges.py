"""Challenges, from RFC 9110's grammar to what servers really send."""

import time

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.challenges import parse_auth_parameters, parse_challenges
from trunkline.wire.limits import MAX_CHALLENGES

Parsed = tuple[str, str | None, dict[str, str]]


def parsed(*fields: str) -> list[Parsed]:
    return [(each.scheme, each.token68, dict(each.parameters)) for each in parse_challenges(fields)]


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ((), []),
        (("",), []),
        ((" , ,",), []),
        (("Negotiate",), [("negotiate", None, {})]),
        (("Basic realm=r",), [("basic", None, {"realm": "r"})]),
        (('Basic realm = \t"a b"  ,  charset=UTF-8',), [("basic", None, {"realm": "a b", "charset": "UTF-8"})]),
        # RFC 9110 §11.6.1's example
        (
            ('Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',),
            [
                ("basic", None, {"realm": "simple"}),
                ("newauth", None, {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
            ],
        ),
        (("Negotiate abc==, Basic realm=r",), [("negotiate", "abc==", {}), ("basic", None, {"realm": "r"})]),
        (("Negotiate, NTLM",), [("negotiate", None, {}), ("ntlm", None, {})]),
        (("A x=1", "B x=2"), [("a", None, {"x": "1"}), ("b", None, {"x": "2"})]),
        (("DIGEST ReAlM=r, NONCE=n",), [("digest", None, {"realm": "r", "nonce": "n"})]),
        (('Digest qop="auth,auth-int", nonce=n',), [("digest", None, {"qop": "auth,auth-int", "nonce": "n"})]),
        (('Digest realm=""',), [("digest", None, {"realm": ""})]),
    ],
)
def test_challenges_are_split_by_the_grammar(fields: tuple[str, ...], wanted: list[Parsed]) -> None:
    assert parsed(*fields) == wanted


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ('Digest realm="r" nonce="n"', [("digest", None, {"realm": "r", "nonce": "n"})]),  # no comma
        ("Digest nonce=abc/def==, realm=r", [("digest", None, {"nonce": "abc/def==", "realm": "r"})]),  # no quotes
        ("Digest nonce=n, algorithm=, x=y", [("digest", None, {"nonce": "n", "algorithm": "", "x": "y"})]),
        ("Digest a=1, a=2", [("digest", None, {"a": "1"})]),
        ('Digest nonce="n", realm="never closed', [("digest", None, {"nonce": "n", "realm": ""})]),
        ('realm="r", nonce="n"', [("realm", None, {})]),
        ("Digest realm=r; nonce=n", [("digest", None, {"realm": "r;", "nonce": "n"})]),
        ("\x00Digest realm=r", []),
    ],
)
def test_what_servers_get_wrong_never_fails(field: str, wanted: list[Parsed]) -> None:
    assert parsed(field) == wanted


def test_the_number_of_challenges_is_bounded() -> None:
    assert len(parsed(*["Basic realm=r," * 100] * 100)) == MAX_CHALLENGES


@pytest.mark.parametrize("piece", ['"', "a=", "a ", 'a="', "a=\\", ",", " ", "a ====", 'a="\\', "A b=c,"])
def test_hostile_fields_take_linear_time(piece: str) -> None:
    started = time.perf_counter()
    parsed(f"Digest {piece * 200_000}")
    assert time.perf_counter() - started < 2


@given(st.lists(st.text(alphabet='aD =,"\\\t;/\x00é', max_size=40), max_size=4))
def test_any_text_gives_challenges_with_tokens_for_names(fields: list[str]) -> None:
    for scheme, _, parameters in parsed(*fields):
        assert scheme == scheme.lower()
        for name in (scheme, *parameters):
            assert name
            assert not set(name) & set(' =,"\\\t;/\x00')


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(alphabet='ab \\",=é', max_size=9)))
def test_quoted_parameters_come_back_as_they_were(parameters: dict[str, str]) -> None:
    def quoted(text: str) -> str:
        return '"' + "".join(f"\\{each}" if each in '"\\' else each for each in text) + '"'

    field = ", ".join(f"{name}={quoted(value)}" for name, value in parameters.items())
    assert parse_auth_parameters(field)[0] == parameters
    assert parsed(f"X-Scheme {field}") == [("x-scheme", None, parameters)]
