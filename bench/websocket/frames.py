"""Frames for the load, rendered by nobody's codec (RFC 6455 §5.2)."""

from __future__ import annotations

TEXT = 0x81  # first byte of a text message in one frame
_MASKED = 0x80


def render(payload: bytes, key: bytes | None) -> bytes:
    """Return `payload` as one text frame, masked with `key` if there is one."""
    length = len(payload)
    bit = 0 if key is None else _MASKED
    if length < 126:
        head = bytes((TEXT, bit | length))
    elif length < 2**16:
        head = bytes((TEXT, bit | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((TEXT, bit | 127)) + length.to_bytes(8, "big")
    if key is None:
        return head + payload
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
