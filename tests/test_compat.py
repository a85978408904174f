"""`install_as_aiohttp()`, each rule in an interpreter of its own: it holds for a whole process."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"


def run(program: str, *folders: Path) -> str:
    """Run a program, with `folders` before all others on its path; return what it prints."""
    path = os.pathsep.join([*map(str, folders), str(SOURCE), *filter(None, sys.path)])
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder with a package named aiohttp that is not ours."""
    (tmp_path / "aiohttp").mkdir()
    (tmp_path / "aiohttp" / "__init__.py").write_text("NAME = 'real'\n")
    (tmp_path / "aiohttp" / "only_real.py").write_text("NAME = 'real'\n")
    return tmp_path


def test_the_names_of_aiohttp_give_our_objects(real: Path) -> None:
    program = """
        import trunkline
        trunkline.install_as_aiohttp()

        import aiohttp
        import aiohttp.test_utils
        from aiohttp import ClientSession, abc, hdrs, web
        from aiohttp.pytest_plugin import aiohttp_client
        from aiohttp.web import Application, Response

        import trunkline.abc, trunkline.hdrs, trunkline.pytest_plugin, trunkline.test_utils, trunkline.web
        assert aiohttp.ClientSession is ClientSession is trunkline.ClientSession
        assert web.Application is aiohttp.web.Application is Application is trunkline.web.Application
        assert Response is trunkline.web.Response
        assert web.static is trunkline.web.static
        assert abc.AbstractRouter is trunkline.abc.AbstractRouter
        assert hdrs.HOST is trunkline.hdrs.HOST
        assert aiohttp_client is trunkline.pytest_plugin.aiohttp_client
        assert aiohttp.test_utils.TestClient is trunkline.test_utils.TestClient
        assert aiohttp.ChainMapProxy is trunkline.ChainMapProxy
    """
    assert run(program, real) == ""


def test_the_version_is_that_of_the_api() -> None:
    assert run("import trunkline; trunkline.install_as_aiohttp(); import aiohttp; print(aiohttp.__version__)") == (
        "3.14.5\n"
    )


def test_a_star_brings_the_public_names() -> None:
    program = """
        import trunkline
        trunkline.install_as_aiohttp()
        from aiohttp import *
        assert ClientSession is trunkline.ClientSession
        from aiohttp.web import *
        assert Application.__module__.startswith("trunkline.")
    """
    assert run(program) == ""


def test_importing_aiohttp_loads_the_server_no_earlier_than_it_is_used() -> None:
    program = """
        import sys
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp
        print([name for name in sys.modules if name.startswith(("trunkline.web", "aiohttp."))])
        aiohttp.web.Application
        print("trunkline.web" in sys.modules)
    """
    assert run(program) == "[]\nTrue\n"


def test_installing_twice_is_installing_once() -> None:
    program = """
        import sys
        import trunkline
        before = len(sys.meta_path)
        trunkline.install_as_aiohttp()
        import aiohttp
        trunkline.install_as_aiohttp()
        print(len(sys.meta_path) - before)
    """
    assert run(program) == "1\n"


def test_after_the_real_aiohttp_it_is_too_late(real: Path) -> None:
    program = """
        import aiohttp, trunkline
        try:
            trunkline.install_as_aiohttp()
        except RuntimeError as error:
            print(error)
        print(aiohttp.NAME)
    """
    told, name = run(program, real).splitlines()
    assert str(real / "aiohttp" / "__init__.py") in told
    assert "before the first import of aiohttp" in told
    assert name == "real"


def test_without_installing_nothing_changes(real: Path) -> None:
    assert run("import trunkline, aiohttp; print(aiohttp.NAME)", real) == "real\n"


@pytest.mark.parametrize("name", ["aiohttp.only_real", "aiohttp.web.app", "aiohttp.pool"])
def test_a_module_that_we_have_not_cannot_be_imported(real: Path, name: str) -> None:
    program = f"""
        import trunkline
        trunkline.install_as_aiohttp()
        try:
            import {name}
        except ModuleNotFoundError as error:
            print(error.name, str(error).startswith("No module named '{name}'"))
    """
    assert run(program, real) == f"{name} True\n"


@pytest.mark.parametrize("name", ["nothing", "pool", "_lazy"])
def test_a_name_that_we_have_not_is_an_attribute_error(name: str) -> None:
    program = f"""
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp
        try:
            aiohttp.{name}
        except AttributeError as error:
            print(error)
    """
    assert run(program).startswith(f"module 'aiohttp' has no attribute '{name}'")


def test_a_patched_name_is_patched_for_aiohttps_users_only() -> None:
    program = """
        from unittest import mock
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp
        with mock.patch("aiohttp.ClientSession", "patched"):
            print(aiohttp.ClientSession, trunkline.ClientSession is aiohttp.ClientSession)
        print(trunkline.ClientSession is aiohttp.ClientSession)
    """
    assert run(program) == "patched False\nTrue\n"


def test_modules_describe_themselves() -> None:
    program = """
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp
        from aiohttp import web
        print(aiohttp, aiohttp.__name__, web.__name__, "ClientSession" in dir(aiohttp), "run_app" in dir(web))
    """
    assert run(program) == "<module 'aiohttp' (trunkline)> aiohttp aiohttp.web True True\n"


def test_the_pytest_plugin_serves_suites_that_were_written_for_aiohttp(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import trunkline\ntrunkline.install_as_aiohttp()\npytest_plugins = ['aiohttp.pytest_plugin']\n"
    )
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
            from aiohttp import web
            from aiohttp.test_utils import TestClient

            async def test_hello(aiohttp_client):
                async def hello(request):
                    return web.Response(text="Hello")

                app = web.Application()
                app.router.add_get("/", hello)
                client = await aiohttp_client(app)
                assert isinstance(client, TestClient)
                assert await (await client.get("/")).text() == "Hello"
        """)
    )
    program = f"""
        import pytest
        pytest.main("-q -p no:cacheprovider -p no:asyncio --rootdir {tmp_path} {tmp_path}".split())
    """
    assert "1 passed" in run(program)
