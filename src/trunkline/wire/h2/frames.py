"""Frames, out: values to bytes (RFC 9113 §4.1 and §6). What comes is read in `connection`."""

import struct
from typing import Final

from trunkline.wire.h2.codes import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)

FRAME_HEAD: Final = struct.Struct(">HBBBI")  # length (24 bits, in two), type, flags, stream
FRAME_HEAD_BYTES: Final = FRAME_HEAD.size
_U32: Final = struct.Struct(">I")

SETTINGS_ACK: Final = FRAME_HEAD.pack(0, 0, SETTINGS, ACK, 0)


def frame_head(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    """Return the nine bytes before a payload of `length` bytes."""
    return FRAME_HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream_id)


def render_head(stream_id: int, block: bytes, ends: bool, max_frame_bytes: int) -> bytes:
    """Return a field block in HEADERS and as many CONTINUATION frames as it needs, which nothing may come between."""
    flags = END_STREAM if ends else 0
    if len(block) <= max_frame_bytes:
        return frame_head(len(block), HEADERS, flags | END_HEADERS, stream_id) + block
    frames = [frame_head(max_frame_bytes, HEADERS, flags, stream_id), block[:max_frame_bytes]]
    for at in range(max_frame_bytes, len(block), max_frame_bytes):
        piece = block[at : at + max_frame_bytes]
        is_last = at + max_frame_bytes >= len(block)
        frames += frame_head(len(piece), CONTINUATION, END_HEADERS if is_last else 0, stream_id), piece
    return b"".join(frames)


def render_settings_frame(payload: bytes) -> bytes:
    """Return a SETTINGS frame."""
    return frame_head(len(payload), SETTINGS, 0, 0) + payload


def render_window_update(stream_id: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE; stream 0 is the connection."""
    return frame_head(4, WINDOW_UPDATE, 0, stream_id) + _U32.pack(increment)


def render_reset(stream_id: int, code: int) -> bytes:
    """Return an RST_STREAM."""
    return frame_head(4, RST_STREAM, 0, stream_id) + _U32.pack(code)


def render_ping(payload: bytes, *, is_ack: bool = False) -> bytes:
    """Return a PING with 8 bytes of payload."""
    return frame_head(8, PING, ACK if is_ack else 0, 0) + payload


def render_goaway(last_stream_id: int, code: int, reason: bytes = b"") -> bytes:
    """Return a GOAWAY. last_stream_id: of the peer's streams, the last one that was or may be processed."""
    return frame_head(8 + len(reason), GOAWAY, 0, 0) + _U32.pack(last_stream_id) + _U32.pack(code) + reason
