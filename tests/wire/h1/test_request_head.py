import h11
import httptools
import pytest
from hypothesis import given, strategies as st
from multidict import istr

from tests.wire.h1.made_heads import damaged, field_lines, head_fields, is_refused_by, paddings
from trunkline.wire.errors import BadFraming, BadHead, FieldTooLong, TargetTooLong, WireError
from trunkline.wire.h1.framing import request_framing
from trunkline.wire.h1.head_buffer import HeadBuffer
from trunkline.wire.h1.request_head import parse_request_head
from trunkline.wire.limits import (
    MAX_CACHED_HEAD_BYTES,
    MAX_CACHED_LINE_BYTES,
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_LENGTH_DIGITS,
    MAX_LINE_BYTES,
)
from trunkline.wire.received import ReceivedHead
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

GET = b"GET / HTTP/1.1\r\nHost: a"

REQUEST_LINES: list[tuple[bytes, tuple[str, str, HttpVersion]]] = [
    (b"GET / HTTP/1.1", ("GET", "/", HttpVersion11)),
    (b"GET / HTTP/1.0", ("GET", "/", HttpVersion10)),
    (b"POST /a/b?c=d&e HTTP/1.1", ("POST", "/a/b?c=d&e", HttpVersion11)),
    (b"get / HTTP/1.1", ("get", "/", HttpVersion11)),
    (b"M-SEARCH /x HTTP/1.1", ("M-SEARCH", "/x", HttpVersion11)),
    (b"!#$%&'*+-.^_`|~ / HTTP/1.1", ("!#$%&'*+-.^_`|~", "/", HttpVersion11)),
    # origin-form
    (b"GET //evil/x HTTP/1.1", ("GET", "//evil/x", HttpVersion11)),
    (b"GET /%2e%2E/%zz HTTP/1.1", ("GET", "/%2e%2E/%zz", HttpVersion11)),
    (b"GET /? HTTP/1.1", ("GET", "/?", HttpVersion11)),
    (b"GET /a:b@c HTTP/1.1", ("GET", "/a:b@c", HttpVersion11)),
    # absolute-form
    (b"GET http://a/ HTTP/1.1", ("GET", "http://a/", HttpVersion11)),
    (b"GET HTTPS://a.example:8443/x?y HTTP/1.1", ("GET", "HTTPS://a.example:8443/x?y", HttpVersion11)),
    (b"GET http://a HTTP/1.1", ("GET", "http://a", HttpVersion11)),
    (b"GET http://a?b HTTP/1.1", ("GET", "http://a?b", HttpVersion11)),
    (b"GET http://[::1]:80/ HTTP/1.1", ("GET", "http://[::1]:80/", HttpVersion11)),
    (b"OPTIONS http://a/ HTTP/1.1", ("OPTIONS", "http://a/", HttpVersion11)),
    # authority-form
    (b"CONNECT a:443 HTTP/1.1", ("CONNECT", "a:443", HttpVersion11)),
    (b"CONNECT [::1]:443 HTTP/1.1", ("CONNECT", "[::1]:443", HttpVersion11)),
    # asterisk-form
    (b"OPTIONS * HTTP/1.1", ("OPTIONS", "*", HttpVersion11)),
]

