"""The workers under a real gunicorn with two of them, told what an administrator tells it."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

import trunkline as client
from tests.web.processes import ServerProcess, server_process
from trunkline.web.worker import GunicornWebWorker

WORKER = "trunkline.web.worker.GunicornWebWorker"
UVLOOP_WORKER = "trunkline.web.worker.GunicornUVLoopWebWorker"
ENOUGH = 40  # requests, on connections of their own, for both workers to get some


@asynccontextmanager
async def _gunicorn(*options: str, app: str = "counted:app", worker: str = WORKER) -> AsyncIterator[ServerProcess]:
    arguments = ["-m", "gunicorn", app, "--worker-class", worker, "--workers", "2", "--bind", "127.0.0.1:0"]
    async with server_process(*arguments, "--no-control-socket", *options) as server:
        await server.line_with("Booting worker", 2)
        yield server


def _booted(server: ServerProcess) -> list[str]:
    return re.findall(r"Booting worker with pid: (\d+)", "\n".join(server.lines))


async def _ask(url: str, context: ssl.SSLContext | bool = True) -> tuple[str, str]:
    """Ask on a new connection; returns the pid of the worker and the scheme that it saw."""
    async with client.request("GET", url, ssl=context) as response:
        assert response.status == 200
        pid, scheme = (await response.text()).split()
        return pid, scheme


@pytest.mark.filterwarnings("ignore::trunkline.client.churn.SessionChurnWarning")  # it wants connections of their own
@pytest.mark.parametrize("worker", [WORKER, UVLOOP_WORKER])
async def test_both_workers_serve_until_a_graceful_end(worker: str) -> None:
    async with _gunicorn(worker=worker) as server:
        url = await server.url()
        pids = {(await _ask(url))[0] for _ in range(ENOUGH)}
        assert pids <= set(_booted(server))
        assert await server.stop() == 0
        await server.line_with("Shutting down: Master")
        begun = [int(line.split()[0]) for line in server.lines if "begun" in line]
        assert len(begun) == 2
        assert sum(begun) == ENOUGH
        assert not [line for line in server.lines if "Error" in line or "Warning" in line], server.lines


async def test_a_coroutine_function_makes_the_application() -> None:
    async with _gunicorn(app="counted:make_app_later") as server:
        await _ask(await server.url())
        assert await server.stop() == 0


async def test_what_is_no_application_ends_the_worker_with_an_error() -> None:
    async with _gunicorn(app="counted:make_nothing") as server:
        await server.line_with("wsgi app should be either Application or async function returning Application")


async def test_a_connection_is_kept_alive_for_as_long_as_gunicorn_says() -> None:
    async with _gunicorn("--keep-alive", "1") as server:
        host, _, port = (await server.url()).removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        answers = []
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            answers.append(await reader.readexactly(length))
        assert len(set(answers)) == 1
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), r'127\.0\.0\.1 \[.+\] "GET /\?delay=0 HTTP/1\.1" 200 \d+ "-" "Python.+"'),
        (("--access-logformat", "%s by %P of %r"), r"200 by <\d+> of GET /\?delay=0 HTTP/1\.1"),
    ],
)
async def test_the_access_log_is_in_our_format(options: tuple[str, ...], line: str) -> None:
    async with _gunicorn("--access-logfile", "-", *options) as server:
        await _ask(f"{await server.url()}/?delay=0")
        logged = await server.line_with("delay=0")
        assert re.fullmatch(line, logged), logged


async def test_an_access_log_format_with_atoms_of_gunicorn_is_refused() -> None:
    async with _gunicorn("--access-logfile", "-", "--access-logformat", "%(h)s %(r)s") as server:
        message = await server.line_with("an atom of gunicorn's")
        assert "access_log_format has '%(h)s'" in message


async def test_tls_is_served_with_the_certificate_of_gunicorn(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert")
    certificate.private_key_pem.write_to_path(tmp_path / "key")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with _gunicorn("--certfile", str(tmp_path / "cert"), "--keyfile", str(tmp_path / "key")) as server:
        assert (await _ask(await server.url(), context))[1] == "https"
        assert await server.stop() == 0


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
async def test_a_reload_under_load_loses_no_request() -> None:
    async with _gunicorn("--keep-alive", "30") as server:
        url = await server.url()
        before = _booted(server)
        wrk = await asyncio.create_subprocess_exec("wrk", "-t1", "-c16", "-d3s", url, stdout=asyncio.subprocess.PIPE)
        await server.line_with("many requests")
        server.send(signal.SIGHUP)
        report = (await wrk.communicate())[0].decode()
        await server.line_with("begun", 2)
        assert "Socket errors" not in report
        assert "Non-2xx" not in report
        after = _booted(server)[2:]
        assert len(after) == 2
        assert (await _ask(url))[0] in set(after) - set(before)
        told = [re.findall(r"\d+", line) for line in server.lines if "begun" in line]
        assert all(begun == ended for begun, ended in told)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
async def test_a_quick_end_does_not_wait_for_requests(number: signal.Signals) -> None:
    async with _gunicorn() as server, client.ClientSession() as session:
        url = await server.url()
        slow = asyncio.create_task(_read(session, f"{url}/?delay=60"))
        await server.line_with("a slow request has begun")
        assert await server.stop(number) == 0
        with pytest.raises(client.ClientConnectionError):
            await slow


async def _read(session: client.ClientSession, url: str) -> bytes:
    async with session.get(url) as response:
        return await response.read()


async def test_a_worker_ends_after_its_share_of_requests_and_another_takes_over() -> None:
    async with _gunicorn("--max-requests", "5") as server:
        url = await server.url()
        for _ in range(10):
            await _ask(url)
        await server.line_with("Autorestarting worker after")
        await server.line_with("Booting worker", 3)
        await _ask(url)


def test_the_log_formats_are_named_as_before() -> None:
    assert GunicornWebWorker.DEFAULT_GUNICORN_LOG_FORMAT.startswith("%(h)s")
    assert GunicornWebWorker.DEFAULT_AIOHTTP_LOG_FORMAT.startswith("%a %t")
