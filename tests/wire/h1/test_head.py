import h11
import httptools
import pytest
from hypothesis import given, strategies as st
from multidict import istr

from tests.wire.h1.made_heads import damaged, field_lines, head_fields, is_refused_by, paddings, texts
from trunkline.wire.errors import BadFraming, BadHead, FieldTooLong, WireError
from trunkline.wire.h1.framing import response_framing
from trunkline.wire.h1.head import ResponseHead, parse_response_head
from trunkline.wire.keep_alive import KeepAliveHint
from trunkline.wire.limits import (
    MAX_CACHED_LINE_BYTES,
    MAX_CACHED_LINES,
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_LENGTH_DIGITS,
    MAX_LINE_BYTES,
)
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

OK = b"HTTP/1.1 200 OK"

STATUS_LINES = [
    (b"HTTP/1.1 200 OK", (HttpVersion11, 200, "OK")),
    (b"HTTP/1.0 404 Not Found", (HttpVersion10, 404, "Not Found")),
    (b"HTTP/1.1 200 ", (HttpVersion11, 200, "")),
    (b"HTTP/1.1 200", (HttpVersion11, 200, "")),
    (b"HTTP/1.1 100 Continue", (HttpVersion11, 100, "Continue")),
    (b"HTTP/1.1 999 ", (HttpVersion11, 999, "")),
    (b"HTTP/1.1 200  a\tb ", (HttpVersion11, 200, " a\tb ")),
    ("HTTP/1.1 200 schön".encode(), (HttpVersion11, 200, "schön")),
    (b"HTTP/1.1 200 sch\xf6n", (HttpVersion11, 200, "sch\udcf6n")),
]

BAD_HEADS = {
    "nothing": b"",
    "empty line first": b"\r\nHTTP/1.1 200 OK",
    "not HTTP": b"SSH-2.0-OpenSSH_9.6",
    "HTTP/0.9": b"HTTP/0.9 200 OK",
    "HTTP/1.2": b"HTTP/1.2 200 OK",
    "HTTP/2.0": b"HTTP/2.0 200 OK",
    "HTTP/1.10": b"HTTP/1.10 200 OK",
    "version in lower case": b"http/1.1 200 OK",
    "space before the version": b" HTTP/1.1 200 OK",
    "version alone": b"HTTP/1.1",
    "no code": b"HTTP/1.1 ",
    "two spaces before the code": b"HTTP/1.1  200 OK",
    "tab before the code": b"HTTP/1.1\t200 OK",
    "tab after the code": b"HTTP/1.1 200\tOK",
    "two digits": b"HTTP/1.1 20 OK",
    "four digits": b"HTTP/1.1 2000 OK",
    "code below 100": b"HTTP/1.1 099 OK",
    "negative code": b"HTTP/1.1 -20 OK",
    "code with a plus": b"HTTP/1.1 +20 OK",
    "fullwidth digits": "HTTP/1.1 ２００ OK".encode(),
    "bare LF in the reason": b"HTTP/1.1 200 O\nK",
    "bare CR in the reason": b"HTTP/1.1 200 O\rK",
    "NUL in the reason": b"HTTP/1.1 200 O\0K",
    "DEL in the reason": b"HTTP/1.1 200 O\x7fK",
    "bare LF after the status line": b"HTTP/1.1 200 OK\nA: b",
    "folded line": OK + b"\r\nA: b\r\n c",
    "folded line with a tab": OK + b"\r\nA: b\r\n\tc",
    "folded status line": OK + b"\r\n A: b",
    "no colon": OK + b"\r\nA",
    "empty line inside": OK + b"\r\n\r\nA: b",
    "empty name": OK + b"\r\n: b",
    "space before the colon": OK + b"\r\nTransfer-Encoding : chunked",
    "tab before the colon": OK + b"\r\nTransfer-Encoding\t: chunked",
    "space in the name": OK + b"\r\nA b: c",
    "name not ASCII": OK + "\r\nÄ: b".encode(),
    "bare LF in a value": OK + b"\r\nA: b\nC: d",
    "bare CR in a value": OK + b"\r\nA: b\rC: d",
    "CR before CRLF": OK + b"\r\nA: b\r\r\nC: d",
    "NUL in a value": OK + b"\r\nA: b\0",
}

