import pytest
from multidict import istr

from tests.memory import MIB, peak_below
from trunkline.wire.errors import HeadTooLarge, StreamFault
from trunkline.wire.h2.codes import ErrorCode
from trunkline.wire.h2.head import (
    check_trailers,
    parse_request_head,
    parse_response_head,
    request_fields,
    response_fields,
)
from trunkline.wire.limits import MAX_CACHED_HEAD_BYTES, MAX_CACHED_HEADS
from trunkline.wire.message import FieldBlock, RequestHead, Target
from trunkline.wire.version import HttpVersion20

Pairs = list[tuple[str, str]]

GET: Pairs = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.example")]
CONNECT: Pairs = [(":method", "CONNECT"), (":authority", "a.example:443")]
EXTENDED: Pairs = [
    (":method", "CONNECT"),
    (":scheme", "https"),
    (":path", "/chat"),
    (":authority", "a.example"),
    (":protocol", "websocket"),
]


def _with(fields: Pairs, **changes: str | None) -> Pairs:
    """Return `fields` with other pseudo-header fields, or without those that are None."""
    changed = {f":{name}": value for name, value in changes.items()}
    kept = [(name, changed.get(name, value)) for name, value in fields]
    return [(name, value) for name, value in kept if value is not None]


# What is wrong with a field, in heads of both roles and in trailers (§8.2.1, §8.2.2).
BAD_FIELDS: dict[str, tuple[str, str]] = {
    "empty name": ("", "a"),
    "upper case": ("X-A", "a"),
    "one upper-case letter": ("acceptT", "a"),
    "space in the name": ("x a", "a"),
    "colon in the name": ("x:a", "a"),
    "colon at the end of the name": ("x:", "a"),
    "NUL in the name": ("x\0", "a"),
    "DEL in the name": ("x\x7f", "a"),
    "LF in the name": ("x\n", "a"),
    "not ASCII in the name": ("é", "a"),
    "quote in the name": ('x"', "a"),
    "NUL": ("x", "a\0"),
    "CR": ("x", "a\rb"),
    "LF": ("x", "a\nb"),
    "CRLF and another field": ("x", "a\r\nb: c"),
    "LF alone": ("x", "\n"),
    "space before": ("x", " a"),
    "tab before": ("x", "\ta"),
    "space behind": ("x", "a "),
    "tab behind": ("x", "a\t"),
    "a blank alone": ("x", " "),
    "connection": ("connection", "close"),
    "connection, empty": ("connection", ""),
    "keep-alive": ("keep-alive", "timeout=5"),
    "proxy-connection": ("proxy-connection", "keep-alive"),
    "transfer-encoding": ("transfer-encoding", "chunked"),
    "upgrade": ("upgrade", "websocket"),
    "te of more than trailers": ("te", "trailers, gzip"),
    "te of gzip": ("te", "gzip"),
    "te, empty": ("te", ""),
    "unknown pseudo-header field": (":foo", "a"),
    "colon alone": (":", "a"),
}


@pytest.mark.parametrize("field", BAD_FIELDS.values(), ids=BAD_FIELDS)
@pytest.mark.parametrize("known", [False, True], ids=["first", "again"])
def test_malformed_fields_are_refused_in_heads_and_trailers(field: tuple[str, str], known: bool) -> None:
    for _ in range(1 + known):
        for malformed in (
            lambda: parse_request_head([*GET, field]),
            lambda: parse_response_head([(":status", "200"), field]),
            lambda: check_trailers([field]),
        ):
            with pytest.raises(StreamFault) as caught:
                malformed()
            assert caught.value.code == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "field",
    [
        ("x", ""),
        ("x", "a b\tc"),
        ("x", "é"),
        ("x", "\udcff"),
        ("x", "\x01\x7f"),  # RFC 9110 §5.5 lets a recipient keep them
        ("!#$%&'*+-.^_`|~09az", "a"),
        ("te", "trailers"),
        ("te", "Trailers"),
        ("priority", "u=1, i"),
    ],
)
def test_other_fields_are_taken(field: tuple[str, str]) -> None:
    assert parse_request_head([*GET, field]).fields[-1] == field
    assert parse_response_head([(":status", "200"), field]).fields == [field]
    check_trailers([field])


