import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable

import pytest

from tests.both_loops import Run
from tests.raw_server import Peer, RawServer, silent
from tests.transport.conftest import loopback
from trunkline.transport.errors import ConnectError
from trunkline.transport.socks import SocksProxy, open_socks

GRANTED_4 = b"\x00\x5a" + b"\x00" * 6
GRANTED_5 = b"\x05\x00\x00\x01" + b"\x00" * 6
NAME = b"origin.test"
LOG_IN = [b"\x05\x02\x00\x02", b"\x05\x02", b"\x01\x02me\x06secret", b"\x01\x00"]
PORT = (443).to_bytes(2, "big")


def expecting(*dialogue: bytes, then: Callable[[Peer], Awaitable[object]] | None = None) -> RawServer:
    """A server that expects and sends bytes in turn."""

    async def serve(peer: Peer) -> None:
        for place, data in enumerate(dialogue):
            if place % 2:
                await peer.send(data)
            else:
                assert await peer.reader.readexactly(len(data)) == data
        await (then or Peer.wait_closed_by_client)(peer)

    return RawServer(serve)


def proxy_at(server: RawServer, scheme: str, login: str | None = None, password: str | None = None) -> SocksProxy:
    return SocksProxy(scheme, "proxy.test", server.port, [loopback(server.port)], login, password)


@pytest.mark.parametrize(
    ("scheme", "login", "dialogue"),
    [
        ("socks4", None, [b"\x04\x01" + PORT + bytes([127, 0, 0, 1]) + b"\x00", GRANTED_4]),
        ("socks4a", None, [b"\x04\x01" + PORT + b"\x00\x00\x00\x01\x00" + NAME + b"\x00", GRANTED_4]),
        ("socks4a", "me", [b"\x04\x01" + PORT + b"\x00\x00\x00\x01me\x00" + NAME + b"\x00", GRANTED_4]),
        ("socks5", None, [b"\x05\x01\x00", b"\x05\x00", b"\x05\x01\x00\x03\x0b" + NAME + PORT, GRANTED_5]),
        ("socks5h", None, [b"\x05\x01\x00", b"\x05\x00", b"\x05\x01\x00\x03\x0b" + NAME + PORT, GRANTED_5]),
        (
            "socks5",
            "me",
            [*LOG_IN, b"\x05\x01\x00\x03\x0b" + NAME + PORT, GRANTED_5],
        ),
    ],
)
def test_each_version_asks_in_its_own_way(run: Run, scheme: str, login: str | None, dialogue: list[bytes]) -> None:
    async def main() -> None:
        host = "localhost" if scheme == "socks4" else NAME.decode()  # whose name we have to resolve
        async with expecting(*dialogue) as server:
            password = None if login is None else "secret"
            sock = await open_socks(proxy_at(server, scheme, login, password), host, 443)
            assert sock.getpeername()[1] == server.port
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            sock.close()

    run(main())


@pytest.mark.parametrize(
    ("dialogue", "why"),
    [
        ([b"\x05\x01\x00", b"\x05\xff"], "No acceptable authentication methods"),
        ([b"\x05\x01\x00", b"\x05\x00", b"\x05", b"\x05\x05\x00\x01" + b"\x00" * 6], "Connection refused"),
        ([b"\x05\x01\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n"], "the proxy did not connect to origin.test:443"),
    ],
)
def test_a_refusal_names_proxy_target_and_reason(run: Run, dialogue: list[bytes], why: str) -> None:
    async def main() -> None:
        async with expecting(*dialogue) as server:
            with pytest.raises(ConnectError, match=rf"cannot connect to proxy\.test:{server.port}.*{why}"):
                await open_socks(proxy_at(server, "socks5"), "origin.test", 443)
            await server.wait_all_closed()

    run(main())


def test_a_proxy_that_hangs_up_is_an_error(run: Run) -> None:
    async def hang_up(peer: Peer) -> None:
        pass

    async def main() -> None:
        async with expecting(b"\x05\x01\x00", then=hang_up) as server:
            with pytest.raises(ConnectError, match="Connection closed"):
                await open_socks(proxy_at(server, "socks5"), "origin.test", 443)

    run(main())


def test_the_next_address_is_tried_when_one_does_not_answer(run: Run) -> None:
    async def main() -> None:
        dialogue = [b"\x05\x01\x00", b"\x05\x00", b"\x05\x01\x00\x03\x0b" + NAME + PORT, GRANTED_5]
        async with expecting(*dialogue) as server:
            addresses = [loopback(server.port, "127.0.0.2"), loopback(server.port)]
            sock = await open_socks(SocksProxy("socks5", "proxy.test", server.port, addresses), NAME.decode(), 443)
            sock.close()

    run(main())


def test_nobody_there_is_told_with_what_was_tried(run: Run) -> None:
    async def main() -> None:
        proxy = SocksProxy("socks5", "proxy.test", 1, [loopback(1), loopback(1, "127.0.0.2")])
        with pytest.raises(ConnectError, match=r"proxy\.test:1 \(tried 127\.0\.0\.1, 127\.0\.0\.2\)"):
            await open_socks(proxy, "origin.test", 443)

    run(main())


def test_a_cancelled_request_leaves_no_socket(run: Run) -> None:
    async def main() -> None:
        async with RawServer(silent) as server:
            opening = asyncio.create_task(open_socks(proxy_at(server, "socks5"), "origin.test", 443))
            await server.accepted.wait()
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await server.wait_all_closed()

    run(main())


async def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_socks", None)
    with pytest.raises(RuntimeError, match=r"pip install 'trunkline\[socks\]'"):
        await open_socks(SocksProxy("socks5", "proxy.test", 1, [loopback(1)]), "origin.test", 443)


@pytest.mark.parametrize(("login", "host"), [("u" * 300, "origin.test"), ("\u20ac", "origin.test"), (None, "a" * 300)])
def test_what_socks_cannot_tell_is_a_connect_error(run: Run, login: str | None, host: str) -> None:
    async def main() -> None:
        dialogue = LOG_IN[:2] if login else [b"\x05\x01\x00", b"\x05\x00"]
        async with expecting(*dialogue) as server:
            with pytest.raises(ConnectError, match="did not connect to"):
                await open_socks(proxy_at(server, "socks5", login, login and "secret"), host, 443)

    run(main())
