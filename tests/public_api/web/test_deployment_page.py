"""The documentation's page on deployment: standalone, many processes behind nginx, gunicorn, the command line."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import trunkline
from tests.nginx import Nginx
from tests.web.processes import ServerProcess, server_process
from trunkline.test_utils import unused_port

PROGRAMS = Path(__file__).parent / "programs"
APP = str(PROGRAMS / "my_app_module.py")
WORKER = "trunkline.GunicornWebWorker"


async def fetch(session: trunkline.ClientSession, url: str) -> str:
    async with session.get(url) as response:
        assert response.status == 200
        return await response.text()


async def ends_well(server: ServerProcess, number: signal.Signals = signal.SIGTERM) -> bool:
    status = await server.stop(number)
    return status == 0 and not [line for line in server.lines if "Error" in line or "Warning" in line]


async def test_a_port_from_the_command_line_is_served_on_every_interface_and_accesses_are_logged() -> None:
    port = unused_port()
    async with server_process(APP, "--port", str(port)) as server, trunkline.ClientSession() as session:
        await server.line_with(f"======== Running on http://0.0.0.0:{port} ========")
        await server.line_with("(Press CTRL+C to quit)")
        assert await fetch(session, f"http://127.0.0.1:{port}/") == "Welcome home!"
        line = await server.line_with("GET / ")
        assert line.startswith("INFO:trunkline.access:127.0.0.1 [")
        assert '"GET / HTTP/1.1" 200 ' in line
        assert await ends_well(server, signal.SIGINT)


async def test_a_socket_from_the_command_line_is_served_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "example_1.sock")
    connector = trunkline.UnixConnector(path)
    async with server_process(APP, "--path", path) as server, trunkline.ClientSession(connector=connector) as session:
        await server.line_with(f"======== Running on http://unix:{path}: ========")
        assert await fetch(session, "http://localhost/") == "Welcome home!"
        assert await ends_well(server)


# What the page tells nginx of its upstreams.
_PROXY = """
location /proxied {{
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_redirect off;
    proxy_buffering off;
    proxy_pass http://unix:{path}:;
}}
"""


async def test_behind_nginx_the_client_s_host_and_address_are_known_and_streams_flow(tmp_path: Path) -> None:
    path = tmp_path / "example_1.sock"
    (tmp_path / "nginx").mkdir()
    async with server_process(APP, "--path", str(path)) as server, trunkline.ClientSession() as session:
        await server.line_with("Running on")
        with Nginx(tmp_path / "nginx", _PROXY.format(path=path)) as nginx:
            url = nginx.url("/proxied", host="localhost")
            async with session.get(url) as response:
                host = url.removeprefix("http://").removesuffix("/proxied")
                assert await response.json() == [host, "127.0.0.1", url]
            async with session.get(f"{url}/stream") as response:
                assert await response.content.readany() == b"first "
                async with session.post(f"{url}/acknowledge", data=b"got it") as acknowledged:
                    assert acknowledged.status == 200
                assert await response.content.read() == b"second"
            assert await fetch(session, nginx.url("/small")) == "hello"  # nginx's own static file
        assert await ends_well(server)


@pytest.mark.parametrize("entry", ["my_web_app", "my_web_app_later"])
async def test_gunicorn_serves_an_application_or_the_coroutine_function_that_makes_one(entry: str) -> None:
    arguments = ["-m", "gunicorn", f"my_app_module:{entry}", "--worker-class", WORKER, "--no-control-socket"]
    options = ["--bind", "localhost:0", "--access-logfile", "-", "--chdir", str(PROGRAMS)]
    async with server_process(*arguments, *options) as server, trunkline.ClientSession() as session:
        assert await fetch(session, await server.url()) == "Welcome home!"
        line = await server.line_with("GET / ")
        assert line.startswith("127.0.0.1 [")  # gunicorn's own format has been replaced
        assert await ends_well(server)


async def test_a_function_of_a_module_is_served_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PROGRAMS)  # which server_process hands on
    port = str(unused_port())
    arguments = ["-m", "trunkline.web", "-H", "localhost", "-P", port, "my_app_module:init_func"]
    async with server_process(*arguments) as server, trunkline.ClientSession() as session:
        await server.line_with("Running on")
        assert await fetch(session, f"http://localhost:{port}/") == "Welcome home!"
        assert await ends_well(server)