BAD_REQUESTS: dict[str, Pairs] = {
    "nothing": [],
    "no method": _with(GET, method=None),
    "empty method": _with(GET, method=""),
    "method with a space": _with(GET, method="GET /"),
    "method with LF": _with(GET, method="GET\n"),
    "no scheme": _with(GET, scheme=None),
    "empty scheme": _with(GET, scheme=""),
    "scheme with a colon": _with(GET, scheme="https:"),
    "no path": _with(GET, path=None),
    "empty path": _with(GET, path=""),
    "path without a slash": _with(GET, path="a"),
    "absolute path": _with(GET, path="https://a.example/"),
    "path with a space": _with(GET, path="/a b"),
    "path with LF": _with(GET, path="/\n"),
    "path with NUL": _with(GET, path="/\0"),
    "path beyond ASCII": _with(GET, path="/é"),
    "asterisk of GET": _with(GET, path="*"),
    "no host": _with(GET, authority=None),
    "empty authority": _with(GET, authority=""),
    "authority with a user": _with(GET, authority="u@a.example"),
    "authority with a path": _with(GET, authority="a.example/x"),
    "authority with a bad port": _with(GET, authority="a.example:99999"),
    "authority of half an address": _with(GET, authority="[::1"),
    "authority with CRLF": _with(GET, authority="a\r\nx: y"),
    "empty host": [*_with(GET, authority=None), ("host", "")],
    "bad host": [*_with(GET, authority=None), ("host", "a/b")],
    "two hosts": [*_with(GET, authority=None), ("host", "a"), ("host", "a")],
    "host and another authority": [*GET, ("host", "b.example")],
    "two methods": [(":method", "GET"), *GET],
    "two paths": [*GET, (":path", "/")],
    "two schemes": [*GET, (":scheme", "https")],
    "two authorities": [*GET, (":authority", "a.example")],
    "status": [*GET, (":status", "200")],
    "pseudo-header field behind a field": [*GET[:3], ("x", "a"), GET[3]],
    "pseudo-header fields behind all": [("x", "a"), *GET],
    "protocol of GET": [*GET, (":protocol", "websocket")],
    "protocol with a space": _with(EXTENDED, protocol="web socket"),
    "empty protocol": _with(EXTENDED, protocol=""),
    "two protocols": [*EXTENDED, (":protocol", "websocket")],
    "extended CONNECT without scheme": _with(EXTENDED, scheme=None),
    "extended CONNECT without path": _with(EXTENDED, path=None),
    "extended CONNECT without host": _with(EXTENDED, authority=None),
    "CONNECT without authority": _with(CONNECT, authority=None),
    "CONNECT with host alone": [(":method", "CONNECT"), ("host", "a.example:443")],
    "CONNECT without port": _with(CONNECT, authority="a.example"),
    "CONNECT to a port": _with(CONNECT, authority=":443"),
    "CONNECT with scheme": [*CONNECT, (":scheme", "https")],
    "CONNECT with path": [*CONNECT, (":path", "/")],
    "two lengths": [*GET, ("content-length", "1"), ("content-length", "2")],
    "a list of two lengths": [*GET, ("content-length", "1, 2")],
    "negative length": [*GET, ("content-length", "-1")],
    "length with a sign": [*GET, ("content-length", "+1")],
    "empty length": [*GET, ("content-length", "")],
    "length in other digits": [*GET, ("content-length", "١")],
    "endless length": [*GET, ("content-length", "1" * 20)],
}


