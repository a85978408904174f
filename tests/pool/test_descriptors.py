"""File descriptors: what counts as their want, when another attempt is made, and the warning in time."""

import errno
import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.fake_loop import FakeLoop
from trunkline.conn.key import ConnectionKey
from trunkline.pool import descriptors
from trunkline.pool.descriptors import Shortage, check_limit, shortage_in
from trunkline.transport.errors import ConnectError, ProxyUnreachable, ResolveError, TLSError
from trunkline.wire.limits import MAX_SHORTAGE_PAUSE_S, MIN_SHORTAGE_PAUSE_S

KEY = ConnectionKey("h", 80, False, True)
EMFILE = OSError(errno.EMFILE, "Too many open files")
ENFILE = OSError(errno.ENFILE, "Too many open files in system")
REFUSED = OSError(errno.ECONNREFUSED, "Connection refused")
UNNUMBERED = OSError(None, "Could not contact DNS servers")


@pytest.fixture
def limited() -> Iterator[tuple[int, int]]:
    """The limits of this process while 100 files are allowed."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    yield 100, limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.fixture
def exhausted(limited: tuple[int, int]) -> Iterator[None]:
    taken: list[int] = []
    with suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    yield
    for descriptor in taken:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (ConnectError("h", 80, EMFILE), errno.EMFILE),
        (ConnectError("h", 80, ENFILE), errno.ENFILE),
        (ResolveError("h", 80, EMFILE), errno.EMFILE),
        (ProxyUnreachable("p", 80, False, ConnectError("p", 80, EMFILE)), errno.EMFILE),
        (EMFILE, errno.EMFILE),  # of the trust store, or of a module
        (ConnectError("h", 80, REFUSED), None),
        (ConnectError("h", 80, UNNUMBERED), None),
        (ResolveError("h", 80, socket.gaierror(socket.EAI_NONAME, "Name or service not known")), None),
        (ResolveError("h", 80, UNNUMBERED), None),
        (TLSError("h", 80, REFUSED), None),
        (TLSError("h", 80, EMFILE), errno.EMFILE),
        (TimeoutError(), None),
        (ValueError(), None),
    ],
)
def test_a_shortage_is_told_from_other_failures(error: BaseException, number: int | None) -> None:
    assert shortage_in(error) == number


@pytest.mark.usefixtures("exhausted")
def test_a_failure_without_a_number_is_looked_into() -> None:
    assert shortage_in(ResolveError("h", 80, UNNUMBERED)) == errno.EMFILE
    assert shortage_in(ResolveError("h", 80, socket.gaierror(socket.EAI_NONAME, "unknown"))) is None


class Line:
    """Requests that wait for a descriptor; what is woken tries at once, by `attempt`."""

    def __init__(self, waiting: int) -> None:
        self.loop = FakeLoop()
        self.waiting = waiting
        self.tried_at: list[float] = []
        self.attempt: Callable[[], None] = lambda: None
        self.shortage = Shortage(self.loop.as_loop(), self.wake)

    def wake(self) -> bool:
        if not self.waiting:
            return False
        self.tried_at.append(self.loop.clock)
        self.attempt()
        return True

    def fail(self) -> None:
        assert self.shortage.has_caused(EMFILE)

    def succeed(self) -> None:
        self.waiting -= 1
        self.shortage.note_opened()


def test_one_request_tries_for_all_after_pauses_that_double_up_to_a_bound() -> None:
    line = Line(1000)
    line.attempt = line.fail
    began_at = line.loop.clock
    for _ in range(1000):
        line.fail()
    line.loop.advance(10)
    assert line.tried_at[0] == began_at + MIN_SHORTAGE_PAUSE_S
    pauses = [later - earlier for earlier, later in zip(line.tried_at, line.tried_at[1:], strict=False)]
    assert pauses[0] == pytest.approx(2 * MIN_SHORTAGE_PAUSE_S)
    assert pauses[-1] == pytest.approx(MAX_SHORTAGE_PAUSE_S)
    assert len(line.tried_at) < 16
    assert line.shortage.number == errno.EMFILE


def test_each_that_succeeds_lets_the_next_one_try_at_once() -> None:
    line = Line(5)
    line.attempt = line.succeed
    line.fail()
    line.loop.advance(MIN_SHORTAGE_PAUSE_S)
    assert line.waiting == 0
    assert line.shortage.number is None


def test_a_success_elsewhere_ends_the_pause() -> None:
    line = Line(1)
    line.fail()
    line.shortage.note_opened()
    assert len(line.tried_at) == 1
    assert not line.loop.armed


@pytest.mark.parametrize(
    "end", [lambda line: line.loop.advance(MIN_SHORTAGE_PAUSE_S), lambda line: line.shortage.stop()]
)
def test_when_nobody_waits_any_more_nothing_is_planned(end: Callable[[Line], None]) -> None:
    line = Line(0)
    line.fail()
    end(line)
    assert line.shortage.number is None
    assert not line.loop.armed


def test_the_error_names_the_limits_and_what_to_do(limited: tuple[int, int]) -> None:
    line = Line(0)
    line.fail()
    error = line.shortage.error(KEY, 1000)
    assert error.os_error.errno == errno.EMFILE
    assert str(error) == (
        "cannot open a connection to h:80: Too many open files: this process may have 100 (soft RLIMIT_NOFILE; the "
        f"hard one is {limited[1]}); raise it by `ulimit -n`, or lower the connector's limit=1000"
    )


def test_the_error_of_a_full_system_does_not_blame_the_process() -> None:
    line = Line(0)
    assert line.shortage.has_caused(ENFILE)
    text = str(line.shortage.error(KEY, 1000))
    assert text.endswith("Too many open files in system; close some, or lower the connector's limit=1000")


def test_a_limit_above_the_systems_is_told_once(monkeypatch: pytest.MonkeyPatch, limited: tuple[int, int]) -> None:
    monkeypatch.setattr(descriptors, "_has_warned", False)
    check_limit(limited[0] - descriptors.RESERVED_DESCRIPTORS)
    with pytest.warns(RuntimeWarning, match="limit=100 sockets, but this process may have 100 files open") as caught:
        check_limit(100)
    assert caught[0].filename == __file__
    check_limit(100)
