"""TCP keep-alive: which sockets ask a silent peer, and when."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from trunkline.transport.probes import probe_silent_peer


class Transport(asyncio.BaseTransport):
    def __init__(self, sock: object) -> None:
        super().__init__({"socket": sock})


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        yield sock


def test_a_silent_peer_is_given_up_within_two_minutes(sock: socket.socket) -> None:
    probe_silent_peer(Transport(sock))
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    after, every, count = (
        sock.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert after + every * count == 120


def test_a_socket_that_has_gone_is_left_alone(sock: socket.socket) -> None:
    sock.close()
    probe_silent_peer(Transport(sock))  # and raises nothing


def test_what_is_no_tcp_is_left_alone() -> None:
    probe_silent_peer(Transport(None))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        probe_silent_peer(Transport(ours))
        assert not ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