@pytest.mark.parametrize("fields", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_malformed_requests_are_refused(fields: Pairs) -> None:
    for _ in range(3):
        with pytest.raises(StreamFault) as caught:
            parse_request_head(list(fields))
        assert caught.value.code == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("fields", "method", "target", "host"),
    [
        (GET, "GET", "/", "a.example"),
        (_with(GET, path="/a?b=c&d"), "GET", "/a?b=c&d", "a.example"),
        (_with(GET, path="//evil/x"), "GET", "//evil/x", "a.example"),
        (_with(GET, authority="[::1]:8443"), "GET", "/", "[::1]:8443"),
        (_with(GET, method="M-SEARCH"), "M-SEARCH", "/", "a.example"),
        (_with(GET, method="OPTIONS", path="*"), "OPTIONS", "*", "a.example"),
        ([*_with(GET, authority=None), ("host", "b.example")], "GET", "/", "b.example"),
        ([*GET, ("host", "A.example")], "GET", "/", "a.example"),
        ([GET[3], GET[2], GET[0], GET[1]], "GET", "/", "a.example"),
        (CONNECT, "CONNECT", "a.example:443", "a.example:443"),
        (EXTENDED, "CONNECT", "/chat", "a.example"),
    ],
)
def test_a_request_is_read(fields: Pairs, method: str, target: str, host: str) -> None:
    head = parse_request_head(fields)
    assert (head.method, head.target, head.host) == (method, target, host)
    assert head.version is HttpVersion20
    assert head.keep_alive
    assert head.protocol == dict(fields).get(":protocol")
    assert head.headers["Host"].lower() == host
    assert not any(name.startswith(":") for name in head.headers)


def test_what_fields_say_is_found_in_the_head() -> None:
    head = parse_request_head(
        [*GET, ("content-length", "7"), ("content-encoding", "gzip"), ("expect", "100-Continue"), ("te", "trailers")]
    )
    assert (head.content_length, head.content_encoding, head.expect) == (7, "gzip", "100-continue")
    assert head.expects_continue
    assert not head.chunked
    assert all(type(name) is istr for name, _ in head.fields)


def test_equal_lengths_are_one() -> None:
    assert parse_request_head([*GET, ("content-length", "7, 7"), ("content-length", "7")]).content_length == 7


def test_cookie_crumbs_become_one_field_in_the_place_of_the_first() -> None:
    head = parse_request_head([*GET, ("a", "1"), ("cookie", "x=1"), ("b", "2"), ("cookie", "y=2"), ("cookie", "z=3")])
    assert head.fields[1:] == [("a", "1"), ("cookie", "x=1; y=2; z=3"), ("b", "2")]
    assert head.is_secret


def test_requests_with_the_same_head_share_one() -> None:
    heads = [parse_request_head([*GET, ("x-shared", "1")]) for _ in range(3)]
    assert heads[1] is heads[2]


@pytest.mark.parametrize(
    "field",
    [
        ("authorization", "Basic eA=="),
        ("proxy-authorization", "Basic eA=="),
        ("cookie", "a=b"),
        ("x-large", "a" * MAX_CACHED_HEAD_BYTES),
    ],
    ids=["authorization", "proxy-authorization", "cookie", "large"],
)
def test_secret_and_large_heads_are_not_kept(field: tuple[str, str]) -> None:
    heads = [parse_request_head([*GET, field]) for _ in range(3)]
    assert len(set(map(id, heads))) == 3


def test_what_is_kept_of_heads_is_bounded() -> None:
    def read_many() -> None:
        for number in range(MAX_CACHED_HEADS * 4):
            for _ in range(2):
                parse_request_head([*GET, ("x-number", str(number))])

    read_many()
    with peak_below(2 * MIB):
        read_many()


BAD_RESPONSES: dict[str, Pairs] = {
    "nothing": [],
    "no status": [("x", "a")],
    "empty status": [(":status", "")],
    "two digits": [(":status", "20")],
    "four digits": [(":status", "2000")],
    "below 100": [(":status", "099")],
    "letters": [(":status", "abc")],
    "sign": [(":status", "+20")],
    "other digits": [(":status", "٢٠٠")],
    "reason": [(":status", "200 OK")],
    "101": [(":status", "101")],
    "two statuses": [(":status", "200"), (":status", "200")],
    "status behind a field": [("x", "a"), (":status", "200")],
    "method": [(":status", "200"), (":method", "GET")],
    "path": [(":path", "/"), (":status", "200")],
    "two lengths": [(":status", "200"), ("content-length", "1"), ("content-length", "2")],
}


@pytest.mark.parametrize("fields", BAD_RESPONSES.values(), ids=BAD_RESPONSES)
def test_malformed_responses_are_refused(fields: Pairs) -> None:
    with pytest.raises(StreamFault) as caught:
        parse_response_head(fields)
    assert caught.value.code == ErrorCode.PROTOCOL_ERROR


