"""Ports that nobody uses."""

import socket

import pytest

from trunkline.testing.ports import get_port_socket, get_unused_port_socket, unused_port


def test_an_unused_port_can_be_bound() -> None:
    with socket.create_server(("127.0.0.1", unused_port())) as server:
        assert server.getsockname()[1] > 1023


def test_the_socket_is_bound_to_the_port_asked_for() -> None:
    port = unused_port()
    with get_port_socket("127.0.0.1", port, socket.AF_INET) as bound:
        assert bound.getsockname() == ("127.0.0.1", port)


def test_two_sockets_get_two_ports() -> None:
    with get_unused_port_socket("127.0.0.1") as one, get_unused_port_socket("127.0.0.1") as other:
        assert one.getsockname() != other.getsockname()


def test_a_port_in_use_is_an_error_and_leaves_no_socket_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(OSError, match="in use"):
        get_port_socket("127.0.0.1", server.getsockname()[1])
