"""`AioHTTPTestCase`: unittest's asynchronous test case, with a server and a client around every test.

Subclasses say which application; the rest can be overridden piece by piece. The event loop is unittest's.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Any, TypeVar
from unittest import IsolatedAsyncioTestCase

from trunkline.testing.test_client import TestClient
from trunkline.testing.test_server import BaseTestServer, TestServer
from trunkline.web.app import Application
from trunkline.web.request import Request

F = TypeVar("F", bound=Callable[..., Any])


class AioHTTPTestCase(IsolatedAsyncioTestCase):
    """Override `get_application()`; tests find `self.client`, `self.server` and `self.app`."""

    app: Application
    server: BaseTestServer
    client: TestClient[Request, Application]
    loop: asyncio.AbstractEventLoop

    async def get_application(self) -> Application:
        """Return the application to test; every subclass has its own."""
        return self.get_app()

    def get_app(self) -> Application:
        """Return the application to test; the old name of `get_application`."""
        raise RuntimeError(f"{type(self).__name__} has no application; override get_application() to return one")

    async def get_server(self, app: Application) -> TestServer:
        """Return the server of `app`, not started."""
        return TestServer(app)

    async def get_client(self, server: TestServer) -> TestClient[Request, Application]:
        """Return the client of `server`, not started."""
        return TestClient(server)

    async def asyncSetUp(self) -> None:
        """Start server and client; an override awaits this one first."""
        self.loop = asyncio.get_running_loop()
        await self.setUpAsync()

    async def asyncTearDown(self) -> None:
        """Close client and server; an override awaits this one."""
        await self.tearDownAsync()

    async def setUpAsync(self) -> None:
        """Do the work of `asyncSetUp`, whose old name this is."""
        self.app = await self.get_application()
        self.server = await self.get_server(self.app)
        self.client = await self.get_client(self.server)
        await self.client.start_server()

    async def tearDownAsync(self) -> None:
        """Do the work of `asyncTearDown`, whose old name this is."""
        await self.client.close()


def unittest_run_loop(func: F, *args: object, **kwargs: object) -> F:
    """Return `func` as it is: test methods may be coroutine functions, without this decorator."""
    warnings.warn(
        "@unittest_run_loop is no longer needed: IsolatedAsyncioTestCase runs coroutine functions; take it off",
        DeprecationWarning,
        stacklevel=2,
    )
    return func
