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
        assert TraceConfig is trunkline.TraceConfig
        from aiohttp.web import *
        assert Application.__module__.startswith("trunkline.")
        from aiohttp.client_exceptions import *
        assert ClientPayloadError is trunkline.ClientPayloadError
        assert "__version__" not in globals()
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


def test_after_a_real_aiohttp_that_failed_half_way_it_is_too_late(real: Path) -> None:
    (real / "aiohttp" / "__init__.py").write_text("import aiohttp.only_real\nimport not_there\n")
    program = """
        import sys, trunkline
        try:
            import aiohttp
        except ImportError:
            pass
        assert "aiohttp" not in sys.modules
        try:
            trunkline.install_as_aiohttp()
        except RuntimeError as error:
            print(error)
    """
    assert run(program, real).startswith("aiohttp.only_real was imported already")


def test_after_a_refusal_nothing_is_installed(real: Path) -> None:
    program = """
        import logging, sys
        import aiohttp, trunkline
        before = list(sys.meta_path)
        try:
            trunkline.install_as_aiohttp()
        except RuntimeError:
            print(sys.meta_path == before, logging.getLogger("trunkline.access").name)
    """
    assert run(program, real) == "True trunkline.access\n"


def test_of_many_threads_one_installs() -> None:
    program = """
        import sys, threading
        import trunkline
        before = len(sys.meta_path)
        start = threading.Barrier(20)
        def install():
            start.wait()
            trunkline.install_as_aiohttp()
        threads = [threading.Thread(target=install) for _ in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(sys.meta_path) - before)
    """
    assert run(program) == "1\n"


def test_it_can_be_installed_again_where_the_finder_was_removed() -> None:
    program = """
        import logging, sys
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp.client
        del sys.meta_path[0]
        trunkline.install_as_aiohttp()
        import aiohttp.web
        print(aiohttp.web.Application.__module__, aiohttp.log.web_logger is logging.getLogger("aiohttp.web"))
    """
    assert run(program) == "trunkline.web.app True\n"


def test_without_installing_nothing_changes(real: Path) -> None:
    assert run("import trunkline, aiohttp; print(aiohttp.NAME)", real) == "real\n"


@pytest.mark.parametrize("name", ["aiohttp.only_real", "aiohttp.web.app", "aiohttp.pool", "aiohttp._http_parser"])
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


@pytest.mark.parametrize("name", ["nothing", "pool", "transport", "_lazy"])
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


@pytest.mark.parametrize(
    ("target", "reader"),
    [
        ("aiohttp.ClientSession._request", "trunkline.ClientSession._request"),
        ("aiohttp.client.ClientSession._request", "aiohttp.ClientSession._request"),
        ("aiohttp.client_reqrep.ClientResponse.read", "trunkline.ClientResponse.read"),
        ("aiohttp.connector.TCPConnector.close", "aiohttp.TCPConnector.close"),
        ("aiohttp.web.Application.freeze", "aiohttp.web_app.Application.freeze"),
    ],
)
def test_a_patched_method_is_patched_for_everybody(target: str, reader: str) -> None:
    program = f"""
        from unittest import mock
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp
        def is_patched(): return {reader} == "patched"
        with mock.patch({target!r}, "patched"):
            print(is_patched())
        print(is_patched())
    """
    assert run(program) == "True\nFalse\n"


def test_submodules_are_there_without_an_import_of_their_own() -> None:
    program = """
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp
        assert aiohttp.client_exceptions.ClientError is aiohttp.ClientError
        assert aiohttp.connector.TCPConnector is aiohttp.TCPConnector
        assert aiohttp.hdrs.HOST == "Host"
        assert aiohttp.web.Application is trunkline.web.Application
        assert aiohttp.client_reqrep.helpers.BasicAuth is aiohttp.BasicAuth
    """
    assert run("import trunkline.web\n" + textwrap.dedent(program)) == ""


def test_vars_shows_the_names_of_modules_that_are_looked_through() -> None:
    program = """
        import trunkline
        trunkline.install_as_aiohttp()
        from aiohttp import client_exceptions, hdrs, web_exceptions
        assert vars(hdrs)["ACCEPT"] == "Accept"
        assert vars(client_exceptions)["ClientError"] is trunkline.ClientError
        print([name for name, value in vars(web_exceptions).items() if getattr(value, "status_code", 0) == 418])
        print([name for name, value in vars(web_exceptions).items() if getattr(value, "status_code", 0) == 404])
    """
    assert run(program) == "[]\n['HTTPNotFound']\n"


def test_modules_have_what_the_originals_take_from_elsewhere() -> None:
    program = """
        import trunkline
        trunkline.install_as_aiohttp()
        import multidict, yarl
        from aiohttp.client import URL, CookieJar, hdrs, payload
        from aiohttp.web_response import CIMultiDict
        assert (URL, CookieJar, CIMultiDict) == (yarl.URL, trunkline.CookieJar, multidict.CIMultiDict)
    """
    assert run(program) == ""


def test_reloading_is_harmless() -> None:
    program = """
        import importlib
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp.client
        assert importlib.reload(aiohttp) is aiohttp
        assert importlib.reload(aiohttp.client).ClientSession is aiohttp.ClientSession is trunkline.ClientSession
    """
    assert run(program) == ""


def test_tools_that_look_at_modules_are_not_misled() -> None:
    program = """
        import inspect, os, pickle, sys
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp.client
        assert inspect.getmodule(aiohttp.ClientSession) is sys.modules["trunkline.client.session"]
        assert os.path.exists(aiohttp.__file__) and aiohttp.__path__ == [] and aiohttp.__package__ == "aiohttp"
        assert aiohttp.__spec__.name == "aiohttp" and aiohttp.client.__package__ == "aiohttp"
        error = pickle.loads(pickle.dumps(aiohttp.ClientError("gone")))
        assert type(error) is aiohttp.ClientError and error.args == ("gone",)
        assert dict(inspect.getmembers(aiohttp.http_websocket))["WSMsgType"] is aiohttp.WSMsgType
    """
    assert run(program) == ""


def test_the_loggers_take_the_documented_names() -> None:
    program = """
        import logging, logging.config
        held = logging.getLogger("aiohttp.access")
        import trunkline
        from trunkline.ground.logs import access_logger, pool_logger
        trunkline.install_as_aiohttp()
        import aiohttp.log
        assert logging.getLogger("aiohttp.access") is access_logger is aiohttp.log.access_logger
        assert logging.getLogger("aiohttp.internal") is pool_logger is aiohttp.log.internal_logger
        assert not access_logger.isEnabledFor(logging.DEBUG)
        held.setLevel(logging.DEBUG)
        assert access_logger.isEnabledFor(logging.DEBUG)
        logging.config.dictConfig({
            "version": 1,
            "formatters": {"short": {"format": "%(name)s: %(message)s"}},
            "handlers": {"all": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "short"}},
            "loggers": {"aiohttp": {"level": "INFO", "handlers": ["all"]}, "aiohttp.access": {}},
        })
        access_logger.info("served")
    """
    assert run(program) == "aiohttp.access: served\n"


def test_modules_describe_themselves() -> None:
    program = """
        import trunkline
        trunkline.install_as_aiohttp()
        import aiohttp
        from aiohttp import web
        print(aiohttp.__name__, web.__name__, web.__doc__)
        print("ClientSession" in dir(aiohttp), "run_app" in dir(web), "pool" in dir(aiohttp))
    """
    assert run(program) == "aiohttp aiohttp.web Trunkline, by the name of aiohttp.web.\nTrue True False\n"


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


def test_errors_say_that_they_are_aiohttps(real: Path) -> None:
    program = """
        import pickle
        import trunkline
        trunkline.install_as_aiohttp()

        import aiohttp
        from aiohttp import web

        for error in (aiohttp.ClientError, aiohttp.ClientConnectorDNSError, web.HTTPNotFound):
            print(error.__module__)
        error = pickle.loads(pickle.dumps(aiohttp.ClientPayloadError("x")))
        assert type(error) is aiohttp.ClientPayloadError
    """
    names = ["aiohttp.client_exceptions", "aiohttp.client_exceptions", "aiohttp.web_exceptions"]
    assert run(program, real).split() == names
