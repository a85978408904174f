"""A TraceConfig that notes all that it is told, and the signals that usually come together."""

from collections.abc import Awaitable, Callable
from typing import Any

from trunkline import ClientSession
from trunkline.client.tracing import TraceConfig

CREATED = ["connection_create_start", "connection_create_end"]
RESOLVED = [
    "connection_create_start",
    "dns_cache_miss",
    "dns_resolvehost_start",
    "dns_resolvehost_end",
    "connection_create_end",
]
SENT = ["request_headers_sent", "request_end"]


class Diary:
    """A TraceConfig that notes all of its signals. at: what is done at one of them, with its params."""

    # Any: one of sixteen classes of params.
    def __init__(self, at: dict[str, Callable[[Any], Awaitable[None]]] | None = None) -> None:
        self.config = TraceConfig()
        self.told: list[str] = []
        self.params: dict[str, Any] = {}  # the last of each signal
        self.contexts: list[Any] = []  # Any: namespaces
        self._at = at or {}
        for name in dir(self.config):
            if name.startswith("on_"):
                getattr(self.config, name).append(self._callback(name.removeprefix("on_")))

    def _callback(self, name: str) -> Callable[[object, object, Any], Awaitable[None]]:
        async def callback(session: object, context: object, params: Any) -> None:
            assert isinstance(session, ClientSession)
            self.told.append(name)
            self.params[name] = params
            self.contexts.append(context)
            if name in self._at:
                await self._at[name](params)

        return callback

    def page(self) -> list[str]:
        """What was told since the last look."""
        told, self.told = self.told, []
        return told
