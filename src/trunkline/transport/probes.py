"""TCP keep-alive: the system asks a silent peer whether it is still there (RFC 9293 §3.8.4).

For a connection that may rightly be silent for hours, where nothing else would find out that its peer has lost its
power or its network. A peer that is there and says nothing is found only by a question of the protocol's own.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Final

from trunkline.wire.limits import KEEPALIVE_PROBE_AFTER_S, KEEPALIVE_PROBE_EVERY_S, MAX_KEEPALIVE_PROBES

# The first has another name on macOS; where a name is missing, the system's own times hold.
_TIMES: Final = (
    ("TCP_KEEPIDLE", KEEPALIVE_PROBE_AFTER_S),
    ("TCP_KEEPALIVE", KEEPALIVE_PROBE_AFTER_S),
    ("TCP_KEEPINTVL", KEEPALIVE_PROBE_EVERY_S),
    ("TCP_KEEPCNT", MAX_KEEPALIVE_PROBES),
)


def probe_silent_peer(transport: asyncio.BaseTransport) -> None:
    """Have the peer of a TCP connection asked, and the transport lost when it does not answer."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with suppress(OSError):  # on some systems, when the peer has reset the connection by now
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _TIMES:
            if (option := getattr(socket, name, None)) is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
