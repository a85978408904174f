"""`pytest -p trunkline.as_aiohttp`, in suites that run as a user runs them."""

import pytest

from tests.suites import ALONE, BESIDE_PYTEST_ASYNCIO_AUTO, COMPANIES, Suites
from trunkline.ground.product import __version__

pytest_plugins = ["pytester"]

AS_AIOHTTP = ("-p", "trunkline.as_aiohttp")
NO_CONFTEST = ""

SUITE = """
    import aiohttp
    import trunkline
    from aiohttp import web

    async def test_aiohttp_is_trunkline(aiohttp_client):
        async def hello(request):
            return web.Response(text="hello")

        app = web.Application()
        app.router.add_get("/", hello)
        client = await aiohttp_client(app)
        assert isinstance(client.session, aiohttp.ClientSession)
        assert aiohttp.ClientSession is trunkline.ClientSession
        assert await (await client.get("/")).text() == "hello"
"""
CONFTEST = "pytest_plugins = 'aiohttp.pytest_plugin'"

# As pytest-aiohttp does: a plugin that imports aiohttp as it is loaded.
EARLY_PLUGIN = "import aiohttp\ndef pytest_report_header(): return f'seen: {aiohttp.ClientSession.__module__}'"


@pytest.fixture
def suites(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suites:
    monkeypatch.syspath_prepend(pytester.path)  # which `Suites` passes on
    return Suites(pytester, monkeypatch)


@pytest.mark.parametrize("company", COMPANIES)
def test_a_suite_written_for_aiohttp_runs(suites: Suites, company: tuple[str, ...]) -> None:
    result = suites.run(SUITE, *AS_AIOHTTP, *company, conftest=CONFTEST)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"aiohttp: trunkline {__version__}, with the API of aiohttp 3.14.5"])


def test_the_configuration_may_say_so(suites: Suites, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\naddopts = -p trunkline.as_aiohttp\n")
    suites.run(SUITE, *BESIDE_PYTEST_ASYNCIO_AUTO, conftest=CONFTEST).assert_outcomes(passed=1)


def test_plugins_that_import_aiohttp_get_trunkline(suites: Suites, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(early=EARLY_PLUGIN)
    info = pytester.mkdir("early-1.dist-info")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: early\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[pytest11]\nearly = early\n")
    result = suites.run("def test_nothing(): pass", *AS_AIOHTTP, *ALONE, conftest=NO_CONFTEST)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["seen: trunkline.client.session"])


def test_behind_a_plugin_that_imports_aiohttp_it_is_too_late(suites: Suites, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(early="import aiohttp", aiohttp="NAME = 'real'")
    result = suites.run("def test_nothing(): pass", "-p", "early", *AS_AIOHTTP, conftest=NO_CONFTEST)
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: aiohttp was imported already, from *aiohttp.py; *load it first of all:*"])
