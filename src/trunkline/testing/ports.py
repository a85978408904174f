"""Free TCP ports for test servers: the kernel picks them, and a bound socket keeps what it picked.

Between `unused_port()` and the bind of whoever uses the number another process may take it; a socket from
`get_port_socket` has no such gap, so test servers use that.
"""

from __future__ import annotations

import os
import socket
import sys

# On Windows the option lets two sockets share a port, which is the opposite of what is wanted here.
_MAY_REUSE_ADDRESS = os.name == "posix" and sys.platform != "cygwin"


def unused_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses at this moment."""
    with get_unused_port_socket("127.0.0.1") as bound:
        port: int = bound.getsockname()[1]
        return port


def get_unused_port_socket(host: str, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """Return a socket bound to a free port of `host`."""
    return get_port_socket(host, 0, family)


def get_port_socket(host: str, port: int, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """Return a socket bound to `port` of `host`; port 0 is any free one."""
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if _MAY_REUSE_ADDRESS:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound
