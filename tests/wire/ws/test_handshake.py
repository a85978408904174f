"""The opening handshake from both sides, by the RFC's example, and compared with wsproto."""

from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request
from wsproto.extensions import PerMessageDeflate

from trunkline.wire.errors import BadHandshake
from trunkline.wire.version import HttpVersion10, HttpVersion11
from trunkline.wire.ws.extensions import DeflateTerms
from trunkline.wire.ws.handshake import (
    Opening,
    accept_token,
    answer_handshake,
    check_answer,
    check_protocols,
    render_key,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 §1.3

REQUEST = [
    ("Host", "test"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", KEY),
]
ANSWER = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", ACCEPT)]

Lines = list[tuple[str, str]]


def fields(lines: Lines) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(lines))


def without(lines: Lines, name: str) -> Lines:
    return [line for line in lines if line[0] != name]


def with_value(lines: Lines, name: str, value: str) -> Lines:
    return [(key, value if key == name else old) for key, old in lines]


def answer(lines: Lines, *protocols: str, compress: bool = True) -> Opening:
    return answer_handshake("GET", HttpVersion11, fields(lines), protocols, compress=compress)


def test_the_example_of_the_rfc() -> None:
    assert accept_token(KEY) == ACCEPT
    assert render_key(b"the sample nonce") == KEY
    assert answer(REQUEST) == Opening(ACCEPT, None, None)


def test_the_answer_is_said_by_fields() -> None:
    assert Opening(ACCEPT, "chat", DeflateTerms(10)).fields() == [
        ("Upgrade", "websocket"),
        ("Connection", "upgrade"),
        ("Sec-WebSocket-Accept", ACCEPT),
        ("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=10"),
        ("Sec-WebSocket-Protocol", "chat"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Upgrade", "WebSocket"),
        ("Upgrade", "h2c, websocket"),
        ("Connection", "keep-alive, upgrade"),
        ("Sec-WebSocket-Version", "8"),
    ],
)
def test_other_ways_to_ask_for_the_same(name: str, value: str) -> None:
    assert answer(with_value(REQUEST, name, value)).accept == ACCEPT


REFUSED: dict[str, Lines] = {
    "no Upgrade": without(REQUEST, "Upgrade"),
    "another protocol": with_value(REQUEST, "Upgrade", "h2c"),
    "no Connection": without(REQUEST, "Connection"),
    "Connection: close": with_value(REQUEST, "Connection", "close"),
    "no version": without(REQUEST, "Sec-WebSocket-Version"),
    "unknown version": with_value(REQUEST, "Sec-WebSocket-Version", "14"),
    "no key": without(REQUEST, "Sec-WebSocket-Key"),
    "two keys": [*REQUEST, ("Sec-WebSocket-Key", KEY)],
    "short key": with_value(REQUEST, "Sec-WebSocket-Key", "MTIzNDU2Nzg5MDEyMzQ1"),
    "key that is not base64": with_value(REQUEST, "Sec-WebSocket-Key", "x" * 24),
    "key that is not ASCII": with_value(REQUEST, "Sec-WebSocket-Key", "é" * 24),
    "body": [*REQUEST, ("Content-Length", "2")],
    "chunked body": [*REQUEST, ("Transfer-Encoding", "chunked")],
}


@pytest.mark.parametrize("lines", REFUSED.values(), ids=REFUSED)
def test_a_request_that_does_not_open_a_websocket_is_refused(lines: Lines) -> None:
    with pytest.raises(BadHandshake):
        answer(lines)


def test_only_get_by_http_1_1_opens_a_websocket() -> None:
    with pytest.raises(BadHandshake, match=r"POST by HTTP/1\.1"):
        answer_handshake("POST", HttpVersion11, fields(REQUEST), (), compress=True)
    with pytest.raises(BadHandshake, match=r"GET by HTTP/1\.0"):
        answer_handshake("GET", HttpVersion10, fields(REQUEST), (), compress=True)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["a"], "a"), (["b, a"], "b"), (["c"], None), (["c , a"], "a"), ([""], None), (["c", "b"], "b"), (["A"], None)],
)
def test_the_client_s_first_subprotocol_that_is_spoken_is_chosen(offered: list[str], chosen: str | None) -> None:
    lines = [*REQUEST, *(("Sec-WebSocket-Protocol", value) for value in offered)]
    assert answer(lines, "a", "b").protocol == chosen


def test_compression_is_agreed_upon_only_when_wanted() -> None:
    lines = [*REQUEST, ("Sec-WebSocket-Extensions", "permessage-deflate")]
    assert answer(lines).deflate == DeflateTerms()
    assert answer(lines, compress=False).deflate is None


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a\r\nb", "é", "a;b"])
def test_a_subprotocol_that_is_no_token_is_refused(name: str) -> None:
    check_protocols(["chat.v1", "v2"])
    with pytest.raises(ValueError, match="is not a token"):
        check_protocols([name])


def test_an_answer_to_our_request_is_taken() -> None:
    lines = [*ANSWER, ("Sec-WebSocket-Protocol", "b"), ("Sec-WebSocket-Extensions", "permessage-deflate")]
    opening = check_answer(fields(lines), KEY, ["a", "b"], offered_bits=15)
    assert opening == Opening(ACCEPT, "b", DeflateTerms(None, 15))


BAD_ANSWERS: dict[str, Lines] = {
    "no Upgrade": without(ANSWER, "Upgrade"),
    "another protocol": with_value(ANSWER, "Upgrade", "h2c"),
    "no Connection": without(ANSWER, "Connection"),
    "no accept": without(ANSWER, "Sec-WebSocket-Accept"),
    "accept of another key": with_value(ANSWER, "Sec-WebSocket-Accept", accept_token("x")),
    "two accepts": [*ANSWER, ("Sec-WebSocket-Accept", ACCEPT)],
    "subprotocol not offered": [*ANSWER, ("Sec-WebSocket-Protocol", "c")],
    "two subprotocols": [*ANSWER, ("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Protocol", "b")],
    "list of subprotocols": [*ANSWER, ("Sec-WebSocket-Protocol", "a, b")],
    "extension not offered": [*ANSWER, ("Sec-WebSocket-Extensions", "permessage-deflate")],
}


@pytest.mark.parametrize("lines", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_an_answer_that_is_none_to_our_request_is_refused(lines: Lines) -> None:
    with pytest.raises(BadHandshake):
        check_answer(fields(lines), KEY, ["a", "b"])


def wsproto_request(**kwargs: Any) -> Lines:  # Any: of wsproto's Request
    client = WSConnection(ConnectionType.CLIENT)
    head = client.send(Request(host="test", target="/", **kwargs)).decode()
    pairs = (line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    return [(name, value) for name, value in pairs]


def test_wsproto_and_we_agree_on_an_opening() -> None:
    request = wsproto_request(subprotocols=["a", "b"], extensions=[PerMessageDeflate(client_max_window_bits=11)])
    opening = answer(request, "b")
    assert opening.protocol == "b"
    assert opening.deflate is not None

    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(("GET / HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in request) + "\r\n").encode())
    next(iter(server.events()))
    reply = server.send(AcceptConnection(subprotocol="b", extensions=[PerMessageDeflate()])).decode()
    lines = [(name, value) for name, value in (x.split(": ", 1) for x in reply.split("\r\n")[1:] if x)]
    key = (
        dict(request)["Sec-WebSocket-Key"]
        if "Sec-WebSocket-Key" in dict(request)
        else dict(request)["sec-websocket-key"]
    )
    assert check_answer(fields(lines), key, ["a", "b"], offered_bits=11).protocol == "b"
