"""The rules of messages: RFC 9113 §8 and RFC 8441."""

from tests.wire.h2.rules import CLOSED, OPEN, PROTOCOL, TAKEN, Row, ends, resets, rows
from tests.wire.h2.sides import (
    GET,
    OK,
    POST,
    client,
    data,
    head,
    head_in_pieces,
    padded,
    server,
    settings,
)
from trunkline.wire.h2.codes import (
    DATA,
    END_STREAM,
)
from trunkline.wire.h2.stream import FieldPairs

TRAILERS = [("x-checksum", "1")]
WITH_LENGTH: FieldPairs = [*POST, ("content-length", "4")]

MESSAGES = [
    *rows(
        "8.1",
        ("second head that does not end", server, OPEN + head(TRAILERS, ends=False), resets(PROTOCOL)),
        ("trailers", server, OPEN + data() + head(TRAILERS), TAKEN),
        ("trailers without body", server, OPEN + head(TRAILERS), TAKEN),
        ("empty trailers", server, OPEN + head([]), TAKEN),
        ("trailers in CONTINUATION", server, OPEN + head_in_pieces(TRAILERS, 5), TAKEN),
        ("DATA behind trailers", server, OPEN + head(TRAILERS) + data(), resets(CLOSED)),
        ("second head that does not end", client, head(OK, ends=False) + head(OK, ends=False), resets(PROTOCOL)),
        ("trailers", client, head(OK, ends=False) + data() + head(TRAILERS), TAKEN),
        ("interim and final", client, head([(":status", "103")], ends=False) * 3 + head(OK), TAKEN),
        ("interim that ends", client, head([(":status", "103")]), resets(PROTOCOL)),
        (
            "final, then interim",
            client,
            head(OK, ends=False) + head([(":status", "103")], ends=False),
            resets(PROTOCOL),
        ),
        ("response before the request is whole", client, head(OK, 3), TAKEN),
    ),
    *rows(
        "8.1.1",
        ("DATA above Content-Length", server, head(WITH_LENGTH, ends=False) + data(b"tests"), resets(PROTOCOL)),
        ("DATA below Content-Length", server, head(WITH_LENGTH, ends=False) + data(b"t", ends=True), resets(PROTOCOL)),
        ("many DATA above it", server, head(WITH_LENGTH, ends=False) + data(b"tes") + data(b"ts"), resets(PROTOCOL)),
        ("no DATA", server, head(WITH_LENGTH), resets(PROTOCOL)),
        ("trailers before it", server, head(WITH_LENGTH, ends=False) + data() + head(TRAILERS), resets(PROTOCOL)),
        ("as many", server, head(WITH_LENGTH, ends=False) + data(b"te") + data(b"st", ends=True), TAKEN),
        (
            "as many, with padding",
            server,
            head(WITH_LENGTH, ends=False) + padded(DATA, END_STREAM, 1, b"test", 9),
            TAKEN,
        ),
        ("below it", client, head([*OK, ("content-length", "9")], ends=False) + data(ends=True), resets(PROTOCOL)),
        ("above it", client, head([*OK, ("content-length", "0")], ends=False) + data(), resets(PROTOCOL)),
    ),
    *[
        Row(section, what, server, OPEN + head(fields, 3) + head([*TRAILERS, bad], 1) if bad else head(fields), outcome)
        for section, what, fields, bad, outcome in [
            ("8.2.1", "upper case", [*GET, ("X-A", "a")], None, resets(PROTOCOL)),
            ("8.2.1", "upper case in trailers", GET, ("X-A", "a"), resets(PROTOCOL)),
            ("8.2.1", "space in a name", [*GET, ("x a", "a")], None, resets(PROTOCOL)),
            ("8.2.1", "NUL in a value", [*GET, ("x", "\0")], None, resets(PROTOCOL)),
            ("8.2.1", "LF in a value of trailers", GET, ("x", "a\nb"), resets(PROTOCOL)),
            ("8.2.1", "blank at an end", [*GET, ("x", "a ")], None, resets(PROTOCOL)),
            ("8.2.2", "connection", [*GET, ("connection", "close")], None, resets(PROTOCOL)),
            ("8.2.2", "keep-alive", [*GET, ("keep-alive", "5")], None, resets(PROTOCOL)),
            ("8.2.2", "proxy-connection", [*GET, ("proxy-connection", "close")], None, resets(PROTOCOL)),
            ("8.2.2", "transfer-encoding", [*GET, ("transfer-encoding", "chunked")], None, resets(PROTOCOL)),
            ("8.2.2", "upgrade", [*GET, ("upgrade", "h2c")], None, resets(PROTOCOL)),
            ("8.2.2", "te", [*GET, ("te", "trailers, deflate")], None, resets(PROTOCOL)),
            ("8.2.2", "te of trailers", [*GET, ("te", "trailers")], None, TAKEN),
            ("8.2.2", "connection in trailers", GET, ("connection", "close"), resets(PROTOCOL)),
            ("8.2.3", "cookie crumbs", [*GET, ("cookie", "a=b"), ("cookie", "c=d")], None, TAKEN),
            ("8.3", "unknown pseudo-header field", [*GET, (":test", "ok")], None, resets(PROTOCOL)),
            ("8.3", "pseudo-header field of responses", [*GET, (":status", "200")], None, resets(PROTOCOL)),
            ("8.3", "pseudo-header field in trailers", GET, (":method", "GET"), resets(PROTOCOL)),
            ("8.3", "pseudo-header field behind a field", [*GET[:3], ("x", "a"), GET[3]], None, resets(PROTOCOL)),
            ("8.3.1", "empty :path", [*GET[:2], (":path", ""), GET[3]], None, resets(PROTOCOL)),
            ("8.3.1", "no :method", GET[1:], None, resets(PROTOCOL)),
            ("8.3.1", "no :scheme", [GET[0], *GET[2:]], None, resets(PROTOCOL)),
            ("8.3.1", "no :path", [*GET[:2], GET[3]], None, resets(PROTOCOL)),
            ("8.3.1", "two :method", [GET[0], *GET], None, resets(PROTOCOL)),
            ("8.3.1", "two :scheme", [GET[1], *GET], None, resets(PROTOCOL)),
            ("8.3.1", "two :path", [GET[2], *GET], None, resets(PROTOCOL)),
            ("8.3.1", "two :authority", [GET[3], *GET], None, resets(PROTOCOL)),
            ("8.3.1", "user in :authority", [*GET[:3], (":authority", "u@a")], None, resets(PROTOCOL)),
            ("8.3.1", "another Host", [*GET, ("host", "b")], None, resets(PROTOCOL)),
            ("8.3.1", "the same Host", [*GET, ("host", "a")], None, TAKEN),
            ("8.3.1", "Host alone", [*GET[:3], ("host", "a")], None, TAKEN),
            ("8.3.1", "neither :authority nor Host", GET[:3], None, resets(PROTOCOL)),
            ("8.3", "empty head", [], None, resets(PROTOCOL)),
            ("8.5", "CONNECT", [(":method", "CONNECT"), (":authority", "a:1")], None, TAKEN),
            ("8.5", "CONNECT without authority", [(":method", "CONNECT")], None, resets(PROTOCOL)),
            ("8.5", "CONNECT with :scheme", [(":method", "CONNECT"), *GET[1:2], GET[3]], None, resets(PROTOCOL)),
            ("8.5", "CONNECT with :path", [(":method", "CONNECT"), *GET[2:]], None, resets(PROTOCOL)),
            ("RFC 8441 4", "CONNECT", [(":method", "CONNECT"), *GET[1:], (":protocol", "websocket")], None, TAKEN),
            ("RFC 8441 4", ":protocol of GET", [*GET, (":protocol", "websocket")], None, resets(PROTOCOL)),
            (
                "RFC 8441 4",
                "CONNECT without :path",
                [(":method", "CONNECT"), GET[1], GET[3], (":protocol", "websocket")],
                None,
                resets(PROTOCOL),
            ),
        ]
    ],
    *[
        Row("8.3.2", what, client, head(fields), outcome)
        for what, fields, outcome in [
            ("no :status", [("x", "a")], resets(PROTOCOL)),
            ("empty head", [], resets(PROTOCOL)),
            ("two :status", [*OK, *OK], resets(PROTOCOL)),
            (":status behind a field", [("x", "a"), *OK], resets(PROTOCOL)),
            (":status of letters", [(":status", "abc")], resets(PROTOCOL)),
            (":method of requests", [*OK, (":method", "GET")], resets(PROTOCOL)),
            ("upper case", [*OK, ("X", "a")], resets(PROTOCOL)),
            ("connection", [*OK, ("connection", "close")], resets(PROTOCOL)),
            ("transfer-encoding", [*OK, ("transfer-encoding", "chunked")], resets(PROTOCOL)),
            ("unknown status", [(":status", "799")], TAKEN),
        ]
    ],
    *rows(
        "8.3.2",
        (
            "pseudo-header field in trailers",
            client,
            head(OK, ends=False) + head([(":status", "200")]),
            resets(PROTOCOL),
        ),
    ),
    *rows("8.6", ("101", client, head([(":status", "101")], ends=False), resets(PROTOCOL))),
    *rows(
        "RFC 8441 3",
        ("ENABLE_CONNECT_PROTOCOL 2", client, settings([(8, 2)]), ends(PROTOCOL)),
        ("ENABLE_CONNECT_PROTOCOL 1 and then 0", client, settings([(8, 1), (8, 0)]), ends(PROTOCOL)),
        ("ENABLE_CONNECT_PROTOCOL 1", client, settings([(8, 1)]), TAKEN),
    ),
]
