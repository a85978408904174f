"""The targets by name. A target takes any bytes, and raises when a parser breaks its promise about them.

What a parser promises: it raises nothing but its own errors, how its input is cut makes no difference, what it takes an
independent parser reads in the same way, and what we write comes back as it was.
"""

from collections.abc import Callable, Mapping
from typing import Final

from fuzz.targets import (
    challenges,
    chunked,
    codings,
    cookies,
    field_values,
    h2,
    hpack,
    keep_alive,
    multipart,
    request_heads,
    response_heads,
    urls,
    websocket,
)

Check = Callable[[bytes], None]

TARGETS: Final[Mapping[str, Check]] = {
    "challenges": challenges.check,
    "chunked": chunked.check,
    "codings": codings.check,
    "cookies": cookies.check,
    "field_values": field_values.check,
    "h2": h2.check,
    "hpack": hpack.check,
    "keep_alive": keep_alive.check,
    "multipart": multipart.check,
    "request_heads": request_heads.check,
    "response_heads": response_heads.check,
    "urls": urls.check,
    "websocket": websocket.check,
}
