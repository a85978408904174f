"""The plugin's fixtures, in suites that run as a user runs them: alone and beside pytest-asyncio."""

import pytest

from tests.suites import ALONE, BESIDE_PYTEST_ASYNCIO, COMPANIES, Suites

pytest_plugins = ["pytester"]

_APP = """
    import asyncio
    import pytest
    from trunkline.test_utils import TestServer
    from trunkline.web.app import Application
    from trunkline.web.response import Response

    async def hello(request):
        return Response(text="hello")

    def make_app():
        app = Application()
        app.router.add_get("/", hello)
        return app
"""

FIXTURES = (
    _APP
    + """
    closed_later = []

    async def test_client_of_an_application(aiohttp_client):
        client = await aiohttp_client(make_app())
        assert await (await client.get("/")).text() == "hello"
        closed_later.append(client)

    def test_it_was_closed_behind_the_test():
        [client] = closed_later
        assert client.session.closed and client.server.closed

    async def test_client_of_a_server(aiohttp_server, aiohttp_client):
        server = await aiohttp_server(make_app())
        client = await aiohttp_client(server)
        assert client.server is server
        assert (await client.get("/")).status == 200

    async def test_client_of_a_handler(aiohttp_raw_server, aiohttp_client):
        client = await aiohttp_client(await aiohttp_raw_server(hello))
        assert client.app is None
        assert await (await client.get("/any")).text() == "hello"

    async def test_options_go_to_client_and_server(aiohttp_client, aiohttp_unused_port):
        port = aiohttp_unused_port()
        client = await aiohttp_client(make_app(), server_kwargs={"port": port}, headers={"token": "x"})
        assert client.port == port and client.session.headers["token"] == "x"

    async def test_servers_take_a_port_a_host_and_options(aiohttp_server, aiohttp_raw_server, aiohttp_unused_port):
        port = aiohttp_unused_port()
        server = await aiohttp_server(make_app(), host="localhost", port=port, keepalive_timeout=3)
        assert server.port == port and server.make_url("/").host == "localhost"
        await aiohttp_raw_server(hello, port=None, keepalive_timeout=3)

    @pytest.fixture
    async def cli(aiohttp_client):
        return await aiohttp_client(make_app())

    async def test_client_from_an_asynchronous_fixture(cli):
        assert (await cli.get("/")).status == 200

    def test_synchronous_test_with_asynchronous_fixture(cli, loop):
        assert loop.run_until_complete(cli.get("/")).status == 200

    def test_synchronous_test(loop, aiohttp_client):
        client = loop.run_until_complete(aiohttp_client(make_app()))
        assert loop.run_until_complete(client.get("/")).status == 200

    async def test_all_under_our_names(
        trunkline_client, trunkline_server, trunkline_raw_server, trunkline_unused_port
    ):
        assert trunkline_unused_port() > 1023
        for server in await trunkline_server(make_app()), await trunkline_raw_server(hello):
            assert (await (await trunkline_client(server)).get("/")).status == 200

    async def test_something_else_is_refused(aiohttp_client):
        with pytest.raises(ValueError, match="wanted an Application"):
            await aiohttp_client(5)

    async def test_what_was_closed_may_be_closed_again(aiohttp_client):
        async with await aiohttp_client(make_app()) as client:
            pass
        assert client.session.closed
"""
)


@pytest.fixture
def suites(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suites:
    return Suites(pytester, monkeypatch)


@pytest.mark.parametrize("company", COMPANIES)
def test_the_fixtures_work(suites: Suites, company: tuple[str, ...]) -> None:
    suites.run(FIXTURES, *company).assert_outcomes(passed=12)


def test_the_types_of_the_fixtures_can_be_imported_where_the_plugin_is_enabled(suites: Suites) -> None:
    conftest = """
        from trunkline.pytest_plugin import AiohttpClient, AiohttpRawServer, AiohttpServer

        pytest_plugins = "trunkline.pytest_plugin"
    """
    suite = "async def test_fixtures(aiohttp_client, aiohttp_server, aiohttp_raw_server): ..."
    suites.run(suite, *ALONE, conftest=conftest).assert_outcomes(passed=1)


def test_a_marked_test_and_a_loop_of_a_module_work_in_strict_mode(suites: Suites) -> None:
    suite = (
        _APP
        + """
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def cli(aiohttp_client):
        return await aiohttp_client(make_app())

    def test_synchronous(cli):
        assert cli.server.started

    @pytest.mark.asyncio
    async def test_marked(cli):
        assert (await cli.get("/")).status == 200

    @pytest.mark.asyncio(loop_scope="module")
    async def test_in_the_loop_of_the_module(aiohttp_client):
        assert (await (await aiohttp_client(make_app())).get("/")).status == 200
"""
    )
    suites.run(suite, *BESIDE_PYTEST_ASYNCIO).assert_outcomes(passed=3)


def test_a_server_that_does_not_start_fails_the_test_and_leaves_nothing_open(suites: Suites) -> None:
    suite = (
        _APP
        + """
    async def test_port_in_use(aiohttp_server, aiohttp_client):
        server = await aiohttp_server(make_app())
        await aiohttp_client(make_app(), server_kwargs={"port": server.port})
"""
    )
    result = suites.run(suite, *ALONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*OSError: * in use"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("test_client", "aiohttp_client"),
        ("test_server", "aiohttp_server"),
        ("raw_test_server", "aiohttp_raw_server"),
        ("unused_port", "aiohttp_unused_port"),
    ],
)
def test_old_names_work_and_are_deprecated(suites: Suites, old: str, new: str) -> None:
    suite = f"""
        async def test_same({old}, {new}):
            assert {old} is {new}
    """
    result = suites.run(suite, *ALONE, "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines([f"*DeprecationWarning: Deprecated, use {new} fixture instead"])
