"""Extended CONNECT in the words of HTTP/1.1 (RFC 8441 §4 and §5).

A handler of WebSockets, and whatever stands before it, knows the opening handshake of RFC 6455: a GET with `Upgrade`.
An extended CONNECT says the same, so it is handed on as that GET.
"""

import copy
from typing import Final

from multidict import istr

from trunkline.wire.fields import Field
from trunkline.wire.received import ReceivedHead

# Whoever reads the request as one of HTTP/1.1 wants a nonce; nobody here sees the proof that is made of it (§5).
_NONCE: Final = "AAAAAAAAAAAAAAAAAAAAAA=="
_OPENING: Final[list[Field]] = [
    (istr("Upgrade"), "websocket"),
    (istr("Connection"), "Upgrade"),
    (istr("Sec-WebSocket-Key"), _NONCE),
]


def as_upgrade(head: ReceivedHead) -> ReceivedHead:
    """Return the GET that asks for what `head` asks for, if that is a WebSocket; else `head`."""
    if head.protocol != "websocket":
        return head
    get = copy.copy(head)
    for made in ("headers", "raw_headers", "url"):  # of the fields, for others with the same head
        get.__dict__.pop(made, None)
    get.method = "GET"
    get.is_upgrade = True
    get.fields = [*head.fields, *_OPENING]
    return get
