"""The scenarios of the WebSocket half: which messages, in which direction, how many at a time.

A word names the same scenario on the command line, in results.json, in targets.py and in the docs. A codec that plays
the server reads masked frames and writes bare ones; one that plays the client does the opposite (RFC 6455 §5.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SMALL = b'{"id": 4711, "n": 1}'
LARGE = b"0123456789abcdef" * 4096
SMALL_READ = 2**16  # bytes of one read: asyncio's largest under TLS, and uvloop's
LARGE_READ = 2**18  # asyncio's largest without
IN_FLIGHT = 64

Direction = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class CodecScenario:
    """Messages through a codec alone, without a socket.

    messages: of one turn. per_read: messages that one read brings. read_bytes: that one read brings instead, wherever
    that cuts a message.
    """

    title: str
    direction: Direction
    is_server: bool
    payload: bytes
    messages: int
    per_read: int = 1
    read_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class EchoScenario:
    """Messages to a server and back. in_flight: sent before the answer to the first of them has come."""

    title: str
    payload: bytes
    in_flight: int


def _both_roles(
    word: str,
    title: str,
    direction: Direction,
    payload: bytes,
    messages: int,
    per_read: int = 1,
    read_bytes: int | None = None,
) -> dict[str, CodecScenario]:
    rest = payload, messages, per_read, read_bytes
    return {
        f"{role}-{word}": CodecScenario(f"{role} {title}", direction, role == "server", *rest)
        for role in ("server", "client")
    }


CODEC_SCENARIOS: dict[str, CodecScenario] = {
    **_both_roles("reads-one", "reads 20 bytes, one message a read", "read", SMALL, 100),
    **_both_roles("reads-row", "reads 20 bytes, 100 messages a read", "read", SMALL, 100, per_read=100),
    **_both_roles("reads-64k", "reads 64 KB in reads of 64 KB", "read", LARGE, 16, read_bytes=SMALL_READ),
    **_both_roles("reads-64k-wide", "reads 64 KB in reads of 256 KB", "read", LARGE, 16, read_bytes=LARGE_READ),
    **_both_roles("writes-small", "writes 20 bytes", "write", SMALL, 100),
    **_both_roles("writes-64k", "writes 64 KB", "write", LARGE, 16),
}
ECHO_SCENARIOS: dict[str, EchoScenario] = {
    "echo-one": EchoScenario("echo of 20 bytes, one after another", SMALL, 1),
    "echo-row": EchoScenario(f"echo of 20 bytes, {IN_FLIGHT} in flight", SMALL, IN_FLIGHT),
    "echo-64k": EchoScenario("echo of 64 KB, one after another", LARGE, 1),
}
