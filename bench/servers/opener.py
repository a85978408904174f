"""Opens keep-alive connections to a server, asks once over each, and holds them until its input ends.

Run as `python -m bench.servers.opener PORT PATH COUNT`; prints `open` when all are.
"""

from __future__ import annotations

import selectors
import socket
import sys

ANSWER_BYTES = 65536  # more than any small answer
TIMEOUT_S = 10.0


def main() -> None:
    port, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    connections = [_open(port, request) for _ in range(count)]
    closed = _closed(connections)
    if closed:
        raise SystemExit(f"the server closed {closed} of {count} connections")
    print("open", flush=True)
    sys.stdin.read()


def _open(port: int, request: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    connection.sendall(request)
    answer = b""
    while not answer.endswith(b"}"):  # the answer is a JSON object
        received = connection.recv(ANSWER_BYTES)
        if not received:
            raise SystemExit("the server closed a connection before its answer was complete")
        answer += received
    return connection


def _closed(connections: list[socket.socket]) -> int:
    """Count the connections that are readable: after a whole answer, that is the end of the connection."""
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        return len(selector.select(0))


if __name__ == "__main__":
    main()
