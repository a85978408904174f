"""CLIENTS that request without end on one session, and what became of each request.

Every third request is a POST with a target of its own, the others are GETs. One client of seven has its connections
closed after each response; three of four are impatient when told to hurry. A request ends in a response or in a
ClientError or TimeoutError; anything else ends the test.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from tests.hostile.peers.origin import PIECE
from trunkline import ClientError, ClientSession, ClientTimeout, HttpVersion

CLIENTS = 64
PATIENT_IS_EVERY = 4
CLOSING_IS_EVERY = 7  # so that it is a patient one or another
GETS = {"/small": b"hello", "/pieces": 2 * PIECE}
BY_THE_PROGRAM = frozenset({502, 503, 504})  # what a gateway may answer when it is going down
PATIENT = ClientTimeout(total=15)
IMPATIENT = ClientTimeout(total=0.3, sock_connect=0.1)
_AFTER_FAILURE_S = 0.01  # as a client does that means well; without it, they would keep the machine busy


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a request. status: 0 for an error. is_calm: nothing was done to the program meanwhile."""

    method: str
    path: str
    is_patient: bool
    is_calm: bool
    status: int
    error: Exception | None

    @property
    def succeeded(self) -> bool:
        return self.status in (200, 201)


class Load:
    """ended: the requests, in the order in which they ended. session: what they are sent on. root: where to.

    version: what each response is to be of.
    """

    def __init__(self, session: ClientSession, root: str, version: HttpVersion) -> None:
        self.session = session
        self.version = version
        self.ended: list[Ended] = []
        self.begun = 0
        self._root = root
        self._is_over = False
        self._is_hasty = False
        self._calm: object | None = object()  # another one after each disturbance
        self._unanswered: dict[int, int] = {}
        self._under_way: set[int] = set()
        self._news = asyncio.Event()

    # What a test does with it.

    def start(self, group: asyncio.TaskGroup) -> None:
        """Let the clients run until `stop`, each as a task of `group`."""
        for client in range(CLIENTS):
            group.create_task(self._request_on(client))

    def stop(self) -> None:
        """Let each client end after the request that it has begun."""
        self._is_over = True

    def disturb(self) -> None:
        """Note that the program is about to be disturbed."""
        self._calm = None

    async def hurry(self) -> None:
        """Wait until most clients are at a request for which they have little patience."""
        self.disturb()
        self._is_hasty = True
        last_patient = self.begun
        await self._wait(lambda: all(number >= last_patient for number in self._under_way))

    def calm_down(self) -> None:
        """Note that the program works again."""
        self._calm = object()
        self._is_hasty = False

    async def wait_all_answered(self) -> None:
        """Wait until each client has got a good answer to a request that it began from now on."""
        self._unanswered = dict.fromkeys(range(CLIENTS), self.begun)
        await self._wait(lambda: not self._unanswered)

    async def wait_failures(self, kind: type[Exception], more: int) -> None:
        """Wait until `more` requests have failed by an error of this kind."""
        enough = self.count_failures(kind) + more
        await self._wait(lambda: self.count_failures(kind) >= enough)

    def count_failures(self, kind: type[Exception]) -> int:
        return sum(isinstance(one.error, kind) for one in self.ended)

    def failed(self) -> list[Ended]:
        return [one for one in self.ended if not one.succeeded]

    def errors(self) -> Counter[str]:
        """Count the errors, by the names of their classes."""
        return Counter(type(one.error).__name__ for one in self.ended if one.error is not None)

    # Inside.

    async def _wait(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._news.clear()
            await self._news.wait()

    async def _request_on(self, client: int) -> None:
        while not self._is_over:
            number = self.begun
            self.begun += 1
            self._under_way.add(number)
            calm, is_patient = self._calm, not self._is_hasty or client % PATIENT_IS_EVERY == 0
            timeout = PATIENT if is_patient else IMPATIENT
            method, path = ("POST", f"/created/{number}") if number % 3 == 0 else ("GET", list(GETS)[number % 2])
            headers = {"Connection": "close"} if client % CLOSING_IS_EVERY == 0 else {}
            status, error = 0, None
            try:
                status = await self._ask(method, path, timeout=timeout, headers=headers)
            except (ClientError, TimeoutError) as caught:
                error = caught
            is_calm = calm is not None and calm is self._calm
            ended = Ended(method, path, is_patient, is_calm, status, error)
            self._note(client, number, ended)
            if not ended.succeeded:
                await asyncio.sleep(_AFTER_FAILURE_S)

    async def _ask(self, method: str, path: str, *, timeout: ClientTimeout, headers: Mapping[str, str]) -> int:
        """Send a request, a POST with a small body or a streamed one, and check what comes; return the status."""
        data = None if method == "GET" else b"once" if len(self.ended) % 2 else _streamed()
        url = self._root + path
        async with self.session.request(method, url, data=data, timeout=timeout, headers=headers) as response:
            body = await response.read()
            assert response.version == self.version or response.status in BY_THE_PROGRAM
            assert response.status in BY_THE_PROGRAM or body == GETS.get(path, b"created")
            return response.status

    def _note(self, client: int, number: int, ended: Ended) -> None:
        self.ended.append(ended)
        self._under_way.remove(number)
        if ended.succeeded and number >= self._unanswered.get(client, self.begun):
            del self._unanswered[client]
        self._news.set()


async def _streamed() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"once"
        await asyncio.sleep(0)
