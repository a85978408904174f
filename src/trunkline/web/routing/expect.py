"""The answer to an Expect field when a route has none of its own (RFC 9110 §10.1.1)."""

from typing import Any

from trunkline import hdrs
from trunkline.web.exceptions import HTTPExpectationFailed
from trunkline.wire.version import HttpVersion11


async def invite_body(request: Any) -> None:  # Any: Request stands above this module
    """Ask for the body that `request` holds back; raise 417 for any other expectation."""
    if request.version < HttpVersion11:
        return  # RFC 9110 §10.1.1: must be ignored in HTTP/1.0
    expect = request.headers.get(hdrs.EXPECT, "")
    if expect.lower() != "100-continue":
        raise HTTPExpectationFailed(text=f"Unknown Expect: {expect}")
    request._protocol.send_continue()
