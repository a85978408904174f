"""A loopback server that keeps the requests it got, and answers by path: what the tests of the client look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from trunkline.client.auth import BasicAuth, encode_basic_auth
from trunkline.testing.loopback import Loopback, LoopbackRequest, LoopbackResponse

OK = LoopbackResponse(body=b"ok")


class Recording(Loopback):
    """Answers with `answers`, by path, else with "ok". requests: what came, in order."""

    def __init__(self, answers: Mapping[str, LoopbackResponse] | None = None) -> None:
        super().__init__(self._answer)
        self.requests: list[LoopbackRequest] = []
        self._answers = {} if answers is None else answers

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    def _answer(self, request: LoopbackRequest) -> LoopbackResponse:
        self.requests.append(request)
        return self._answers.get(request.path, OK)

    @property
    def last(self) -> LoopbackRequest:
        return self.requests[-1]

    def fields(self, *names: str) -> list[str | None]:
        """The fields of these names in the last request."""
        return [self.last.header(name) for name in names]


def redirect(status: int, location: str, *fields: tuple[str, str]) -> LoopbackResponse:
    """A redirect to `location`."""
    return LoopbackResponse(status, headers=(("Location", location), *fields))


def credentials(login: str = "u", password: str = "p") -> BasicAuth:
    """Credentials as aiohttp's older value, without the warning of its constructor."""
    return BasicAuth.decode(encode_basic_auth(login, password))