BAD_LENGTHS = {
    "plus": "+5",
    "minus": "-1",
    "underscore": "5_0",
    "hex": "0x5",
    "letters": "five",
    "fullwidth digits": "５",
    "superscript": "²",
    "empty": "",
    "space inside": "5 0",
    "decimal point": "5.0",
    "10**40": str(10**40),
    "one digit too many": "1" * (MAX_LENGTH_DIGITS + 1),
    "unequal list": "5, 6",
    "empty member": "5,",
    "bad member": "5, +5",
}

# Heads that one of the oracles takes and we do not, and why.
STRICTER = {
    "bare LF as line end": (b"HTTP/1.1 200 OK\nA: b", "h11", "others see no line end there (CWE-444)"),
    "folded line": (OK + b"\r\nA: b\r\n c", "h11", "parties unfold differently (RFC 9112 §5.2)"),
    "HTTP/1.2": (b"HTTP/1.2 200 OK", "h11", "no such version; what it would mean is unknown"),
    "code below 100": (b"HTTP/1.1 099 OK", "httptools", "RFC 9110 §15: from 100 to 599"),
    "control character in the reason": (b"HTTP/1.1 200 O\x01K", "both", "RFC 9112 §4 has none"),
    "empty line first": (b"\r\nHTTP/1.1 200 OK", "httptools", "only servers may skip one (RFC 9112 §2.2)"),
    "coding other than chunked": (
        OK + b"\r\nTransfer-Encoding: gzip, chunked",
        "httptools",
        "we never ask for one with TE (RFC 9112 §7.4)",
    ),
    "chunked twice": (
        OK + b"\r\nTransfer-Encoding: chunked, chunked",
        "httptools",
        "RFC 9112 §6.1: must not be applied twice",
    ),
    "coding after chunked": (
        OK + b"\r\nTransfer-Encoding: chunked, identity",
        "httptools",
        "chunked is not the last coding, so the end cannot be told",
    ),
    "Transfer-Encoding in HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
        "both",
        "RFC 9112 §6.1: framing is faulty",
    ),
}


def parse(data: bytes) -> ResponseHead:
    return parse_response_head(data, MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)


def with_fields(*lines: bytes) -> ResponseHead:
    return parse(b"\r\n".join([OK, *lines]))


# The grammar.


@pytest.mark.parametrize(("line", "expected"), STATUS_LINES)
def test_a_status_line_is_version_code_and_reason(line: bytes, expected: tuple[HttpVersion, int, str]) -> None:
    head = parse(line)
    assert (head.version, head.status, head.reason) == expected
    assert head.fields == []


@pytest.mark.parametrize("data", BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_a_head_outside_the_grammar_is_refused_each_time(data: bytes) -> None:
    for _ in range(2):
        with pytest.raises(BadHead):
            parse(data)


def test_fields_keep_their_order_their_case_and_their_repetitions() -> None:
    head = with_fields(b"b:1", b"A: 2 ", b"B: \t3", b"empty:")
    assert [(str(name), value) for name, value in head.fields] == [
        ("b", "1"),
        ("A", "2"),
        ("B", "3"),
        ("empty", ""),
    ]
    assert all(isinstance(name, istr) for name, _ in head.fields)


@pytest.mark.parametrize("value", [b"gr\xfcn", "grün".encode(), bytes(range(0x80, 0x100))])
def test_bytes_that_are_no_ascii_come_back_as_they_were(value: bytes) -> None:
    head = parse(b"HTTP/1.1 200 %b\r\nX: %b" % (value, value))
    assert head.fields[0][1].encode("utf-8", "surrogateescape") == value
    assert head.reason.encode("utf-8", "surrogateescape") == value


# Fields that the connection acts on.


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ([], None),
        ([b"Content-Length: 0"], 0),
        ([b"content-length:  5\t"], 5),
        ([b"CONTENT-LENGTH: 005"], 5),
        ([b"Content-Length: %b" % (b"9" * MAX_LENGTH_DIGITS)], 10**MAX_LENGTH_DIGITS - 1),
        ([b"Content-Length: 5", b"Content-Length: 5"], 5),
        ([b"Content-Length: 5,5 , 5"], 5),
        ([b"Content-Length: 5", b"Content-Length: 5, 05"], 5),
    ],
)
def test_content_length_is_one_number_however_often_it_is_said(lines: list[bytes], length: int | None) -> None:
    assert with_fields(*lines).content_length == length


@pytest.mark.parametrize("value", BAD_LENGTHS.values(), ids=BAD_LENGTHS.keys())
def test_a_content_length_that_is_not_one_number_is_refused_each_time(value: str) -> None:
    line = f"Content-Length: {value}".encode()
    for lines in ([line], [line], [b"Content-Length: 5", line]):
        with pytest.raises(BadFraming):
            with_fields(*lines)


