"""How the end of a message's body is told: RFC 9112 §6.3, and nothing else."""

from typing import Final

from trunkline.wire.errors import BadFraming
from trunkline.wire.h1.head import ResponseHead
from trunkline.wire.received import ReceivedHead
from trunkline.wire.version import HttpVersion10

# A framing is the body's length in bytes, or one of these.
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2


def response_framing(head: ResponseHead, method: str) -> int:
    """Tell how the body that follows `head` is delimited: its length, CHUNKED or UNTIL_CLOSE.

    The first rule that applies wins (RFC 9112 §6.3). When the body does not allow the connection to be used
    again, `head.keep_alive` is cleared.

    method: of the request answered; HEAD and CONNECT change the rule.
    Raises BadFraming when the peers may not agree where the message ends.
    """
    status = head.status
    if status == 101 or (method == "CONNECT" and 200 <= status < 300):
        head.keep_alive = False  # the bytes that follow belong to another protocol
        return UNTIL_CLOSE
    if method == "HEAD" or status == 204 or status == 304 or status < 200:
        return 0
    if head.transfer_codings is not None:
        return _transfer_coded(head)
    if head.content_length is not None:
        return head.content_length
    head.keep_alive = False
    return UNTIL_CLOSE


def must_be_empty_body(method: str, code: int) -> bool:
    """Tell whether a response has no body, whatever its fields say (RFC 9112 §6.3, rules 1 and 2)."""
    return method == "HEAD" or code in (204, 304) or code < 200 or (method == "CONNECT" and code < 300)


def _transfer_coded(head: ResponseHead) -> int:
    if head.version == HttpVersion10:
        raise BadFraming("Transfer-Encoding in an HTTP/1.0 response; such a peer cannot mean it (RFC 9112 §6.1)")
    if head.transfer_codings != "chunked":
        raise BadFraming(
            f"Transfer-Encoding is {(head.transfer_codings or '')[:40]!r}; only 'chunked' is understood (RFC 9112 §6.1)"
        )
    if head.content_length is not None:
        head.keep_alive = False  # it may be an attempt at response splitting (RFC 9112 §6.3 rule 3)
    return CHUNKED


def request_framing(head: ReceivedHead) -> int:
    """Tell how the body that follows the head of a request is delimited: its length, or CHUNKED.

    A request has a body only if it says so. Raises BadFraming for everything that another recipient on the way might
    understand otherwise; the connection must then be closed (RFC 9112 §6.3, rules 3 and 4).
    """
    if head.transfer_codings is None:
        return head.content_length or 0
    if head.version == HttpVersion10:
        raise BadFraming("Transfer-Encoding in an HTTP/1.0 request; such a peer cannot mean it (RFC 9112 §6.1)")
    if head.transfer_codings != "chunked":
        raise BadFraming(
            f"Transfer-Encoding is {head.transfer_codings[:40]!r}; only 'chunked' is understood (RFC 9112 §6.1)"
        )
    if head.content_length is not None:
        raise BadFraming("both Transfer-Encoding and Content-Length; send one of them (RFC 9112 §6.3)")
    return CHUNKED
