"""Lets one call to the operating system fail: the driver of the tests that inject errors.

`Faults` counts the calls that a flow makes through the sockets, TLS objects, look-ups and files that were made with it,
and the one whose turn it is raises what the system, or OpenSSL, raises. Counting up until the flow ends without a
failure finds every call. Closing is left out: a descriptor whose close() fails is closed all the same (Linux).
uvloop accepts, reads, writes and shuts down by libuv, past the methods of sockets, and has taken its MemoryBIO from
`ssl` before we come: there only what comes before a socket is connected can fail, and what is asked of the TLS object.
"""

import asyncio
import errno
import io
import os
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import pytest
from aiohappyeyeballs import AddrInfoType

from tests.torture.leaks import Held, wait_no_more_than
from tests.torture.loops import noting
from trunkline.web import file_answer

_MEMORY_BIO: Final = ssl.MemoryBIO  # whatever stands in its place

MAX_CALLS: Final = 400  # far more than any of the flows makes
WARM_UP: Final = 2  # whole runs, after which what is kept once for all has been made

# What Linux says, by call (man 2 of each).
SOCKET_ERRORS: Final = {
    "accept": errno.ECONNABORTED,
    "bind": errno.EADDRINUSE,
    "connect": errno.ECONNREFUSED,
    "getpeername": errno.ENOTCONN,
    "getsockname": errno.ENOBUFS,
    "getsockopt": errno.ENOBUFS,
    "listen": errno.EADDRINUSE,
    "recv": errno.ECONNRESET,
    "recv_into": errno.ECONNRESET,
    "send": errno.EPIPE,
    "sendmsg": errno.EPIPE,
    "setblocking": errno.EBADF,
    "setsockopt": errno.EINVAL,
    "shutdown": errno.ENOTCONN,
}
FILE_CALLS: Final = ("read", "seek", "tell")
TLS_CALLS: Final = ("do_handshake", "getpeercert", "read", "unwrap", "write")


