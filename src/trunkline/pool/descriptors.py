"""File descriptors, of which the system lends a process a limited number: a warning in time, and what to do without.

A connector whose limit is above the system's is told of once. When there is none for a new connection, the pool gives
its requests those that it has, and tries again to open one when one of them is gone or after a pause that doubles. One
request tries on behalf of all that wait, so a shortage costs the loop next to nothing; each that succeeds lets the next
one try, so its end is noticed at once. The pool imports this module when it is made, for that needs a descriptor too.
"""

import asyncio
import errno
import os
import warnings
from collections.abc import Callable
from typing import Final

from trunkline.conn.key import ConnectionKey
from trunkline.ground.caller import outer_level
from trunkline.pool.errors import OutOfDescriptors
from trunkline.transport.errors import ConnectError, ProxyUnreachable, ResolveError, TLSError
from trunkline.wire.limits import MAX_SHORTAGE_PAUSE_S, MIN_SHORTAGE_PAUSE_S

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]  # a module or nothing

RESERVED_DESCRIPTORS: Final = 32  # standard streams, the loop's own, logs, resolvers; ours
_ERRNOS: Final = (errno.EMFILE, errno.ENFILE)

_has_warned = False


def check_limit(limit: int) -> None:
    """Warn, once in a process, when it may not open as many sockets as a connector's `limit`."""
    global _has_warned
    limits = None if _has_warned else _system_limits()
    if limits is not None and limit > limits[0] - RESERVED_DESCRIPTORS:
        _has_warned = True
        warnings.warn(
            f"limit={limit} sockets, but this process may have {limits[0]} files open (soft RLIMIT_NOFILE; the hard "
            f"one is {limits[1]}), and needs some {RESERVED_DESCRIPTORS} for itself: requests would have to wait; "
            "raise it by `ulimit -n`, or lower limit",
            RuntimeWarning,
            stacklevel=outer_level(),
        )


def shortage_in(error: BaseException) -> int | None:
    """Return EMFILE or ENFILE when it is for want of a descriptor that opening a connection failed; else None."""
    cause = error.error if isinstance(error, ProxyUnreachable) else error
    if isinstance(cause, (ResolveError, ConnectError)):
        number = cause.os_error.errno
        # c-ares tells no errno, and a race whose addresses failed in different ways has none: look for ourselves.
        return _probe() if number is None else _known(number)
    if isinstance(cause, TLSError):
        return _known(cause.ssl_error.errno)
    return _known(cause.errno) if isinstance(cause, OSError) else None


class Shortage:
    """The want of descriptors in one pool, while it lasts, and when to try again.

    wake: lets the first request in line open a connection; tells whether there was one. number: EMFILE, ENFILE, or
    None when the last attempt to open a connection did not fail for that.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], bool]) -> None:
        self._loop = loop
        self._wake = wake
        self._pause_s = MIN_SHORTAGE_PAUSE_S
        self._timer: asyncio.TimerHandle | None = None
        self.number: int | None = None

    def has_caused(self, error: BaseException) -> bool:
        """Tell whether `error` came of the shortage, and plan another attempt then."""
        number = shortage_in(error)
        if number is None:
            return False
        self.number = number
        if self._timer is None:
            self._timer = self._loop.call_later(self._pause_s, self._try)
            self._pause_s = min(2 * self._pause_s, MAX_SHORTAGE_PAUSE_S)
        return True

    def note_opened(self) -> None:
        """Note that a connection was opened; the next in line may try, if requests wait though slots are free."""
        if self.number is not None:
            self.stop()
        self._wake()

    def stop(self) -> None:
        """Forget the shortage, and plan nothing more."""
        self.number = None
        self._pause_s = MIN_SHORTAGE_PAUSE_S
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def error(self, key: ConnectionKey, limit: int) -> OutOfDescriptors:
        """Return the error of a request that cannot wait any longer. limit: the connector's."""
        assert self.number is not None
        return OutOfDescriptors(key.host, key.port or 0, OSError(self.number, _reason(self.number, limit)))

    def _try(self) -> None:
        self._timer = None
        if not self._wake():
            self.stop()


def _reason(number: int, limit: int) -> str:
    """Put the shortage into words, with its bounds and what to do."""
    text = os.strerror(number)
    limits = _system_limits()
    if number == errno.ENFILE or limits is None:
        return f"{text}; close some, or lower the connector's limit={limit}"
    return (
        f"{text}: this process may have {limits[0]} (soft RLIMIT_NOFILE; the hard one is {limits[1]}); raise it by "
        f"`ulimit -n`, or lower the connector's limit={limit}"
    )


def _system_limits() -> tuple[int, str] | None:
    """Return the soft limit of this process's descriptors, and the hard one as text; None where there is none."""
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    return soft, "unlimited" if hard == resource.RLIM_INFINITY else str(hard)


def _known(number: int | None) -> int | None:
    return number if number in _ERRNOS else None


def _probe() -> int | None:
    """Find out whether there is a descriptor to be had now."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return _known(error.errno)
    return None
