"""Answers of a resolver, kept for a while.

Only successes are kept, for `ttl_s` seconds and for at most `max_size` names; the least recently used goes
first. Callers that ask for the same name at once share one look-up: it goes on while anybody waits for it and
is cancelled with its last waiter. Each use hands out the addresses from a different start, so that
connections spread over all of them. An IP address is its own answer and asks nobody. Nothing is kept about
failures: the next request asks again.
"""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable

from trunkline.abc import AbstractResolver, ResolveResult
from trunkline.ground.probe import Probe
from trunkline.transport.errors import ResolveError
from trunkline.transport.resolve import numeric_address
from trunkline.wire.limits import MAX_DNS_ENTRIES

_Key = tuple[str, int]


class _Entry:
    """The addresses of one name, and the one to begin with at the next use."""

    __slots__ = ("addresses", "expires_at", "start")

    def __init__(self, addresses: list[ResolveResult], expires_at: float) -> None:
        self.addresses = addresses
        self.expires_at = expires_at
        self.start = 0

    def rotated(self) -> list[ResolveResult]:
        start = self.start
        self.start = (start + 1) % len(self.addresses)
        return self.addresses[start:] + self.addresses[:start]


class _LookUp:
    """One question to the resolver and the number of those who wait for its answer."""

    __slots__ = ("task", "waiters")

    def __init__(self, task: "asyncio.Task[_Entry]") -> None:
        self.task = task
        self.waiters = 0


class DNSCache:
    """Resolves names through `resolver` and remembers the answers.

    ttl_s: None keeps answers for ever. max_size: 0 keeps none. now: the clock, in seconds.
    The resolver stays its owner's to close.
    """

    def __init__(
        self,
        resolver: AbstractResolver,
        ttl_s: float | None = 10.0,
        max_size: int = MAX_DNS_ENTRIES,
        now: Callable[[], float] = time.monotonic,
        *,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> None:
        self._resolver = resolver
        self._ttl_s = float("inf") if ttl_s is None else ttl_s
        self._max_size = max_size
        self._now = now
        self._family = family
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._look_ups: dict[_Key, _LookUp] = {}
        self._tasks: set[asyncio.Task[_Entry]] = set()
        self._closed = False
        self.hits = 0
        self.misses = 0

    async def resolve(self, host: str, port: int, probe: Probe | None = None) -> list[ResolveResult]:
        """Return the addresses of `host`, at least one; raise ResolveError when there are none.

        probe: is told what is done for a request that is traced.
        """
        literal = numeric_address(host, port)
        if literal is not None:
            return [literal]
        entry = self._entries.get((host, port))
        if entry is not None and entry.expires_at > self._now():
            self.hits += 1
            self._entries.move_to_end((host, port))
            if probe is not None:
                await probe.send_dns_cache_hit(host)
        else:
            self.misses += 1
            entry = await self._join_look_up(host, port, probe)
        return entry.rotated()

    def forget(self, host: str, port: int) -> None:
        """Drop what is known of a host whose addresses did not answer."""
        self._entries.pop((host, port), None)

    def clear(self, host: str | None = None, port: int | None = None) -> None:
        """Drop one name, or all of them when none is given."""
        if host is not None and port is not None:
            self.forget(host, port)
        elif host is not None or port is not None:
            raise ValueError("either both host and port or neither of them are needed to clear the DNS cache")
        else:
            self._entries.clear()

    async def close(self) -> None:
        """End the look-ups that are under way: who waits for one gets a ResolveError."""
        self._closed = True
        self._entries.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _join_look_up(self, host: str, port: int, probe: Probe | None) -> _Entry:
        if self._closed:
            raise ResolveError(host, port, OSError("the DNS cache is closed"))
        shared = self._look_ups.get((host, port))
        if shared is not None and shared.task.done():
            shared = None
        look_up = shared or self._start_look_up(host, port)
        is_asking = shared is None or not self._max_size  # without a cache, sharing is no hit
        look_up.waiters += 1
        try:
            if probe is not None:
                await self._tell_start(probe, host, is_asking)
            await asyncio.wait((look_up.task,))
        finally:
            look_up.waiters -= 1
            if not look_up.waiters:
                self._finish_look_up(host, port, look_up)
        if look_up.task.cancelled():
            raise ResolveError(host, port, OSError("the DNS cache was closed during the look-up"))
        error = look_up.task.exception()
        if isinstance(error, OSError):
            raise ResolveError(host, port, error) from error
        entry = look_up.task.result()
        if probe is not None and is_asking:
            await probe.send_dns_resolvehost_end(host)
        return entry

    async def _tell_start(self, probe: Probe, host: str, is_asking: bool) -> None:
        if not is_asking:
            await probe.send_dns_cache_hit(host)
            return
        if self._max_size:
            await probe.send_dns_cache_miss(host)
        await probe.send_dns_resolvehost_start(host)

    def _start_look_up(self, host: str, port: int) -> _LookUp:
        task = asyncio.get_running_loop().create_task(self._ask(host, port))
        self._tasks.add(task)
        task.add_done_callback(self._retire)
        look_up = self._look_ups[host, port] = _LookUp(task)
        return look_up

    def _finish_look_up(self, host: str, port: int, look_up: _LookUp) -> None:
        """Nobody waits any more: newcomers must not join, and an answer would be of no use."""
        look_up.task.cancel()
        if self._look_ups.get((host, port)) is look_up:
            del self._look_ups[host, port]

    def _retire(self, task: "asyncio.Task[_Entry]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen by now, or of no interest to waiters that have left

    async def _ask(self, host: str, port: int) -> _Entry:
        addresses = await self._resolver.resolve(host, port, family=self._family)
        if not addresses:
            raise OSError("the resolver returned no addresses")
        entry = _Entry(list(addresses), self._now() + self._ttl_s)
        if not self._closed:
            self._entries[host, port] = entry
            self._entries.move_to_end((host, port))
            while len(self._entries) > self._max_size:
                self._entries.popitem(last=False)
        return entry
