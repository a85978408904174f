"""unittest's case with an application: each runs here as unittest runs it."""

import unittest

import pytest

from trunkline.testing.test_case import AioHTTPTestCase, unittest_run_loop
from trunkline.testing.test_client import TestClient
from trunkline.testing.test_server import TestServer
from trunkline.web.app import Application
from trunkline.web.request import Request
from trunkline.web.response import Response


async def hello(request: Request) -> Response:
    return Response(text="hello")


def make_app() -> Application:
    app = Application()
    app.router.add_get("/", hello)
    return app


def run(case: type[unittest.TestCase]) -> unittest.TestResult:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


def passes(case: type[unittest.TestCase]) -> bool:
    result = run(case)
    assert result.testsRun == 1
    assert not [*result.errors, *result.failures]
    return True


def test_server_and_client_are_there_in_the_test_and_closed_behind_it() -> None:
    seen: list[TestClient[Request, Application]] = []

    class Case(AioHTTPTestCase):
        async def get_application(self) -> Application:
            return make_app()

        async def test_hello(self) -> None:
            seen.append(self.client)
            assert self.client.server is self.server
            assert self.client.app is self.app
            async with self.client.request("GET", "/") as response:
                assert await response.text() == "hello"

    assert passes(Case)
    assert seen[0].session.closed
    assert seen[0].server.closed


def test_server_and_client_can_be_made_by_the_case() -> None:
    class Case(AioHTTPTestCase):
        async def get_application(self) -> Application:
            return make_app()

        async def get_server(self, app: Application) -> TestServer:
            return TestServer(app, host="localhost")

        async def get_client(self, server: TestServer) -> TestClient[Request, Application]:
            return TestClient(server, headers={"token": "x"})

        async def test_hello(self) -> None:
            assert self.client.session.headers["token"] == "x"
            assert self.client.make_url("/").host == "localhost"

    assert passes(Case)


def test_setup_and_teardown_can_be_extended() -> None:
    steps: list[str] = []

    class Case(AioHTTPTestCase):
        async def get_application(self) -> Application:
            return make_app()

        async def asyncSetUp(self) -> None:
            await super().asyncSetUp()
            steps.append(f"set up, started: {self.server.started}")

        async def asyncTearDown(self) -> None:
            await super().asyncTearDown()
            steps.append(f"torn down, closed: {self.server.closed}")

        async def test_hello(self) -> None:
            steps.append("test")

    assert passes(Case)
    assert steps == ["set up, started: True", "test", "torn down, closed: True"]


def test_the_old_names_of_the_steps_still_work() -> None:
    steps: list[str] = []

    class Case(AioHTTPTestCase):
        def get_app(self) -> Application:
            return make_app()

        async def setUpAsync(self) -> None:
            await super().setUpAsync()
            steps.append("set up")

        async def tearDownAsync(self) -> None:
            await super().tearDownAsync()
            steps.append("torn down")

        async def test_hello(self) -> None:
            steps.append("test")

    assert passes(Case)
    assert steps == ["set up", "test", "torn down"]


def test_a_case_without_application_says_what_to_override() -> None:
    class Case(AioHTTPTestCase):
        async def test_hello(self) -> None: ...

    [(_, traceback)] = run(Case).errors
    assert "override get_application()" in traceback


def test_the_old_decorator_changes_nothing_and_says_so() -> None:
    async def test_method() -> None: ...

    with pytest.deprecated_call(match="no longer needed"):
        assert unittest_run_loop(test_method) is test_method
