"""The client against an nginx that ends connections while they are in use: idle time-outs and reloads."""

import asyncio
from pathlib import Path

from tests.nginx import Nginx
from trunkline import ClientConnectionError, ClientSession, TCPConnector

WORKERS = 20


async def test_a_connection_that_nginx_closed_while_idle_is_not_used_again(tmp_path: Path) -> None:
    with Nginx(tmp_path, "keepalive_timeout 50ms;") as nginx:
        async with ClientSession() as session:
            assert session.connector is not None
            for _ in range(3):
                async with session.post(nginx.url("/created"), data=b"once") as response:
                    assert response.status == 201
                ((idle, _),) = next(iter(session.connector._conns.values()))
                await idle.gone
                assert not session.connector._conns
        assert len(nginx.accesses()) == 3


async def test_get_succeeds_just_when_nginx_closes_the_idle_connection(tmp_path: Path) -> None:
    with Nginx(tmp_path, "keepalive_timeout 20ms;") as nginx:
        async with ClientSession() as session:
            for step in range(100):  # pauses of 18 to 22 ms: some requests cross nginx's FIN on the wire
                async with session.get(nginx.url()) as response:
                    assert await response.read() == b"hello"
                await asyncio.sleep(0.018 + step * 0.00004)


class Load:
    """Requests from WORKERS tasks that go on until `stop` is set; `workers` are the nginx processes that answered."""

    def __init__(self, session: ClientSession, nginx: Nginx) -> None:
        self.stop = asyncio.Event()
        self.failures: list[ClientConnectionError] = []
        self.answered = 0
        self.sent = 0
        self._session = session
        self._nginx = nginx
        self._workers: set[str] = set()
        self._is_new = asyncio.Event()

    async def get(self) -> None:
        while not self.stop.is_set():
            async with self._session.get(self._nginx.url()) as response:
                assert await response.read() == b"hello"
                self._note(response.headers["X-Worker"])

    async def post(self) -> None:
        while not self.stop.is_set():
            self.sent += 1
            try:
                async with self._session.post(self._nginx.url(f"/created?{self.sent}"), data=b"once") as response:
                    assert response.status == 201
                    self._note(response.headers["X-Worker"])
            except ClientConnectionError as error:
                self.failures.append(error)

    def _note(self, worker: str) -> None:
        self.answered += 1
        if worker not in self._workers:
            self._workers.add(worker)
            self._is_new.set()

    async def wait_new_worker(self) -> None:
        self._is_new.clear()
        await self._is_new.wait()

    async def reload(self, times: int) -> None:
        """Reload nginx under load, again and again, and wait each time until a new process has answered."""
        async with asyncio.timeout(60):
            await self.wait_new_worker()
            for _ in range(times):
                self._nginx.reload()
                await self.wait_new_worker()
        self.stop.set()


async def test_no_get_fails_when_nginx_is_reloaded(tmp_path: Path) -> None:
    with Nginx(tmp_path) as nginx:
        async with ClientSession() as session:
            load = Load(session, nginx)
            await asyncio.gather(load.reload(10), *(load.get() for _ in range(WORKERS)))
        assert load.answered >= WORKERS


async def test_no_queued_get_fails_when_nginx_is_reloaded(tmp_path: Path) -> None:
    with Nginx(tmp_path) as nginx:
        async with ClientSession(connector=TCPConnector(limit=4)) as session:
            load = Load(session, nginx)
            await asyncio.gather(load.reload(10), *(load.get() for _ in range(WORKERS)))
        assert load.answered >= WORKERS


async def test_no_post_is_sent_twice_when_nginx_is_reloaded(tmp_path: Path) -> None:
    with Nginx(tmp_path) as nginx:
        async with ClientSession(connector=TCPConnector(limit=4)) as session:
            load = Load(session, nginx)
            await asyncio.gather(load.reload(10), *(load.post() for _ in range(WORKERS)))
        targets = [access.uri for access in nginx.accesses() if access.method == "POST"]
        assert len(targets) == len(set(targets))
        assert load.answered <= len(targets) <= load.sent
        assert load.answered + len(load.failures) == load.sent
