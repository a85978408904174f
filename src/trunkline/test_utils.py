"""Tools for tests of servers and clients, by the names that users import (aiohttp's `test_utils` module).

Servers on free ports, a client that names paths only, a unittest case, requests without a connection, event loops.
The pytest fixtures made of them are in `trunkline.pytest_plugin`.
"""

from trunkline.testing.loops import loop_context, setup_test_loop, teardown_test_loop
from trunkline.testing.mocked_request import make_mocked_coro, make_mocked_request
from trunkline.testing.ports import get_port_socket, get_unused_port_socket, unused_port
from trunkline.testing.test_case import AioHTTPTestCase, unittest_run_loop
from trunkline.testing.test_client import TestClient
from trunkline.testing.test_server import BaseTestServer, RawTestServer, TestServer

__all__ = (
    "AioHTTPTestCase",
    "BaseTestServer",
    "RawTestServer",
    "TestClient",
    "TestServer",
    "get_port_socket",
    "get_unused_port_socket",
    "loop_context",
    "make_mocked_coro",
    "make_mocked_request",
    "setup_test_loop",
    "teardown_test_loop",
    "unittest_run_loop",
    "unused_port",
)
