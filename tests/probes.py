"""A `Probe` that notes what it is told, and does what a test wants at one of the events."""

from collections.abc import Awaitable, Callable


class Notes:
    """told: the events, in order. at: what is awaited at an event."""

    def __init__(self, at: dict[str, Callable[[], Awaitable[None]]] | None = None) -> None:
        self.told: list[str] = []
        self._at = at or {}

    async def _tell(self, event: str) -> None:
        self.told.append(event)
        act = self._at.get(event)
        if act is not None:
            await act()

    async def send_connection_queued_start(self) -> None:
        await self._tell("queued_start")

    async def send_connection_queued_end(self) -> None:
        await self._tell("queued_end")

    async def send_connection_create_start(self) -> None:
        await self._tell("create_start")

    async def send_connection_create_end(self) -> None:
        await self._tell("create_end")

    async def send_connection_reuseconn(self) -> None:
        await self._tell("reuse")

    async def send_dns_cache_hit(self, host: str) -> None:
        await self._tell(f"hit {host}")

    async def send_dns_cache_miss(self, host: str) -> None:
        await self._tell(f"miss {host}")

    async def send_dns_resolvehost_start(self, host: str) -> None:
        await self._tell(f"ask {host}")

    async def send_dns_resolvehost_end(self, host: str) -> None:
        await self._tell(f"answer {host}")

    def mark(self, phase: str) -> None:
        """Phases are not noted; `client/observe` shows them."""
