"""Answers of a resolver, kept for a while.

An answer is fresh for `ttl_s` seconds, or for as long as its records say; then it is stale, which for as long
again, up to a bound, is good enough to begin with while the resolver is asked again in the background (RFC
8767, RFC 5861 §3). A refresh that fails leaves it so. That a name does not exist is kept too, for seconds (RFC
2308 §5); of other failures nothing is, so that the next request asks again. At most `max_size` names are kept,
the least recently used goes first. Callers that ask for the same name at once share one look-up: it goes on
while anybody waits for it and is cancelled with its last waiter. Each use hands out the addresses from a
different start, so that connections spread over all of them. An IP address is its own answer and asks nobody.
"""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from trunkline.abc import AbstractResolver, ResolveResult
from trunkline.ground.probe import Probe
from trunkline.transport.errors import ResolveError
from trunkline.transport.resolve import numeric_address
from trunkline.wire.limits import (
    DNS_RECHECK_S,
    MAX_DNS_ENTRIES,
    MAX_DNS_TTL_S,
    MIN_DNS_TTL_S,
    NEGATIVE_DNS_S,
    STALE_DNS_S,
)

DEFAULT_TTL_S: Final = 10.0  # of answers whose records do not say; aiohttp's ttl_dns_cache

_Key = tuple[str, int]


class _Entry:
    """The addresses of one name, and the one to begin with at the next use."""

    __slots__ = ("_start", "addresses", "refresh_at", "usable_until")

    def __init__(self, addresses: Sequence[ResolveResult], refresh_at: float, usable_until: float) -> None:
        self.addresses = list(addresses)
        self.refresh_at = refresh_at
        self.usable_until = usable_until
        self._start = 0

    def take(self) -> list[ResolveResult]:
        """Return the addresses for one use."""
        start = self._start
        self._start = (start + 1) % len(self.addresses)
        return self.addresses[start:] + self.addresses[:start]


class _Absence(_Entry):
    """That there is no such name."""

    __slots__ = ("_host", "_port", "_text")

    def __init__(self, key: _Key, text: str, usable_until: float) -> None:
        super().__init__((), usable_until, usable_until)
        self._host, self._port = key
        self._text = text

    def take(self) -> list[ResolveResult]:
        raise ResolveError(self._host, self._port, socket.gaierror(socket.EAI_NONAME, self._text))


class _LookUp:
    """One question to the resolver and the number of those who wait for its answer; it ends with the last of them."""

    __slots__ = ("task", "waiters")

    def __init__(self, task: "asyncio.Task[_Entry]") -> None:
        self.task = task
        self.waiters = 0


class DNSCache:
    """Resolves names through `resolver` and remembers the answers.

    ttl_s: None keeps answers for ever, 0 and less none. The default gives way to the records' own time to live,
    where the resolver tells it. max_size: 0 keeps none. now: the clock, in seconds.
    The resolver stays its owner's to close.
    """

    def __init__(
        self,
        resolver: AbstractResolver,
        ttl_s: float | None = DEFAULT_TTL_S,
        max_size: int = MAX_DNS_ENTRIES,
        now: Callable[[], float] = time.monotonic,
        *,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> None:
        self._resolver = resolver
        self._ttl_s = float("inf") if ttl_s is None else ttl_s
        self._follows_records = ttl_s == DEFAULT_TTL_S
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
        entry = self._entries.get((host, port))
        if entry is not None and entry.usable_until > (now := self._now()):
            self.hits += 1
            self._entries.move_to_end((host, port))
            if entry.refresh_at <= now:
                self.refresh(host, port)
            if probe is not None:
                await probe.send_dns_cache_hit(host)
            return entry.take()
        literal = numeric_address(host, port)
        if literal is not None:
            return [literal]
        self.misses += 1
        entry = await self._join_look_up(host, port, probe)
        return entry.take()

    def refresh(self, host: str, port: int) -> None:
        """Ask again in the background for a name that is known; meanwhile, and if that fails, it stays as it is."""
        entry = self._entries.get((host, port))
        if entry is None or self._look_up_under_way(host, port) is not None:
            return
        entry.refresh_at = max(entry.refresh_at, self._now() + DNS_RECHECK_S)
        self._start_look_up(host, port)  # nobody waits; whoever joins, and gives up, ends it

    async def others(self, host: str, port: int, tried: Sequence[ResolveResult]) -> list[ResolveResult]:
        """Return the addresses of a host beyond those `tried`, none of which answered; drop it if there are none.

        Awaits a look-up that is under way: stale addresses were the ones to begin with, not the last word.
        """
        look_up = self._look_up_under_way(host, port)
        if look_up is not None:
            await asyncio.wait((look_up.task,), timeout=DNS_RECHECK_S)
        entry = self._entries.get((host, port))
        hosts = {address["host"] for address in tried}
        others = [address for address in entry.addresses if address["host"] not in hosts] if entry is not None else []
        if not others:
            self.forget(host, port)
        return others

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
        shared = self._look_up_under_way(host, port)
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
            reason = "the DNS cache was closed during the look-up" if self._closed else "the look-up was cancelled"
            raise ResolveError(host, port, OSError(reason))
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

    def _look_up_under_way(self, host: str, port: int) -> _LookUp | None:
        look_up = self._look_ups.get((host, port))
        return None if look_up is None or look_up.task.done() else look_up

    def _start_look_up(self, host: str, port: int) -> _LookUp:
        task = asyncio.get_running_loop().create_task(self._ask(host, port))
        look_up = self._look_ups[host, port] = _LookUp(task)
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._retire(host, port, look_up))
        return look_up

    def _finish_look_up(self, host: str, port: int, look_up: _LookUp) -> None:
        """Nobody waits any more: newcomers must not join, and an answer would be of no use."""
        look_up.task.cancel()
        if self._look_ups.get((host, port)) is look_up:
            del self._look_ups[host, port]

    def _retire(self, host: str, port: int, look_up: _LookUp) -> None:
        self._tasks.discard(look_up.task)
        if self._look_ups.get((host, port)) is look_up:
            del self._look_ups[host, port]
        if not look_up.task.cancelled():
            look_up.task.exception()  # seen by now, or of no interest: waiters have left, or it was a refresh

    async def _ask(self, host: str, port: int) -> _Entry:
        try:
            addresses = await self._resolver.resolve(host, port, family=self._family)
        except socket.gaierror as error:
            if error.errno == socket.EAI_NONAME:
                usable_until = self._now() + min(self._ttl_s, NEGATIVE_DNS_S)
                self._keep((host, port), _Absence((host, port), error.strerror or "no such name", usable_until))
            raise
        if not addresses:
            raise OSError("the resolver returned no addresses")
        lifetime_s = self._lifetime_s(addresses)
        refresh_at = self._now() + lifetime_s
        entry = _Entry(addresses, refresh_at, refresh_at + min(lifetime_s, STALE_DNS_S))
        self._keep((host, port), entry)
        return entry

    def _lifetime_s(self, addresses: Sequence[ResolveResult]) -> float:
        told = [ttl for address in addresses if isinstance(ttl := address.get("ttl"), int | float)]
        if not told or not self._follows_records:
            return self._ttl_s
        return min(max(min(told), MIN_DNS_TTL_S), MAX_DNS_TTL_S)

    def _keep(self, key: _Key, entry: _Entry) -> None:
        if self._closed or self._ttl_s <= 0:
            return
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_size:
            self._entries.popitem(last=False)
