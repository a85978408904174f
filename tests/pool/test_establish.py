"""What opening a connection leaves behind when it fails: the next try asks for addresses anew."""

import socket

import pytest

from trunkline import ClientConnectorError, ClientSession, TCPConnector
from trunkline.abc import AbstractResolver, ResolveResult
from trunkline.testing.loopback import Loopback


class MovingHost(AbstractResolver):
    """Answers with an address where nobody listens, and from the second question on with a good one."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        address = "127.0.0.2" if self.asked == 1 else "127.0.0.1"
        return [ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        pass


async def test_an_address_that_did_not_answer_is_looked_up_anew() -> None:
    resolver = MovingHost()
    async with Loopback() as server, ClientSession(connector=TCPConnector(resolver=resolver)) as session:
        url = f"http://moving.test:{server.port}/"
        with pytest.raises(ClientConnectorError, match=r"Cannot connect to host moving\.test"):
            await session.get(url)
        async with session.get(url) as response:
            assert response.status == 200
    assert resolver.asked == 2
