import pytest
from hypothesis import given, strategies as st

from trunkline.wire.errors import BadHead
from trunkline.wire.fields import check_field_name, check_field_value, parse_field_line, render_field_line

READ = [
    (b"Host: a", ("Host", "a")),
    (b"Host:a", ("Host", "a")),
    (b"Host: \t a \t", ("Host", "a")),
    (b"X:", ("X", "")),
    (b"X: a:b", ("X", "a:b")),
    (b"!#$%&'*+-.^_`|~09azAZ: 1", ("!#$%&'*+-.^_`|~09azAZ", "1")),
    ("X: gr\u00fcn".encode(), ("X", "gr\u00fcn")),
    (b"X: gr\xfcn", ("X", "gr\udcfcn")),
    (b"X: a\x01b", ("X", "a\x01b")),
]

REFUSED = {
    "no colon": b"Host",
    "empty": b"",
    "empty name": b": a",
    "space before the colon": b"Host : a",
    "tab before the colon": b"Host\t: a",
    "space in the name": b"Ho st: a",
    "obs-fold": b" continued: a",
    "obs-fold with a tab": b"\tcontinued",
    "name not ASCII": b"H\xf6st: a",
    "NUL in the name": b"Ho\0st: a",
    "LF after the name": b"Host\n: a",
    "bare LF": b"Host: a\nb",
    "bare CR": b"Host: a\rb",
    "CR at the end": b"Host: a\r",
    "NUL in the value": b"Host: a\0b",
}

BAD_NAMES = ["", "a b", "a:", "a\n", "a\r", "a\0", "\u00e9", "a,b", "(a)", "a\u017f"]
BAD_VALUES = ["a\nb", "a\rb", "a\r\nX: y", "a\0", "\x01", "\x7f", "\n"]


@pytest.mark.parametrize(("line", "field"), READ)
def test_a_field_line_is_split_into_name_and_value(line: bytes, field: tuple[str, str]) -> None:
    assert parse_field_line(line) == field


@pytest.mark.parametrize("line", REFUSED.values(), ids=REFUSED.keys())
def test_a_field_line_outside_the_grammar_is_refused(line: bytes) -> None:
    with pytest.raises(BadHead):
        parse_field_line(line)


@given(st.binary(max_size=40))
def test_only_bad_head_is_ever_raised_and_nothing_dangerous_passes(line: bytes) -> None:
    try:
        name, value = parse_field_line(line)
    except BadHead:
        return
    check_field_name(name)
    assert not set(value) & set("\r\n\0")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_token_is_never_sent(name: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        render_field_line(name, "a")


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_value_with_control_characters_is_never_sent(value: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        render_field_line("X", value)


def test_a_lone_surrogate_is_never_sent() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        render_field_line("X", "\ud800")


@pytest.mark.parametrize("value", ["", "a", "a\tb", "gr\u00fcn", "gr\udcfcn"])
def test_what_is_sent_reads_back_the_same(value: str) -> None:
    check_field_value(value)
    line = render_field_line("X-Name", value)
    assert line.endswith(b"\r\n")
    assert parse_field_line(line[:-2]) == ("X-Name", value)


def test_a_message_shows_only_the_start_of_a_long_name() -> None:
    with pytest.raises(ValueError) as caught:
        check_field_name(" " * 10_000)
    assert len(str(caught.value)) < 300
