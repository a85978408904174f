"""Sockets that the kernel keeps in TIME_WAIT (RFC 9293 §3.6.1), from Linux's tables, unknown elsewhere."""

from __future__ import annotations

from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_TIME_WAIT = "06"  # Linux, include/net/tcp_states.h: TCP_TIME_WAIT
_LOCAL, _REMOTE, _STATE = 1, 2, 3  # columns; Linux, Documentation/networking/proc_net_tcp.rst

Sockets = frozenset[tuple[str, str]]  # their two ends, as the kernel writes them


def time_wait_sockets(port: int) -> Sockets | None:
    """The sockets in TIME_WAIT with `port` at either end; None where the kernel does not tell."""
    tables = [table.read_text() for table in _TABLES if table.is_file()]
    if not tables:
        return None
    suffix = f":{port:04X}"
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    waiting = [(row[_LOCAL], row[_REMOTE]) for row in rows if row[_STATE] == _TIME_WAIT]
    return frozenset(ends for ends in waiting if any(end.endswith(suffix) for end in ends))


def count_new(before: Sockets | None, after: Sockets | None) -> int | None:
    """Count those that came since `before`: a port may still be part of sockets of whoever had it last."""
    if before is None or after is None:
        return None
    return len(after - before)