def test_two_unequal_content_lengths_are_refused() -> None:
    with pytest.raises(BadFraming, match="5 and 6"):
        with_fields(b"Content-Length: 5", b"Content-Length: 6")


@pytest.mark.parametrize(
    ("lines", "codings"),
    [
        ([], None),
        ([b"Transfer-Encoding: Chunked"], "chunked"),
        ([b"Transfer-Encoding: gzip", b"transfer-encoding: chunked"], "gzip, chunked"),
        (["Transfer-Encoding: chun\u212aed".encode()], "chun\u212aed"),  # a Kelvin sign, "k" in lower case
    ],
)
def test_transfer_codings_are_collected_in_order(lines: list[bytes], codings: str | None) -> None:
    assert with_fields(*lines).transfer_codings == codings


@pytest.mark.parametrize(
    ("version", "lines", "keep_alive"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.1", [b"Connection: Foo ,\tCLOSE"], False),
        (b"1.1", [b"Connection: keep-alive, close"], False),
        (b"1.1", [b"Connection: close", b"Connection: keep-alive"], False),
        (b"1.1", [b"Connection: closed"], True),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: Keep-Alive"], True),
        (b"1.0", [b"Connection: upgrade, keep-alive"], True),
        (b"1.0", [b"Connection: keep-alive, close"], False),
        (b"1.0", [b"Connection: keep-alive", b"Connection: close"], False),
        (b"1.0", [b"Connection: close", b"connection: keep-alive"], False),
    ],
)
def test_close_has_the_last_word_on_keeping_the_connection(
    version: bytes, lines: list[bytes], keep_alive: bool
) -> None:
    head = parse(b"\r\n".join([b"HTTP/%b 200 OK" % version, *lines]))
    assert head.keep_alive is keep_alive


@pytest.mark.parametrize(
    ("lines", "hint"),
    [
        ([], None),
        ([b"Keep-Alive: 115"], None),
        ([b"keep-alive: timeout=5, max=100"], KeepAliveHint(4.5, 100)),
        ([b"Keep-Alive: timeout=5", b"Keep-Alive: nonsense", b"Keep-Alive: max=100"], KeepAliveHint(4.5, 100)),
    ],
)
def test_what_the_server_says_of_idle_connections_is_a_hint(lines: list[bytes], hint: KeepAliveHint | None) -> None:
    assert with_fields(*lines).keep_alive_hint == hint


def test_other_fields_that_the_session_acts_on_are_collected() -> None:
    head = with_fields(
        b"Set-Cookie: a=b",
        b"Content-Encoding: gzip",
        b"Content-Encoding: br",
        b"Location: /first",
        b"Location: /second",
    )
    assert head.has_set_cookie
    assert head.content_encoding == "gzip, br"
    assert not with_fields(b"A: b").has_set_cookie


# Limits.


def test_each_limit_is_the_last_size_that_passes() -> None:
    line, field = b"HTTP/1.1 200 " + b"r" * 20, b"X: " + b"v" * 20
    data = line + b"\r\n" + field
    assert parse_response_head(data, len(line), len(field), 1).status == 200
    for limits in ((len(line) - 1, 100, 1), (100, len(field) - 1, 1), (100, 100, 0)):
        with pytest.raises(FieldTooLong, match=r"limit is .*raise max_"):
            parse_response_head(data, *limits)


@pytest.mark.parametrize("limits", [(20, 8190), (8190, 20)], ids=["status line", "field line"])
def test_a_line_known_from_a_laxer_request_is_still_too_long_for_a_stricter_one(
    limits: tuple[int, int],
) -> None:
    data = b"HTTP/1.1 200 a reason of some length\r\nX-Long: a value of some length"
    parse(data)
    with pytest.raises(FieldTooLong):
        parse_response_head(data, *limits, MAX_FIELDS)


# The tables of known lines.


def test_a_second_parse_is_equal_to_the_first_and_shares_nothing_that_changes() -> None:
    data = b"HTTP/1.1 299 Twice\r\nContent-Length: 7\r\nConnection: close\r\nTransfer-Encoding: a"
    first, second = parse(data), parse(data)
    assert as_values(first) == as_values(second)
    first.fields.clear()
    first.keep_alive = True
    third = parse(data)
    assert as_values(third) == as_values(second)