BAD_REQUEST_LINES = {
    "nothing": b"",
    "method alone": b"GET",
    "no target": b"GET HTTP/1.1",
    "no target, two spaces": b"GET  HTTP/1.1",
    "no version (HTTP/0.9)": b"GET /",
    "no version, a space": b"GET / ",
    "two spaces before the target": b"GET  / HTTP/1.1",
    "two spaces before the version": b"GET /  HTTP/1.1",
    "space behind the version": b"GET / HTTP/1.1 ",
    "space before the method": b" GET / HTTP/1.1",
    "tab between": b"GET\t/ HTTP/1.1",
    "tab before the version": b"GET /\tHTTP/1.1",
    "vertical tab between": b"GET\x0b/ HTTP/1.1",
    "space in the target": b"GET /a b HTTP/1.1",
    "empty method": b" / HTTP/1.1",
    "method with a colon": b"GET: / HTTP/1.1",
    "method with a slash": b"GE/T / HTTP/1.1",
    "method in quotes": b'"GET" / HTTP/1.1',
    "method not ASCII": "GÉT / HTTP/1.1".encode(),
    "method with NUL": b"GET\0 / HTTP/1.1",
    "HTTP/0.9": b"GET / HTTP/0.9",
    "HTTP/1.2": b"GET / HTTP/1.2",
    "HTTP/1.10": b"GET / HTTP/1.10",
    "HTTP/1.01": b"GET / HTTP/1.01",
    "HTTP/11": b"GET / HTTP/11",
    "HTTP/1": b"GET / HTTP/1",
    "HTTP/2.0": b"GET / HTTP/2.0",
    "HTTP/3": b"GET / HTTP/3",
    "the preface of HTTP/2": b"PRI * HTTP/2.0",
    "version in lower case": b"GET / http/1.1",
    "fullwidth digit": "GET / HTTP/1.１".encode(),
    "another protocol": b"GET / ICY/1.1",
    "bare CR": b"GET /\r HTTP/1.1",
    "bare LF": b"GET /\n HTTP/1.1",
    "bare LF behind": b"GET / HTTP/1.1\nHost: a",
    "CR behind the version": b"GET / HTTP/1.1\r",
    "NUL in the target": b"GET /\0 HTTP/1.1",
    "DEL in the target": b"GET /\x7f HTTP/1.1",
    "escape character in the target": b"GET /\x1b[2J HTTP/1.1",
    "target not ASCII": "GET /ü HTTP/1.1".encode(),
    "target of other bytes": b"GET /\xff HTTP/1.1",
    # the four forms
    "relative path": b"GET a HTTP/1.1",
    "query alone": b"GET ?a HTTP/1.1",
    "dots": b"GET .. HTTP/1.1",
    "backslash": b"GET \\ HTTP/1.1",
    "asterisk to GET": b"GET * HTTP/1.1",
    "two asterisks": b"OPTIONS ** HTTP/1.1",
    "authority to GET": b"GET a:80 HTTP/1.1",
    "other scheme": b"GET ftp://a/ HTTP/1.1",
    "script": b"GET javascript:alert(1) HTTP/1.1",
    "scheme alone": b"GET http: HTTP/1.1",
    "no authority": b"GET http:///x HTTP/1.1",
    "one slash": b"GET http:/a HTTP/1.1",
    "user in the authority": b"GET http://user@evil/ HTTP/1.1",
    "user and password": b"GET http://good:pw@evil/ HTTP/1.1",
    "backslash in the authority": b"GET http://a\\@b/ HTTP/1.1",
    "open bracket": b"GET http://[::1/ HTTP/1.1",
    "no IPv6 address": b"GET http://[::::]/ HTTP/1.1",
    "port of letters": b"GET http://a:x/ HTTP/1.1",
    "port beyond 65535": b"GET http://a:65536/ HTTP/1.1",
    "port alone": b"GET http://:80/ HTTP/1.1",
    "percent sign in the authority": b"GET http://a%2fb/ HTTP/1.1",
    "path to CONNECT": b"CONNECT / HTTP/1.1",
    "URL to CONNECT": b"CONNECT http://a:80/ HTTP/1.1",
    "CONNECT without a port": b"CONNECT a HTTP/1.1",
    "CONNECT with an empty port": b"CONNECT a: HTTP/1.1",
    "CONNECT to a port alone": b"CONNECT :80 HTTP/1.1",
    "CONNECT to an address without a port": b"CONNECT [::1] HTTP/1.1",
    "CONNECT with a user": b"CONNECT u@a:80 HTTP/1.1",
}

BAD_FIELDS = {
    "folded line": b"A: b\r\n c",
    "folded line with a tab": b"A: b\r\n\tc",
    "no colon": b"A",
    "empty line inside": b"\r\nA: b",
    "empty name": b": b",
    "space before the colon": b"Transfer-Encoding : chunked",
    "tab before the colon": b"Transfer-Encoding\t: chunked",
    "space in the name": b"A b: c",
    "name not ASCII": "Ä: b".encode(),
    "bare LF in a value": b"A: b\nC: d",
    "bare CR in a value": b"A: b\rC: d",
    "CR before CRLF": b"A: b\r\r\nC: d",
    "NUL in a value": b"A: b\0",
}

GOOD_HOSTS = [
    "",
    "a",
    "a:",
    "a:80",
    "a,b",
    "a_b",
    "xn--nxasmq6b",
    "example.com.",
    "127.0.0.1:8080",
    "[::1]",
    "[::1]:65535",
]

