"""The programs of the documentation's page on testing: with pytest, with unittest, and by hand.

Those for pytest run as suites of their own; the rest runs here.
"""

import unittest
from unittest import mock

import pytest
from multidict import CIMultiDict

from tests.suites import COMPANIES, Suites
from trunkline import web
from trunkline.test_utils import (
    AioHTTPTestCase,
    RawTestServer,
    TestClient,
    TestServer,
    loop_context,
    make_mocked_coro,
    make_mocked_request,
    setup_test_loop,
    teardown_test_loop,
    unused_port,
)

pytest_plugins = ["pytester"]


@pytest.fixture
def suites(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suites:
    return Suites(pytester, monkeypatch)


GREETING = """
    from trunkline import web

    async def greet(request):
        return web.Response(text="Good day")

    async def test_greeting(aiohttp_client):
        app = web.Application()
        app.router.add_get("/", greet)
        client = await aiohttp_client(app)
        response = await client.get("/")
        assert response.status == 200
        assert "Good day" in await response.text()
"""

STATE_OF_THE_APPLICATION = """
    import pytest
    from trunkline import web

    last = web.AppKey("last", str)
    pytestmark = pytest.mark.filterwarnings("ignore:Changing state")  # the page does so, to show what tests see

    async def remember(request):
        if request.method == "POST":
            request.app[last] = (await request.post())["value"]
            return web.Response(body=b"noted")
        return web.Response(body=f"last: {request.app[last]}".encode())

    @pytest.fixture
    async def client(aiohttp_client):
        app = web.Application()
        app.router.add_get("/", remember)
        app.router.add_post("/", remember)
        return await aiohttp_client(app)

    async def test_posting_sets_the_state(client):
        response = await client.post("/", data={"value": "one"})
        assert response.status == 200
        assert await response.text() == "noted"
        assert client.server.app[last] == "one"

    async def test_the_state_is_shown(client):
        client.server.app[last] = "two"
        response = await client.get("/")
        assert response.status == 200
        assert await response.text() == "last: two"
"""

SERVERS_AND_PORTS = """
    from trunkline import web

    async def test_server(aiohttp_server):
        server = await aiohttp_server(web.Application())
        assert server.port

    async def test_raw_server(aiohttp_raw_server, aiohttp_client):
        async def answer(request):
            return web.Response(text="OK")

        client = await aiohttp_client(await aiohttp_raw_server(answer))
        assert (await client.get("/")).status == 200

    async def test_port(aiohttp_client, aiohttp_unused_port):
        port = aiohttp_unused_port()
        client = await aiohttp_client(web.Application(), server_kwargs={"port": port})
        assert client.port == port
"""


@pytest.mark.parametrize("company", COMPANIES)
@pytest.mark.parametrize(("suite", "passed"), [(GREETING, 1), (STATE_OF_THE_APPLICATION, 2), (SERVERS_AND_PORTS, 3)])
def test_the_suites_of_the_page_pass(suites: Suites, suite: str, passed: int, company: tuple[str, ...]) -> None:
    suites.run(suite, *company).assert_outcomes(passed=passed)


async def greet(request: web.BaseRequest) -> web.Response:
    return web.Response(text="Good day")


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/", greet)
    return app


class GreetingCase(AioHTTPTestCase):
    """pytest runs it as it runs any case of unittest."""

    async def get_application(self) -> web.Application:
        return make_app()

    async def test_greeting(self) -> None:
        async with self.client.request("GET", "/") as response:
            assert response.status == 200
            text = await response.text()
        assert "Good day" in text


def test_the_case_passes_under_unittest() -> None:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(GreetingCase).run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


def test_a_handler_can_be_called_with_a_request_of_its_own() -> None:
    def answer(request: web.Request) -> web.Response:
        assert request.headers.get("token") == "x"
        return web.Response(body=b"data")

    response = answer(make_mocked_request("GET", "/", headers=CIMultiDict(token="x")))
    assert response.body == b"data"


async def test_client_and_server_are_started_and_closed_by_a_block() -> None:
    async with TestClient(TestServer(make_app())) as client:
        response = await client.get("/")
        assert response.status == 200
        assert "Good day" in await response.text()


async def test_client_and_server_are_started_and_closed_by_hand() -> None:
    client = TestClient(TestServer(make_app()))
    await client.start_server()
    response = await client.get("/")
    assert await response.text() == "Good day"
    await client.close()


async def test_a_raw_server_needs_no_application() -> None:
    async with TestClient(RawTestServer(greet)) as client:
        assert (await client.get("/whatever")).status == 200


async def test_a_mocked_coroutine_function_is_a_mock_as_well() -> None:
    mocked = make_mocked_coro(1)
    assert await mocked(1, 2) == 1
    assert isinstance(mocked, mock.NonCallableMock)
    mocked.assert_called_with(1, 2)


def test_a_loop_for_a_test_is_made_and_closed() -> None:
    async def port() -> int:
        return unused_port()

    loop = setup_test_loop()
    assert loop.run_until_complete(port()) > 0
    teardown_test_loop(loop)
    with loop_context() as loop:
        assert loop.run_until_complete(port()) > 0
    assert loop.is_closed()