def test_a_response_is_read() -> None:
    head = parse_response_head(
        [(":status", "404"), ("content-length", "3"), ("content-encoding", "br"), ("set-cookie", "a=b")]
    )
    assert (head.version, head.status, head.reason, head.keep_alive) == (HttpVersion20, 404, "Not Found", True)
    assert (head.content_length, head.content_encoding, head.has_set_cookie) == (3, "br", True)
    assert [name for name, _ in head.fields] == ["content-length", "content-encoding", "set-cookie"]
    assert parse_response_head([(":status", "599")]).reason == ""


def test_refusals_say_nothing_of_a_value() -> None:
    with pytest.raises(StreamFault) as caught:
        parse_request_head([*GET, ("authorization", "Basic secret\n")])
    assert "secret" not in str(caught.value)


# Heads that are sent.


def test_a_request_has_its_pseudo_header_fields_first_and_names_in_lower_case() -> None:
    block = FieldBlock([("User-Agent", "t"), ("X-A", " padded\t"), ("Accept", "*/*")])
    head = RequestHead("GET", Target("https", "a.example", "/x?y"), [block, FieldBlock([("Cookie", "a=b")])])
    assert request_fields(head) == [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/x?y"),
        (":authority", "a.example"),
        ("user-agent", "t"),
        ("x-a", "padded"),
        ("accept", "*/*"),
        ("cookie", "a=b"),
    ]
    assert block.h2 is block.h2


def test_fields_of_a_connection_are_not_sent() -> None:
    block = FieldBlock(
        [
            ("Connection", "keep-alive, Upgrade"),
            ("Keep-Alive", "5"),
            ("Proxy-Connection", "close"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("Host", "a"),
            ("TE", "gzip"),
            ("Te", "gzip, Trailers"),
        ]
    )
    assert block.h2 == [("te", "trailers")]


def test_connect_asks_for_a_tunnel_or_for_a_protocol() -> None:
    tunnel = RequestHead("CONNECT", Target("https", "a.example:443", "/"), [])
    assert request_fields(tunnel) == CONNECT
    socket = RequestHead("CONNECT", Target("https", "a.example", "/chat"), [])
    assert request_fields(socket, "websocket") == EXTENDED
    assert parse_request_head(request_fields(socket, "websocket")).protocol == "websocket"


def test_a_response_begins_with_its_status() -> None:
    assert response_fields(204, [(istr("X-A"), "b"), ("Connection", "close")]) == [(":status", "204"), ("x-a", "b")]


@pytest.mark.parametrize(
    ("status", "fields"),
    [(99, []), (1000, []), (101, []), (200, [("x", "a\r\nb: c")]), (200, [("x y", "a")]), (200, [(":x", "a")])],
)
def test_a_response_that_must_not_be_sent_is_refused(status: int, fields: Pairs) -> None:
    with pytest.raises(ValueError):
        response_fields(status, fields)


def test_a_value_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError):
        response_fields(200, [("x", 1)])  # type: ignore[list-item]  # what a program may pass


def test_limits_count_fields_without_pseudo_header_fields_and_bytes_as_in_a_line() -> None:
    fields = [("a", "1"), ("b", "2")]
    assert parse_request_head([*GET, *fields], max_field_bytes=4, max_fields=2).fields[-2:] == fields
    assert parse_response_head([(":status", "200"), *fields], max_field_bytes=4, max_fields=2).fields == fields


@pytest.mark.parametrize("again", [False, True], ids=["once", "again"])
@pytest.mark.parametrize(("max_field_bytes", "max_fields"), [(3, 10), (100, 1)])
def test_a_head_beyond_a_limit_is_too_large_even_when_it_is_known(
    max_field_bytes: int, max_fields: int, again: bool
) -> None:
    fields = [("a", "1"), ("b", "2")]
    for _ in range(3 if again else 0):
        parse_request_head([*GET, *fields])
        parse_response_head([(":status", "200"), *fields])
    with pytest.raises(HeadTooLarge, match="raise max_"):
        parse_request_head([*GET, *fields], max_field_bytes, max_fields)
    with pytest.raises(HeadTooLarge, match="raise max_"):
        parse_response_head([(":status", "200"), *fields], max_field_bytes, max_fields)
