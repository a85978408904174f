"""The Date field of responses, made once a second (RFC 9110 §6.6.1)."""

import time

from trunkline.ground.product import SERVER_NAME
from trunkline.wire.conditional import format_http_date

_second = -1  # no second of any clock, one that stands at 0 neither
_date = ""
_last_lines: tuple[bytes, bytes] = (b"", b"")
_last_fields: list[tuple[str, str]] = []


def current_date() -> str:
    """Return the time as an IMF-fixdate."""
    _refresh()
    return _date


def last_lines() -> tuple[bytes, bytes]:
    """Return what ends a head of ours: Date and Server, and the same with `Connection: close`; with the empty line."""
    _refresh()
    return _last_lines


def last_fields() -> list[tuple[str, str]]:
    """Return the same two as fields of HTTP/2; they are not to be changed."""
    _refresh()
    return _last_fields


def _refresh() -> None:
    global _second, _date, _last_fields, _last_lines
    now = int(time.time())
    if now != _second:
        _second = now
        _date = format_http_date(now)
        lines = f"Date: {_date}\r\nServer: {SERVER_NAME}\r\n".encode()
        _last_lines = (lines + b"\r\n", lines + b"Connection: close\r\n\r\n")
        _last_fields = [("date", _date), ("server", SERVER_NAME)]
