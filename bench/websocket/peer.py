"""The load of the echo scenarios: one connection that belongs to none of the contenders.

It sends frames that were rendered before and keeps a number of them in flight. It compares the answer to each kind of
frame with what it must be, once; after that it counts bytes, so that it is always faster than the server. It answers no
pings and never closes with a Close frame.

Run as `python -m bench.websocket.peer PORT SCENARIO SECONDS`; prints a line of JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice

from bench.websocket.frames import render
from bench.websocket.scenarios import ECHO_SCENARIOS

TIMEOUT_S = 10.0
READ_BYTES = 2**18
FRAMES = 16  # sent in turn, each with a key of its own
HANDSHAKE = (
    "GET /echo HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def main() -> None:
    port, scenario, seconds = int(sys.argv[1]), ECHO_SCENARIOS[sys.argv[2]], float(sys.argv[3])
    with _opened(port) as connection:
        frames = [render(scenario.payload, os.urandom(4)) for _ in range(FRAMES)]
        answer = render(scenario.payload, None)
        for frame in frames:
            _check(connection, frame, answer)
        print(json.dumps(_load(connection, cycle(frames), len(answer), scenario.in_flight, seconds)))


def _opened(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(HANDSHAKE.format(port=port).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += _received(connection)
    if not head.startswith(b"HTTP/1.1 101 ") or not head.endswith(b"\r\n\r\n"):
        raise SystemExit(f"the server answered {head[:80]!r}; 101 was wanted")
    return connection


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(READ_BYTES)
    if not data:
        raise SystemExit("the server closed the connection")
    return data


def _check(connection: socket.socket, frame: bytes, answer: bytes) -> None:
    connection.sendall(frame)
    seen = b""
    while len(seen) < len(answer):
        seen += _received(connection)
    if seen != answer:
        raise SystemExit(f"the server echoed {seen[:80]!r}; {answer[:80]!r} was wanted")


def _load(
    connection: socket.socket, frames: Iterator[bytes], answer_bytes: int, in_flight: int, seconds: float
) -> dict[str, float]:
    sent = received = 0
    due = in_flight  # messages to send now
    before = time.perf_counter()
    while (now := time.perf_counter()) < before + seconds:
        connection.sendall(b"".join(islice(frames, due)))
        sent += due
        due = 0
        while not due:
            received += len(_received(connection))
            due = received // answer_bytes - (sent - in_flight)
    return {"messages": sent - in_flight, "elapsed_s": now - before}


if __name__ == "__main__":
    main()
