"""`NamedPipeConnector`, on a loop whose pipes are Unix sockets: everything but the call into Windows is real."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.raw_server import OK
from trunkline import ClientConnectorError, ClientSession
from trunkline.pool.named_pipe import NamedPipeConnector


class PipeLoop(asyncio.SelectorEventLoop):
    opened: list[str]

    async def create_pipe_connection(
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], address: str
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        self.opened.append(address)
        return await self.create_unix_connection(protocol_factory, address)


@pytest.fixture
def loop() -> PipeLoop:
    loop = PipeLoop()
    loop.opened = []
    return loop


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(OK)
    except asyncio.IncompleteReadError:
        writer.close()


def test_requests_go_through_the_pipe_and_share_its_connection(loop: PipeLoop, tmp_path: Path) -> None:
    path = str(tmp_path / "pipe")

    async def main() -> None:
        connector = NamedPipeConnector(path, limit=2)
        server = await asyncio.start_unix_server(serve, path)
        async with server, ClientSession(connector=connector) as session:
            for _ in range(2):
                async with session.get("http://docker/info") as response:
                    assert response.status == 200
        assert (connector.path, connector.limit) == (path, 2)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    assert loop.opened == [path]


def test_a_pipe_that_is_not_there_is_a_connector_error_that_names_it(loop: PipeLoop, tmp_path: Path) -> None:
    async def main() -> None:
        async with ClientSession(connector=NamedPipeConnector(str(tmp_path / "none"))) as session:
            with pytest.raises(ClientConnectorError, match="none"):
                await session.get("http://docker/info")

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


async def test_a_loop_without_pipes_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"opens no named pipes; use Windows and its asyncio.ProactorEventLoop"):
        NamedPipeConnector(r"\\.\pipe\docker_engine")


def test_it_needs_a_running_loop_as_all_connectors_do() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        NamedPipeConnector(r"\\.\pipe\docker_engine")


def test_it_takes_urls_of_its_own_scheme() -> None:
    assert "npipe" in NamedPipeConnector.allowed_protocol_schema_set
