"""`PrioritizedSession`: a session as one part of a program uses it, whose requests are served before or after others.

What users wait for and what runs in the background share one pool and its connections; while none is free, the queue
serves the higher priority first. A view holds nothing of its own: it is not closed, its session is.
"""

from typing import Any

from trunkline.client.response import ClientResponse
from trunkline.client.session_verbs import SessionVerbs
from trunkline.ground.types import StrOrURL
from trunkline.pool.rules import checked_priority


class PrioritizedSession(SessionVerbs):
    """`session` with another priority for requests that state none. Its attributes are the session's."""

    def __init__(self, session: SessionVerbs, priority: int) -> None:
        self._session = session
        self._priority = checked_priority(priority)

    def __getattr__(self, name: str) -> Any:  # Any: whatever sessions have
        if name == "_session":  # of a view that is being copied
            raise AttributeError(name)
        return getattr(self._session, name)

    async def _request(self, method: str, str_or_url: StrOrURL, **options: Any) -> ClientResponse:
        return await self._session._request(method, str_or_url, **{"priority": self._priority, **options})