BAD_HOSTS = [
    "a/b",
    "a\\b",
    "a?b",
    "a#b",
    "a|b",
    "user@a",
    "u:p@a",
    "http://a",
    "a%00",
    "a%2fb",
    "ä",
    "<a>",
    "{a}",
    '"a"',
    "[::1",
    "::1",
    "[]",
    "[::::]",
    "[v1.a]",
    "[::1]a",
    "[::1%25eth0]",
    "a:b",
    "a:80:80",
    "a:+80",
    "a:-1",
    "a:８０",
    "a:65536",
    ":80",
    "a b",
    "a\x01",
]

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
    "bare LF as line end": (b"GET / HTTP/1.1\nHost: a", "h11", "others see no line end there (CWE-444)"),
    "folded line": (GET + b"\r\nA: b\r\n c", "h11", "parties unfold differently (RFC 9112 §5.2)"),
    "no Host": (b"GET / HTTP/1.1", "httptools", "RFC 9112 §3.2: must be refused"),
    "two Hosts": (GET + b"\r\nHost: b", "httptools", "the same"),
    "a user in Host": (b"GET / HTTP/1.1\r\nHost: u@a", "both", "the same"),
    "relative target": (b"GET a HTTP/1.1\r\nHost: a", "h11", "no form of a target (RFC 9112 §3.2)"),
    "asterisk to GET": (b"GET * HTTP/1.1\r\nHost: a", "both", "the same"),
    "coding other than chunked": (
        GET + b"\r\nTransfer-Encoding: gzip, chunked",
        "httptools",
        "we understand chunked alone",
    ),
    "Transfer-Encoding in HTTP/1.0": (
        b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked",
        "both",
        "RFC 9112 §6.1: framing is faulty",
    ),
    "Transfer-Encoding and Content-Length": (
        GET + b"\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "h11",
        "RFC 9112 §6.3: may be request smuggling",
    ),
}


def parse(data: bytes) -> ReceivedHead:
    return parse_request_head(data, MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)


def with_fields(*lines: bytes, version: bytes = b"1.1") -> ReceivedHead:
    return parse(b"\r\n".join([b"GET / HTTP/%b" % version, b"Host: a", *lines]))


# The request line.


@pytest.mark.parametrize(("line", "expected"), REQUEST_LINES, ids=[str(line) for line, _ in REQUEST_LINES])
def test_a_request_line_is_method_target_and_version(line: bytes, expected: tuple[str, str, HttpVersion]) -> None:
    for _ in range(2):
        head = parse(line + b"\r\nHost: a")
        assert (head.method, head.target, head.version) == expected


@pytest.mark.parametrize("line", BAD_REQUEST_LINES.values(), ids=BAD_REQUEST_LINES)
def test_a_request_line_outside_the_grammar_is_refused_each_time(line: bytes) -> None:
    for _ in range(2):
        with pytest.raises(BadHead):
            parse(line + b"\r\nHost: a")


def test_the_first_bytes_of_tls_are_told_from_a_bad_request() -> None:
    with pytest.raises(BadHead, match="use http://"):
        parse(b"\x16\x03\x01\x02\x00\x01\x00")


@pytest.mark.parametrize("line", [line for line, _ in REQUEST_LINES], ids=str)
def test_a_head_byte_by_byte_is_the_same_head(line: bytes) -> None:
    data = line + b"\r\nHost: a\r\nX: y"
    gathered = gather(data)
    assert gathered == data
    assert as_values(parse(gathered)) == as_values(parse(data))


@pytest.mark.parametrize("line", BAD_REQUEST_LINES.values(), ids=BAD_REQUEST_LINES)
def test_a_bad_request_line_is_refused_byte_by_byte_as_well(line: bytes) -> None:
    with pytest.raises(BadHead):
        parse(gather(line + b"\r\nHost: a"))


def gather(data: bytes) -> bytes:
    """Return the head `data` after it has come byte by byte."""
    buffer = HeadBuffer(is_request=True)
    for at in range(len(data + b"\r\n\r\n")):
        found = buffer.feed((data + b"\r\n\r\n")[at : at + 1])
        if found is not None:
            assert found[1] == b""
            return found[0]
        buffer.check(MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)
    raise AssertionError("the end of the head was not found")


# Fields.


