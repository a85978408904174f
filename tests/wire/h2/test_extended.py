"""An extended CONNECT as the GET that it would have been (RFC 8441)."""

from trunkline.wire.h2.extended import as_upgrade
from trunkline.wire.h2.head import parse_request_head
from trunkline.wire.ws.handshake import answer_handshake

FIELDS = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat?x=1"),
    (":authority", "example.com"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-protocol", "chat"),
]


def test_a_websocket_is_asked_for_by_a_get() -> None:
    head = parse_request_head(FIELDS)
    assert head.url.path == "/chat"
    get = as_upgrade(head)
    assert (get.method, get.target, get.host, get.version) == ("GET", "/chat?x=1", "example.com", (2, 0))
    assert get.is_upgrade
    opening = answer_handshake(get.method, get.version, get.headers, ["chat"], compress=True)
    assert opening.protocol == "chat"


def test_the_head_that_others_share_is_left_alone() -> None:
    for _ in range(3):
        head = parse_request_head(FIELDS)
        assert as_upgrade(head) is not head
        assert head.method == "CONNECT"
        assert "Upgrade" not in head.headers


def test_other_protocols_and_tunnels_stay_what_they_are() -> None:
    other = [(name, "other" if name == ":protocol" else value) for name, value in FIELDS]
    for fields in other, [(":method", "CONNECT"), (":authority", "example.com:443")]:
        head = parse_request_head(fields)
        assert as_upgrade(head) is head
