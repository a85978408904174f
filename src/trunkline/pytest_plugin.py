"""The pytest plugin: fixtures that start servers and clients for one test, and close them behind it.

Enable it with `pytest_plugins = "trunkline.pytest_plugin"` in a conftest.py. Each fixture has two names: with
`trunkline_`, and with `aiohttp_` for suites that were written for aiohttp. What a fixture has started is closed in
the loop that it was started in, whoever owns that. Which loop it is, and how coroutine tests run without another
plugin, is the business of `testing.pytest_loop`.

PYTEST_DONT_REWRITE: suites import the types of the fixtures, perhaps before pytest loads the plugin, and would be
warned that it is too late to rewrite assertions here.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol, overload

import pytest

from trunkline.testing import ports
from trunkline.testing.pytest_loop import Loop, loop as loop
from trunkline.testing.test_client import TestClient
from trunkline.testing.test_server import BaseTestServer, RawHandler, RawTestServer, TestServer
from trunkline.web.app import Application
from trunkline.web.request import BaseRequest, Request

pytest_plugins = ("trunkline.testing.pytest_loop",)

# Any of `kwargs`: the class that they are passed on to checks them.


class AiohttpClient(Protocol):
    """The type of the fixture `aiohttp_client`."""

    @overload
    async def __call__(
        self, served: Application, *, server_kwargs: dict[str, Any] | None = None, **kwargs: Any
    ) -> TestClient[Request, Application]: ...

    @overload
    async def __call__(
        self, served: BaseTestServer, *, server_kwargs: dict[str, Any] | None = None, **kwargs: Any
    ) -> TestClient[BaseRequest, None]: ...


class AiohttpServer(Protocol):
    """The type of the fixture `aiohttp_server`."""

    def __call__(
        self, app: Application, *, host: str = "127.0.0.1", port: int | None = None, **kwargs: Any
    ) -> Awaitable[TestServer]: ...


class AiohttpRawServer(Protocol):
    """The type of the fixture `aiohttp_raw_server`."""

    def __call__(
        self, handler: RawHandler, *, host: str = "127.0.0.1", port: int | None = None, **kwargs: Any
    ) -> Awaitable[RawTestServer]: ...


# The fixtures ask for `loop`, even unused, so that it is made before what they start, and closed behind it.


class _Started:
    """What a fixture has started; the end of its `with` block closes it, the newest first."""

    def __init__(self) -> None:
        self._closing = ExitStack()

    def __enter__(self) -> _Started:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.close()

    def add(self, started: BaseTestServer | TestClient[Any, Any]) -> None:
        loop = asyncio.get_running_loop()
        self._closing.callback(lambda: loop.run_until_complete(started.close()))


@pytest.fixture
def trunkline_unused_port() -> Callable[[], int]:
    """Return a function that tells a port that is unused on the current host."""
    return ports.unused_port


@pytest.fixture
def trunkline_server(loop: Loop) -> Iterator[AiohttpServer]:
    """Factory to create a TestServer instance, given an app.

    trunkline_server(app, *, port=None, **kwargs)
    """
    with _Started() as started:

        async def start(
            app: Application, *, host: str = "127.0.0.1", port: int | None = None, **kwargs: Any
        ) -> TestServer:
            server = TestServer(app, host=host, port=port)
            started.add(server)
            await server.start_server(**kwargs)
            return server

        yield start


@pytest.fixture
def trunkline_raw_server(loop: Loop) -> Iterator[AiohttpRawServer]:
    """Factory to create a RawTestServer instance, given a web handler.

    trunkline_raw_server(handler, *, port=None, **kwargs)
    """
    with _Started() as started:

        async def start(
            handler: RawHandler, *, host: str = "127.0.0.1", port: int | None = None, **kwargs: Any
        ) -> RawTestServer:
            server = RawTestServer(handler, host=host, port=port)
            started.add(server)
            await server.start_server(**kwargs)
            return server

        yield start


@pytest.fixture
def trunkline_client(loop: Loop) -> Iterator[AiohttpClient]:
    """Factory to create a TestClient instance.

    trunkline_client(app, server_kwargs=None, **kwargs)
    trunkline_client(server, **kwargs)
    trunkline_client(raw_server, **kwargs)
    """
    with _Started() as started:

        async def start(
            served: Application | BaseTestServer, *, server_kwargs: dict[str, Any] | None = None, **kwargs: Any
        ) -> TestClient[Any, Any]:
            if isinstance(served, Application):
                served = TestServer(served, **(server_kwargs or {}))
            elif not isinstance(served, BaseTestServer):
                raise ValueError(f"{served!r} is served by nothing; wanted an Application or a test server")
            client = TestClient(served, **kwargs)
            started.add(client)
            await client.start_server()
            return client

        yield start


@pytest.fixture
def aiohttp_unused_port(trunkline_unused_port: Callable[[], int]) -> Callable[[], int]:
    """Another name of trunkline_unused_port."""
    return trunkline_unused_port


@pytest.fixture
def aiohttp_server(loop: Loop, trunkline_server: AiohttpServer) -> AiohttpServer:
    """Another name of trunkline_server."""
    return trunkline_server


@pytest.fixture
def aiohttp_raw_server(loop: Loop, trunkline_raw_server: AiohttpRawServer) -> AiohttpRawServer:
    """Another name of trunkline_raw_server."""
    return trunkline_raw_server


@pytest.fixture
def aiohttp_client(loop: Loop, trunkline_client: AiohttpClient) -> AiohttpClient:
    """Another name of trunkline_client."""
    return trunkline_client


# Fixtures: the names of aiohttp before 3.0.


def _warn_of_old_name(new_name: str) -> None:
    warnings.warn(f"Deprecated, use {new_name} fixture instead", DeprecationWarning, stacklevel=3)


@pytest.fixture
def unused_port(aiohttp_unused_port: Callable[[], int]) -> Callable[[], int]:
    """The old name of aiohttp_unused_port."""
    _warn_of_old_name("aiohttp_unused_port")
    return aiohttp_unused_port


@pytest.fixture
def test_server(aiohttp_server: AiohttpServer) -> AiohttpServer:
    """The old name of aiohttp_server."""
    _warn_of_old_name("aiohttp_server")
    return aiohttp_server


@pytest.fixture
def raw_test_server(aiohttp_raw_server: AiohttpRawServer) -> AiohttpRawServer:
    """The old name of aiohttp_raw_server."""
    _warn_of_old_name("aiohttp_raw_server")
    return aiohttp_raw_server


@pytest.fixture
def test_client(aiohttp_client: AiohttpClient) -> AiohttpClient:
    """The old name of aiohttp_client."""
    _warn_of_old_name("aiohttp_client")
    return aiohttp_client
