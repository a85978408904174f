"""`python -m trunkline.web`, which is `web/__main__.py`, run as users run it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import trunkline as client
from tests.web.processes import ServerProcess, server_process


def _serve(*arguments: str) -> list[str]:
    return ["-m", "trunkline.web", *arguments]


async def _answer(url: str) -> str:
    async with client.request("GET", url) as response:
        assert response.status == 200
        return await response.text()


async def _ended(server: ServerProcess) -> tuple[int, str]:
    status = await server.ended()
    await server.line_with("error:")
    return status, server.lines[-1]


async def test_it_serves_what_the_function_returns_and_passes_on_other_arguments() -> None:
    arguments = _serve("counted:make_app", "-H", "127.0.0.1", "-P", "0", "more", "--flag=1")
    async with server_process(*arguments) as server:
        await server.line_with("arguments ['more', '--flag=1']")
        assert await _answer(await server.url()) == f"{server.pid} http"
        assert await server.stop() == 0
        assert "1 begun, 1 ended" in server.lines
        assert server.lines[-1] == "Stopped"


async def test_an_application_is_served_as_it_is() -> None:
    async with server_process(*_serve("ready:app", "-H", "127.0.0.1", "-P", "0")) as server:
        assert await _answer(await server.url()) == "ready"
        assert await server.stop() == 0


async def test_a_path_alone_is_served_alone(tmp_path: Path) -> None:
    async with server_process(*_serve("counted:make_app", "-U", str(tmp_path / "s"))) as server:
        await server.line_with(f"======== Running on http://unix:{tmp_path}/s: ========")
        assert await server.stop(signal.SIGINT) == 0


async def test_a_path_and_a_host_are_served_both(tmp_path: Path) -> None:
    arguments = _serve("counted:make_app", "--path", str(tmp_path / "s"), "--hostname", "127.0.0.1", "--port", "0")
    async with server_process(*arguments) as server:
        line = await server.line_with("Running on")
        assert line.startswith("======== Running on http://127.0.0.1:")
        assert line.endswith(f", http://unix:{tmp_path}/s: ========")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("counted", "'entry-func' not in 'module:function' syntax"),
        ("counted:", "'entry-func' not in 'module:function' syntax"),
        (":make_app", "'entry-func' not in 'module:function' syntax"),
        (".counted:make_app", "relative module names not supported"),
        ("no_such:make_app", "unable to import no_such: No module named 'no_such'"),
        ("counted:no_such", "module 'counted' has no attribute 'no_such'"),
        ("counted:not_callable", "counted:not_callable is 1; it should be a function that returns an application"),
    ],
)
async def test_a_function_that_cannot_be_found_is_a_usage_error(entry: str, message: str) -> None:
    async with server_process(*_serve(entry)) as server:
        assert await _ended(server) == (2, f"trunkline.web: error: {message}")


async def test_the_defaults_are_in_the_help() -> None:
    async with server_process(*_serve("--help")) as server:
        await server.line_with("default: localhost")
        await server.line_with("default: 8080")
        assert await server.ended() == 0
