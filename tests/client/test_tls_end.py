"""The end of the stream over TLS while the client is still sending, on both event loops."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

import pytest
import trustme
import uvloop

from trunkline import ClientSession, ServerDisconnectedError, TCPConnector

GIVE_UP_S = 5.0  # long before the loops themselves would give up, which takes 30 s


def hang_up_unread(listener: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Take a request's head, say goodbye and read no more; the socket stays open."""
    sock, _ = listener.accept()
    sock.settimeout(GIVE_UP_S)
    secured = context.wrap_socket(sock, server_side=True)
    secured.recv(1024)
    with suppress(OSError):  # what comes in place of the client's goodbye is the body
        secured.unwrap()
    secured.shutdown(socket.SHUT_WR)
    return secured


@pytest.mark.filterwarnings("ignore:Sending a large body")  # so large that no buffer of the system takes it
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_an_upload_that_nobody_reads_any_more_ends_at_once(
    new_loop: Callable[[], asyncio.AbstractEventLoop], version: str
) -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.maximum_version = ssl.TLSVersion[version]
    authority.issue_cert("127.0.0.1").configure_cert(server_context)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trust)

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
            serving = asyncio.create_task(asyncio.to_thread(hang_up_unread, listener, server_context))
            async with asyncio.timeout(GIVE_UP_S), ClientSession(connector=TCPConnector(ssl=trust)) as session:
                with pytest.raises(ServerDisconnectedError):
                    await session.post(url, data=bytes(2**25))
            (await serving).close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