@pytest.mark.parametrize("lines", BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_field_line_outside_the_grammar_is_refused_each_time(lines: bytes) -> None:
    for _ in range(2):
        with pytest.raises(BadHead):
            with_fields(lines)


def test_fields_keep_their_order_their_case_and_their_repetitions() -> None:
    head = parse(b"GET / HTTP/1.1\r\nhOST: a\r\nb:1\r\nA: 2 \r\nB: \t3\r\nempty:")
    assert head.fields == [("hOST", "a"), ("b", "1"), ("A", "2"), ("B", "3"), ("empty", "")]
    assert all(isinstance(name, istr) for name, _ in head.fields)


@pytest.mark.parametrize("value", [b"gr\xfcn", "grün".encode(), bytes(range(0x80, 0x100))])
def test_bytes_that_are_no_ascii_come_back_as_they_were(value: bytes) -> None:
    head = with_fields(b"X: " + value)
    assert head.fields[1][1].encode("utf-8", "surrogateescape") == value
    assert head.raw_headers[1] == (b"X", value)


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_host_is_a_host_and_perhaps_a_port(host: str) -> None:
    assert parse(b"GET / HTTP/1.1\r\nHost: " + host.encode()).host == host


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_host_that_is_no_host_is_refused_each_time(host: str) -> None:
    for version in (b"1.1", b"1.0", b"1.1"):
        with pytest.raises(BadHead, match="Host"):
            parse(b"GET / HTTP/%b\r\nHost: %b" % (version, host.encode()))


@pytest.mark.parametrize("second", [b"a", b"b", b""])
def test_two_hosts_are_refused_even_if_they_are_equal(second: bytes) -> None:
    for first in (b"a", b""):
        with pytest.raises(BadHead, match="two Host fields"):
            parse(b"GET / HTTP/1.1\r\nHost: %b\r\nHost: %b" % (first, second))


@pytest.mark.parametrize("target", [b"/", b"http://a/", b"*"])
def test_http_1_1_needs_a_host_and_http_1_0_does_not(target: bytes) -> None:
    with pytest.raises(BadHead, match="no Host"):
        parse(b"OPTIONS %b HTTP/1.1\r\nX: y" % target)
    assert parse(b"OPTIONS %b HTTP/1.0\r\nX: y" % target).host is None


@pytest.mark.parametrize("value", BAD_LENGTHS.values(), ids=BAD_LENGTHS)
def test_a_content_length_that_is_not_one_number_is_refused_each_time(value: str) -> None:
    line = f"Content-Length: {value}".encode()
    for lines in ([line], [line], [b"Content-Length: 5", line]):
        with pytest.raises(BadFraming):
            with_fields(*lines)


def test_two_unequal_content_lengths_are_refused() -> None:
    with pytest.raises(BadFraming, match="5 and 6"):
        with_fields(b"Content-Length: 5", b"Content-Length: 6")


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
        (b"1.0", [b"Connection: keep-alive", b"Connection: close"], False),
        (b"1.0", [b"Connection: close", b"connection: keep-alive"], False),
    ],
)
def test_close_has_the_last_word_on_keeping_the_connection(
    version: bytes, lines: list[bytes], keep_alive: bool
) -> None:
    head = with_fields(*lines, version=version)
    assert head.keep_alive is keep_alive
    assert head.should_close is not keep_alive


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_what_follows_connect_is_no_request(version: bytes) -> None:
    head = parse(b"CONNECT a:80 HTTP/%b\r\nHost: a\r\nConnection: keep-alive" % version)
    assert not head.keep_alive


def test_other_fields_that_the_server_acts_on_are_collected() -> None:
    head = with_fields(
        b"Expect: 100-Continue",
        b"Connection: x, Upgrade",
        b"Content-Encoding: gzip",
        b"Content-Encoding: br",
        b"Transfer-Encoding: Chunked",
    )
    assert head.expect == "100-continue"
    assert head.is_upgrade
    assert head.upgrade
    assert head.content_encoding == head.compression == "gzip, br"
    assert head.chunked
    assert with_fields().expect is None
    assert not with_fields(b"Upgrade: websocket").is_upgrade


# Limits.


def test_each_limit_is_the_last_size_that_passes() -> None:
    line, field = b"GET /" + b"r" * 20 + b" HTTP/1.1", b"Host: " + b"v" * 20
    data = line + b"\r\n" + field
    assert parse_request_head(data, len(line), len(field), 1).method == "GET"
    with pytest.raises(TargetTooLong, match=r"limit is .*raise max_line_size"):
        parse_request_head(data, len(line) - 1, 100, 1)
    for limits in ((100, len(field) - 1, 1), (100, 100, 0)):
        with pytest.raises(FieldTooLong, match=r"limit is .*raise max_"):
            parse_request_head(data, *limits)


@pytest.mark.parametrize("limits", [(20, 8190, 128), (8190, 20, 128), (8190, 8190, 1)])
def test_a_head_known_from_a_laxer_server_is_still_too_long_for_a_stricter_one(limits: tuple[int, int, int]) -> None:
    data = b"GET /a-target-of-some-length HTTP/1.1\r\nHost: a\r\nX-Long: a value of some length"
    parse(data)
    with pytest.raises(FieldTooLong):
        parse_request_head(data, *limits)


# What is kept.


