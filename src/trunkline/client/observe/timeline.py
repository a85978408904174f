"""`Timeline`: where the time of one request went, as a value that prints as a waterfall.

A request is a row of hops, one for each redirect; a hop has tries, more than one when the first was sent again; a try
has phases. All times are seconds since the request began. `recorder` takes the stamps and makes these values when
somebody asks, so that a body which is still arriving shows as far as it has come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from yarl import URL

# Waiting for a connection; looking up its host; connecting (through a race of addresses, or SOCKS); asking a proxy for
# a tunnel; TLS; handing the request to the transport; until the first byte of the answer; until the last one.
QUEUE: Final = "queue"
DNS: Final = "dns"
CONNECT: Final = "connect"
TUNNEL: Final = "tunnel"
TLS: Final = "tls"
SEND: Final = "send"
WAIT: Final = "wait"
BODY: Final = "body"

_BAR_CHARS: Final = 40  # with the figures beside it, a line fits into 80 columns


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of a try. name: queue, dns, connect, tunnel, tls, send, wait or body."""

    name: str
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """How long it took."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Try:
    """One time that a request was sent, or was to be sent.

    phases: in order; what lies between them are the callbacks of tracers, and our own work. A proxy with TLS has a
    `tls` of its own before the origin's. status: None when no head came. is_reused: the connection had served before.
    peer: the address at the connection's other end, a proxy's if there is one, None when it is not known. error: what
    ended it, None when nothing did. is_complete: no more will come.
    """

    start_s: float
    end_s: float
    phases: tuple[Phase, ...]
    status: int | None
    is_reused: bool
    peer: str | None
    error: str | None
    is_complete: bool

    def seconds(self, name: str) -> float | None:
        """Return how long the phases called `name` took in all; None when there was none."""
        found = [phase.duration_s for phase in self.phases if phase.name == name]
        return sum(found) if found else None


@dataclass(frozen=True, slots=True)
class Hop:
    """What was sent for one URL. tries: none when a middleware answered."""

    method: str
    url: URL
    tries: tuple[Try, ...]

    @property
    def status(self) -> int | None:
        """The status that the last try brought."""
        return self.tries[-1].status if self.tries else None


@dataclass(frozen=True, slots=True)
class Timeline:
    """One request, with its redirects. total_s: up to the last byte, or to now when `is_complete` is False."""

    hops: tuple[Hop, ...]
    total_s: float
    is_complete: bool

    def __str__(self) -> str:
        return "\n".join(_waterfall(self))


def _waterfall(timeline: Timeline) -> Iterator[str]:
    for hop in timeline.hops:
        yield f"{hop.method} {hop.url}"
        for each in hop.tries:
            yield f"  {_outcome(each)}"
            for phase in each.phases:
                figures = f"{phase.start_s * 1000:9.1f} ms {phase.duration_s * 1000:+8.1f} ms"
                yield f"    {phase.name:7} {figures}  |{_bar(phase, timeline.total_s)}|"
    yield f"total {timeline.total_s * 1000:.1f} ms" + ("" if timeline.is_complete else ", and more to come")


def _outcome(each: Try) -> str:
    if each.status is not None:
        outcome = str(each.status)
    else:
        outcome = "no response" if each.is_complete else "no response yet"
    way = "reused connection" if each.is_reused else "new connection"
    to = "" if each.peer is None else f" to {each.peer}"
    return f"{outcome}, {way}{to}" + ("" if each.error is None else f": {each.error}")


def _bar(phase: Phase, total_s: float) -> str:
    """Draw a phase to scale; even the shortest gets a mark."""
    scale = _BAR_CHARS / total_s if total_s else 0.0
    start = min(int(phase.start_s * scale), _BAR_CHARS - 1)
    end = min(max(int(phase.end_s * scale), start + 1), _BAR_CHARS)
    return (" " * start + "=" * (end - start)).ljust(_BAR_CHARS)
