import h11
import pytest
from hypothesis import given, strategies as st

from trunkline.wire.h1.head import parse_response_head
from trunkline.wire.h1.response_render import CONTINUE, render_response_head, render_status_line
from trunkline.wire.limits import MAX_CACHED_LINES, MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

OK = b"HTTP/1.1 200 OK\r\n"

STATUS_LINES = [
    (HttpVersion11, 200, "OK", b"HTTP/1.1 200 OK\r\n"),
    (HttpVersion10, 404, "Not Found", b"HTTP/1.0 404 Not Found\r\n"),
    (HttpVersion11, 299, "", b"HTTP/1.1 299 \r\n"),
    (HttpVersion11, 200, "a\tb", b"HTTP/1.1 200 a\tb\r\n"),
    (HttpVersion11, 200, "schön", "HTTP/1.1 200 schön\r\n".encode()),
    (HttpVersion11, 200, "sch\udcf6n", b"HTTP/1.1 200 sch\xf6n\r\n"),
    (HttpVersion(2, 0), 200, "OK", b"HTTP/1.1 200 OK\r\n"),
]

CONTROLS = [chr(code) for code in [*range(0x20), 0x7F] if chr(code) != "\t"]

BAD_FIELDS = {
    "CR LF in the value": ("X", "a\r\nSet-Cookie: b=c"),
    "LF in the value": ("X", "a\nb"),
    "CR in the value": ("X", "a\rb"),
    "NUL in the value": ("X", "a\0b"),
    "DEL in the value": ("X", "a\x7fb"),
    "lone surrogate in the value": ("X", "\ud800"),
    "empty name": ("", "a"),
    "colon in the name": ("X:", "a"),
    "space in the name": ("X Y", "a"),
    "CR LF in the name": ("X\r\nY", "a"),
    "name not ASCII": ("Ä", "a"),
    "name behind a blank": (" X", "a"),
}


@pytest.mark.parametrize(("version", "status", "reason", "line"), STATUS_LINES)
def test_a_status_line_is_version_code_and_reason(version: HttpVersion, status: int, reason: str, line: bytes) -> None:
    for _ in range(2):
        assert render_status_line(version, status, reason) == line


@pytest.mark.parametrize("control", CONTROLS, ids=repr)
def test_a_reason_with_a_control_character_is_refused_each_time(control: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="reason"):
            render_status_line(HttpVersion11, 200, f"O{control}K")


def test_a_reason_that_cannot_be_encoded_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        render_status_line(HttpVersion11, 200, "\ud800")


@pytest.mark.parametrize("status", [-1, 0, 99, 1000])
def test_a_status_of_other_than_three_digits_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match="status"):
        render_status_line(HttpVersion11, status, "")


def test_old_status_lines_are_forgotten_so_that_the_table_stays_bounded() -> None:
    first = render_status_line(HttpVersion11, 200, "seldom")
    for number in range(MAX_CACHED_LINES + 1):
        render_status_line(HttpVersion11, 200, str(number))
    assert render_status_line(HttpVersion11, 200, "seldom") is not first


def test_a_head_ends_with_an_empty_line() -> None:
    assert render_response_head(OK, []) == OK + b"\r\n"
    assert render_response_head(OK, [("A", "b"), ("A", "ä")]) == OK + "A: b\r\nA: ä\r\n\r\n".encode()


@pytest.mark.parametrize(("name", "value"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_field_that_could_start_another_is_refused_each_time(name: str, value: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError):
            render_response_head(OK, [("Good", "field"), (name, value)])


@pytest.mark.parametrize("value", [1, None, b"bytes"])
def test_a_value_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="wanted str"):
        render_response_head(OK, [("X", value)])  # type: ignore[list-item]  # that is the mistake


def test_100_continue_is_a_whole_interim_response() -> None:
    head = parse_response_head(CONTINUE.removesuffix(b"\r\n\r\n"), MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)
    assert (head.status, head.fields) == (100, [])
    assert CONTINUE.endswith(b"\r\n\r\n")


_TCHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FRAMING_NAMES = {"content-length", "transfer-encoding"}  # h11 acts on them

names = st.text(_TCHARS, min_size=1, max_size=12).filter(lambda name: name.lower() not in _FRAMING_NAMES)
values = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.tuples(names, values), max_size=6), st.text(st.characters(codec="utf-8"), max_size=20))
def test_what_is_rendered_is_read_as_it_was_meant_or_refused(pairs: list[tuple[str, str]], reason: str) -> None:
    try:
        data = render_response_head(render_status_line(HttpVersion11, 200, reason), pairs)
    except ValueError:
        assert any(control in text for text in [reason, *(value for _, value in pairs)] for control in CONTROLS)
        return
    head = parse_response_head(data.removesuffix(b"\r\n\r\n"), MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)
    assert (head.status, head.reason) == (200, reason)
    assert head.fields == [(name, value.strip(" \t")) for name, value in pairs]


@given(st.lists(st.tuples(names, st.text("abc: ;=,\t\x80ü", max_size=20)), max_size=6))
def test_h11_reads_what_is_rendered(pairs: list[tuple[str, str]]) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(render_response_head(OK, pairs))
    event = client.next_event()
    assert isinstance(event, h11.Response)
    assert event.headers.raw_items() == [(name.encode(), value.strip(" \t").encode()) for name, value in pairs]