def test_known_lines_are_not_parsed_again() -> None:
    data = b"HTTP/1.1 299 Known\r\nX-Known: value"
    assert is_known(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nSet-Cookie: secret=1",
        b"HTTP/1.1 200 OK\r\nX: " + b"v" * MAX_CACHED_LINE_BYTES,
        b"HTTP/1.1 200 " + b"r" * MAX_CACHED_LINE_BYTES,
    ],
    ids=["cookie", "long field line", "long status line"],
)
def test_cookies_and_long_lines_are_not_kept(data: bytes) -> None:
    assert not is_known(data)


def test_old_lines_are_forgotten_so_that_the_tables_stay_bounded() -> None:
    data = b"HTTP/1.1 299 Seldom\r\nX-Seldom: value"
    others = [b"HTTP/1.1 200 %d\r\nX: %d" % (number, number) for number in range(MAX_CACHED_LINES + 1)]
    before = parse(data)
    for other in others:
        parse(other)
    after = parse(data)
    assert before.reason is not after.reason
    assert before.fields[0] is not after.fields[0]


def is_known(data: bytes) -> bool:
    """Tell whether parsing `data` twice gives the same objects."""
    before, after = parse(data), parse(data)
    pairs = zip(before.fields, after.fields, strict=True)
    return before.reason is after.reason and all(one is other for one, other in pairs)


def as_values(head: ResponseHead) -> dict[str, object]:
    return dict(vars(head), fields=list(head.fields))


# The oracles.

Reading = tuple[int, bytes, list[tuple[bytes, bytes]]]


def read_by_h11(data: bytes) -> Reading:
    """h11's reading of a head with its empty line; raises when it refuses."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    event = client.next_event()
    assert isinstance(event, h11.Response | h11.InformationalResponse)
    return event.status_code, event.reason, event.headers.raw_items()


def read_by_httptools(data: bytes) -> Reading:
    """httptools' reading of a head with its empty line; raises when it refuses."""
    reasons: list[bytes] = []
    fields: list[tuple[bytes, bytes]] = []

    class Callbacks:
        def on_status(self, reason: bytes) -> None:
            reasons.append(reason)

        def on_header(self, name: bytes, value: bytes) -> None:
            fields.append((name, value.strip(b" \t")))

    parser = httptools.HttpResponseParser(Callbacks())
    parser.feed_data(data)
    return parser.get_status_code(), b"".join(reasons), fields


ORACLES = {"h11": read_by_h11, "httptools": read_by_httptools}


def is_refused_by_us(data: bytes) -> bool:
    try:
        response_framing(parse(data), "GET")
    except WireError:
        return True
    return False


statuses = st.integers(200, 999)


@given(statuses, texts, head_fields, paddings)
def test_valid_heads_are_read_as_h11_and_httptools_read_them(
    status: int, reason: bytes, pairs: list[tuple[str, bytes]], padding: bytes
) -> None:
    lines = [b"HTTP/1.1 %d %b" % (status, reason)]
    lines += field_lines(pairs, padding)
    data = b"\r\n".join(lines)
    head = parse(data)
    fields = [(name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in head.fields]
    ours = head.status, head.reason.encode("utf-8", "surrogateescape"), fields
    for read in ORACLES.values():
        assert ours == read(data + b"\r\n\r\n")


_SEEDS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\nX: y",
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nServer: a/b (c)",
    b"HTTP/1.0 302 Found\r\nLocation: /x\r\nContent-Length: 12\r\nSet-Cookie: a=b; Path=/",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10, 10\r\nContent-Length: 10",
]


@given(damaged(_SEEDS))
def test_what_both_oracles_refuse_we_refuse(data: bytes) -> None:
    if all(is_refused_by(oracle, data) for oracle in ORACLES.values()):
        assert is_refused_by_us(data)


@pytest.mark.parametrize(("data", "taken_by", "why"), STRICTER.values(), ids=STRICTER.keys())
def test_where_we_are_stricter_than_an_oracle(data: bytes, taken_by: str, why: str) -> None:
    assert is_refused_by_us(data), why
    lax = {name for name, oracle in ORACLES.items() if not is_refused_by(oracle, data)}
    assert lax == ({"h11", "httptools"} if taken_by == "both" else {taken_by})


@given(st.binary(max_size=80))
def test_only_bad_head_and_bad_framing_are_ever_raised(data: bytes) -> None:
    for start in (b"", b"HTTP/1.1 200 ", OK + b"\r\n", OK + b"\r\nContent-Length:"):
        try:
            parse(start + data)
        except (BadHead, BadFraming):
            pass
