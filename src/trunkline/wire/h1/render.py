"""Request heads: values to bytes (RFC 9112 §3 and §5). Checks were made when the values were."""

from typing import Final

from trunkline.wire.fields import TOKEN
from trunkline.wire.message import RequestHead
from trunkline.wire.version import HttpVersion11

_methods: dict[str, bytes] = {
    name: name.encode() for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
}
_END: Final = b"\r\n"


def check_method(method: str) -> None:
    """Raise ValueError unless `method` is a token (RFC 9110 §9.1)."""
    if method not in _methods and TOKEN.fullmatch(method) is None:
        raise ValueError(f"method {method[:40]!r} is not a token (RFC 9110 §9.1); use letters such as 'GET'")


def render_request_head(head: RequestHead, body: bytes = b"") -> bytes:
    """Return the head as bytes, with `body` behind it, ready for one write."""
    method = _methods.get(head.method) or head.method.encode("ascii")
    blocks = head.blocks
    if head.version is not HttpVersion11:
        return _render_older(method, head) + body
    if len(blocks) == 1:
        return b"%b%b%b\r\n%b" % (method, head.target.h1, blocks[0].h1, body)
    return b"".join([method, head.target.h1, *[block.h1 for block in blocks], _END, body])


def _render_older(method: bytes, head: RequestHead) -> bytes:
    version = b" HTTP/%d.%d\r\n" % head.version
    start = head.target.h1.replace(b" HTTP/1.1\r\n", version, 1)
    return b"".join([method, start, *[block.h1 for block in head.blocks], _END])