def test_a_second_parse_is_equal_to_the_first() -> None:
    data = b"POST /twice HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nConnection: close\r\nExpect: x"
    assert as_values(parse(data)) == as_values(parse(data))


def test_known_lines_are_not_parsed_again() -> None:
    assert is_known(b"GET /known HTTP/1.1\r\nHost: a\r\nX-Known: value")


@pytest.mark.parametrize(
    "line",
    [
        b"Cookie: secret=1",
        b"Authorization: Basic c2VjcmV0",
        b"proxy-authorization: Basic c2VjcmV0",
        b"X: " + b"v" * max(MAX_CACHED_LINE_BYTES, MAX_CACHED_HEAD_BYTES),
    ],
    ids=["cookie", "credentials", "credentials for a proxy", "long line"],
)
def test_secrets_and_long_lines_are_not_kept(line: bytes) -> None:
    assert not is_known(GET + b"\r\n" + line)


def is_known(data: bytes) -> bool:
    """Tell whether parsing `data` twice gives the same last field."""
    return parse(data).fields[-1] is parse(data).fields[-1]


def as_values(head: ReceivedHead) -> dict[str, object]:
    return dict(vars(head), fields=list(head.fields))


# The oracles.

Reading = tuple[bytes, bytes, list[tuple[bytes, bytes]]]


def read_by_h11(data: bytes) -> Reading:
    """h11's reading of a head with its empty line; raises when it refuses."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    event = server.next_event()
    assert isinstance(event, h11.Request)
    return event.method, event.target, event.headers.raw_items()


def read_by_httptools(data: bytes) -> Reading:
    """httptools' reading of a head with its empty line; raises when it refuses."""
    targets: list[bytes] = []
    fields: list[tuple[bytes, bytes]] = []

    class Callbacks:
        def on_url(self, target: bytes) -> None:
            targets.append(target)

        def on_header(self, name: bytes, value: bytes) -> None:
            fields.append((name, value.strip(b" \t")))

    parser = httptools.HttpRequestParser(Callbacks())
    parser.feed_data(data)
    return parser.get_method(), b"".join(targets), fields


ORACLES = {"h11": read_by_h11, "httptools": read_by_httptools}


def is_refused_by_us(data: bytes) -> bool:
    try:
        request_framing(parse(data))
    except WireError:
        return True
    return False


_TARGET_CHARS = "/abc?=&%20;:@!$'()*+,-._~"

methods = st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"HEAD", b"PROPFIND"])
targets = st.text(_TARGET_CHARS, max_size=20).map(lambda text: b"/" + text.encode())


@given(methods, targets, head_fields, paddings)
def test_valid_heads_are_read_as_h11_and_httptools_read_them(
    method: bytes, target: bytes, pairs: list[tuple[str, bytes]], padding: bytes
) -> None:
    lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: a"]
    lines += field_lines(pairs, padding)
    data = b"\r\n".join(lines)
    head = parse(data)
    fields = [(name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in head.fields]
    ours = head.method.encode("ascii"), head.target.encode("ascii"), fields
    for read in ORACLES.values():
        assert ours == read(data + b"\r\n\r\n")


_SEEDS = [
    b"GET /path?a=b HTTP/1.1\r\nHost: example.com:80\r\nConnection: keep-alive\r\nX: y",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nUser-Agent: a/b (c)",
    b"PUT /x HTTP/1.1\r\nhost:a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue",
    b"GET / HTTP/1.0\r\nContent-Length: 10, 10\r\nContent-Length: 10",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nA:\r\nB: c",
]


@given(damaged(_SEEDS))
def test_what_both_oracles_refuse_we_refuse(data: bytes) -> None:
    if all(is_refused_by(oracle, data) for oracle in ORACLES.values()):
        assert is_refused_by_us(data)


@pytest.mark.parametrize(("data", "taken_by", "why"), STRICTER.values(), ids=STRICTER)
def test_where_we_are_stricter_than_an_oracle(data: bytes, taken_by: str, why: str) -> None:
    assert is_refused_by_us(data), why
    lax = {name for name, oracle in ORACLES.items() if not is_refused_by(oracle, data)}
    assert lax == ({"h11", "httptools"} if taken_by == "both" else {taken_by})


@given(st.binary(max_size=80))
def test_only_bad_head_and_bad_framing_are_ever_raised(data: bytes) -> None:
    for start in (b"", b"GET ", b"GET / HTTP/1.1\r\n", GET + b"\r\n", GET + b"\r\nContent-Length:"):
        try:
            parse(start + data)
        except (BadHead, BadFraming):
            pass
