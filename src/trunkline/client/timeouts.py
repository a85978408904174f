"""`ClientTimeout`: how long each part of a request may take, as users state it.

None and 0 mean "no limit", as in aiohttp. Other than there, a limit that is negative, NaN or infinite is
refused where it is stated: aiohttp takes some of these for "no limit" and others for "at once", and a
remaining time that fell below zero must not turn into no limit at all. Counting the time is
`transport/deadline`'s part.
"""

import math
from dataclasses import dataclass, fields
from numbers import Real
from typing import ClassVar, Final, NamedTuple

_LIMITS: Final = ("total", "connect", "sock_read", "sock_connect")


def _check_limit(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {_kind(value)}; pass a number of seconds, or None for no limit")
    if not 0 <= float(value) < math.inf:  # NaN fails every comparison
        raise ValueError(f"{name} is {value} seconds; pass a finite number that is not negative, or None for no limit")


def _kind(value: object) -> str:
    return f"of type {type(value).__name__}"


class _Field(NamedTuple):
    """A field as attrs describes it. alias: its name in the constructor."""

    name: str
    alias: str
    init: bool = True


@dataclass(frozen=True, slots=True, order=True)
class ClientTimeout:
    """Limits in seconds; None or 0 is no limit.

    total: the whole request with its body.
    connect: getting a connection, from the pool or new. sock_connect: opening a new one.
    sock_read: silence of the server.
    ceil_threshold: accepted, not used; aiohttp rounds longer limits up to whole seconds, Trunkline does not.
    """

    # attrs' functions (evolve, asdict) read the fields here; programs use them, because aiohttp's class is of attrs.
    __attrs_attrs__: ClassVar[tuple["_Field", ...]]

    total: float | None = None
    connect: float | None = None
    sock_read: float | None = None
    sock_connect: float | None = None
    ceil_threshold: float = 5

    def __post_init__(self) -> None:
        for name in _LIMITS:
            _check_limit(name, getattr(self, name))


ClientTimeout.__attrs_attrs__ = tuple(_Field(field.name, field.name) for field in fields(ClientTimeout))

# aiohttp's documentation, "Client timeouts": five minutes in all, half a minute to connect.
DEFAULT_TIMEOUT: Final = ClientTimeout(total=5 * 60, sock_connect=30)

_NO_LIMITS: Final = ClientTimeout()


def as_client_timeout(value: ClientTimeout | float | None) -> ClientTimeout:
    """Read the `timeout` argument of one request: a bare number is the total, None is no limit at all.

    It replaces the session's timeout as a whole: what it does not state has no limit.
    """
    if isinstance(value, ClientTimeout):
        return value
    if value is None:
        return _NO_LIMITS
    if not isinstance(value, Real):
        raise TypeError(f"timeout is {_kind(value)}; pass a ClientTimeout, a number of seconds, or None for no limit")
    return ClientTimeout(total=value)