class Faults:
    """Fails the call number `fail_at`, from 1, of those made while it is armed. failed: its name, once it has."""

    def __init__(self, fail_at: int) -> None:
        self.calls = 0
        self.failed = ""
        self._fail_at = fail_at
        self._is_armed = False

    @property
    def is_reached(self) -> bool:
        return self.calls >= self._fail_at

    @contextmanager
    def armed(self) -> Iterator[None]:
        noting().before_look_up = lambda _: self.note("getaddrinfo", socket.gaierror(socket.EAI_AGAIN, "injected"))
        self._is_armed = True
        try:
            yield
        finally:
            self._is_armed = False

    def note(self, call: str, error: OSError) -> None:
        """Count a call, and raise `error` if it is the one."""
        if not self._is_armed:
            return
        self.calls += 1
        if self.calls == self._fail_at:
            self.failed = call
            raise error

    def note_file(self, call: str) -> None:
        self.note(f"file {call}", OSError(errno.EIO, "injected"))

    def make_socket(self, info: AddrInfoType) -> socket.socket:
        """Make a socket whose calls are counted: a connector's `socket_factory`."""
        self.note("socket", OSError(errno.ENOBUFS, "injected"))
        return FaultySocket(self, info[0], info[1], info[2])

    def watch_tls(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """Let the calls of handshakes with `context` be counted."""
        context.sslobject_class = type("FaultyTLS", (_FaultyTLS,), {"note": staticmethod(self.note)})
        return context


class FaultySocket(socket.socket):
    """A socket whose calls are counted, but for those after whose failure asyncio loses a connection: its `ACCEPTED`
    and `MADE` tell which call of a name that is. Linux never fails these, and nobody outside asyncio could help it.
    """

    # The loop forgets what it has accepted; a transport has noted its descriptor before it sets TCP_NODELAY.
    ACCEPTED: Final = frozenset({("setblocking", 1), ("setsockopt", 1)})
    MADE: Final = frozenset({("setsockopt", 2)})

    # Any, here and below: a socket's own arguments, and addresses of any family.
    def __init__(self, faults: Faults, *args: Any, left_out: frozenset[tuple[str, int]] = MADE, **kwargs: Any) -> None:
        self._faults = faults
        self._left_out = left_out
        self._made: Counter[str] = Counter()
        super().__init__(*args, **kwargs)

    def note(self, call: str, error: OSError) -> None:
        self._made[call] += 1
        if (call, self._made[call]) not in self._left_out:
            self._faults.note(call, error)

    def dup(self) -> Self:
        return type(self)(self._faults, self.family, self.type, self.proto, fileno=os.dup(self.fileno()))

    def accept(self) -> tuple[socket.socket, Any]:
        self.note("accept", OSError(SOCKET_ERRORS["accept"], "injected"))
        accepted, address = super().accept()
        return FaultySocket(self._faults, fileno=accepted.detach(), left_out=self.ACCEPTED), address


def listener(faults: Faults) -> socket.socket:
    sock = FaultySocket(faults, socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    return sock


class _FaultyReader(io.BufferedReader):
    """A file that a server sends."""

    def __init__(self, faults: Faults, raw: io.FileIO) -> None:
        super().__init__(raw)
        self.note = faults.note


class _FaultyOS:
    """Stands for the module `os` where a server looks for files."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def __getattr__(self, name: str) -> Any:  # Any: whatever the module has
        real = getattr(os, name)
        if name not in ("fstat", "lstat", "open", "stat"):
            return real

        def counted(*args: Any, **kwargs: Any) -> Any:
            self._faults.note_file(name)
            return real(*args, **kwargs)

        return counted


class _FaultyBIO:
    """A MemoryBIO whose writes are counted once a TLS object that is watched has got it; reading memory cannot fail."""

    def __init__(self) -> None:
        self.real = _MEMORY_BIO()
        self.note: Callable[[str, OSError], None] = lambda *_: None

    def __getattr__(self, name: str) -> Any:  # Any: whatever a MemoryBIO has
        return getattr(self.real, name)

    def write(self, data: Any) -> int:  # Any: bytes of all kinds
        self.note("BIO write", _tls_error())
        return self.real.write(data)


class UnwatchedTLS(ssl.SSLObject):
    """What a context needs as its `sslobject_class` to do handshakes within `failing_bios` that are not watched."""

    @classmethod
    def _create(cls, *bios: Any, **kwargs: Any) -> Any:  # Any: an SSLObject's own, which typeshed does not know
        bios = tuple(bio.real if isinstance(bio, _FaultyBIO) else bio for bio in bios)
        return super()._create(*bios, **kwargs)  # type: ignore[misc]  # not in typeshed


class _FaultyTLS(UnwatchedTLS):
    note: Callable[[str, OSError], None]

    @classmethod
    def _create(cls, *bios: Any, **kwargs: Any) -> Any:  # Any: as above
        # asyncio forgets an accepted socket for which it cannot make a TLS object, and nobody outside it knows of it.
        if not (kwargs["server_side"] and isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop)):
            cls.note("TLS wrap_bio", _tls_error())
        for bio in bios:
            if isinstance(bio, _FaultyBIO):
                bio.note = cls.note
        return super()._create(*bios, **kwargs)


class FaultyFile(io.BytesIO):
    def __init__(self, faults: Faults, data: bytes) -> None:
        super().__init__(data)
        self.note = faults.note


def _counted(method: Any, call: str, error: Callable[[], OSError]) -> Any:  # Any: methods of all shapes
    def counted(self: Any, *args: Any) -> Any:
        self.note(call, error())
        return method(self, *args)

    return counted


def _os_error(number: int) -> Callable[[], OSError]:
    return lambda: OSError(number, f"injected: {os.strerror(number)}")


def _tls_error() -> OSError:
    return ssl.SSLError(1, "injected")


@contextmanager
def failing_files(faults: Faults) -> Iterator[None]:
    """Let the calls be counted by which a server finds, reads and sends files."""

    def open_file(path: str, mode: str, opener: Callable[[str, int], int]) -> io.BufferedReader:
        return _FaultyReader(faults, io.FileIO(path, mode, opener=opener))

    def sendfile(*args: Any, **kwargs: Any) -> int:
        faults.note_file("sendfile")
        return real(*args, **kwargs)

    real = os.sendfile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_answer, "os", _FaultyOS(faults))
        patch.setattr(file_answer, "open", open_file, raising=False)
        patch.setattr(os, "sendfile", sendfile)
        yield


@contextmanager
def failing_bios() -> Iterator[None]:
    """Let the calls be counted, too, by which asyncio hands bytes to TLS objects that are watched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "MemoryBIO", _FaultyBIO)
        yield


for _name, _number in SOCKET_ERRORS.items():
    if _name != "accept":
        setattr(FaultySocket, _name, _counted(getattr(socket.socket, _name), _name, _os_error(_number)))
for _name in FILE_CALLS:
    setattr(FaultyFile, _name, _counted(getattr(io.BytesIO, _name), f"file {_name}", _os_error(errno.EIO)))
for _name in ("read", "seek"):
    setattr(_FaultyReader, _name, _counted(getattr(io.BufferedReader, _name), f"file {_name}", _os_error(errno.EIO)))
for _name in TLS_CALLS:
    setattr(_FaultyTLS, _name, _counted(getattr(ssl.SSLObject, _name), f"TLS {_name}", _tls_error))


async def fail_everywhere(run: Callable[[Faults], Awaitable[None]]) -> list[str]:
    """Run a flow again and again, each time failing its next call; return the names of those that failed.

    After each nothing may be held that was not held before the first.
    """
    for _ in range(WARM_UP):
        await run(Faults(MAX_CALLS))
    before = Held.now()
    failed: list[str] = []
    for fail_at in range(1, MAX_CALLS):
        faults = Faults(fail_at)
        try:
            await run(faults)
            await wait_no_more_than(before)
        except Exception as error:
            error.add_note(f"call {fail_at} failed: {faults.failed}")
            raise
        if not faults.is_reached:
            return failed
        failed.append(faults.failed)
    raise AssertionError(f"the flow makes more than {MAX_CALLS} calls")
