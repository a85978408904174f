"""The documentation's page on logging: the loggers, the access log with its format, the log of errors."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from trunkline import web
from trunkline.abc import AbstractAccessLogger
from trunkline.test_utils import TestClient, TestServer

ACCESS = "trunkline.access"
SERVER = "trunkline.server"
USER_AGENT = {"User-Agent": "Tester/1.0"}


async def answer(request: web.Request) -> web.Response:
    if "fail" in request.query:
        raise ValueError("the handler failed")
    await asyncio.sleep(float(request.query.get("wait", 0)))
    return web.Response(text="0123456789", status=203, headers={"X-Out": "out"})


@asynccontextmanager
async def serving(
    **kwargs: Any,  # Any: as AppRunner takes them
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Serve `answer`; all is logged when the block has ended."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    server = TestServer(app)
    await server.start_server(**kwargs)
    async with TestClient(server, headers=USER_AGENT) as client:
        yield client


@pytest.fixture
def access(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, ACCESS)
    return caplog


async def line_for(log: pytest.LogCaptureFixture, log_format: str, path: str = "/", **fields: str) -> str:
    """Return what the access log says of one GET of `path`."""
    async with serving(access_log_format=log_format) as client:
        await client.get(path, headers=fields)
    [record] = [record for record in log.records if record.name == ACCESS]
    return record.getMessage()


# Access logs.


async def test_each_request_is_logged_in_the_default_format(access: pytest.LogCaptureFixture) -> None:
    async with serving() as client:
        await client.get("/a/b?c=d", headers={"Referer": "http://from.test/"})
        await client.get("/no-referrer")
    records = [record for record in access.records if record.name == ACCESS]
    assert [record.levelno for record in records] == [logging.INFO] * 2
    start = r'127\.0\.0\.1 \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET '
    first, second = (record.getMessage() for record in records)
    assert re.fullmatch(start + r'/a/b\?c=d HTTP/1\.1" 203 \d+ "http://from\.test/" "Tester/1\.0"', first)
    assert re.fullmatch(start + r'/no-referrer HTTP/1\.1" 203 \d+ "-" "Tester/1\.0"', second)


@pytest.mark.parametrize(
    ("log_format", "line"),
    [
        ("100%%", "100%"),
        ("%a", "127.0.0.1"),
        ("%P", f"<{os.getpid()}>"),
        ("%r", "GET /?wait=0.02 HTTP/1.1"),
        ("%s", "203"),
        ("%T", "0"),
        ("%{User-Agent}i, %{X-In}i", "Tester/1.0, in"),
        ("%{x-out}o, %{Content-Type}o", "out, text/plain; charset=utf-8"),
        ("%{Nothing}i %{Nothing}o", "- -"),
        ("<%s> for %a", "<203> for 127.0.0.1"),
    ],
)
async def test_what_a_format_can_say(access: pytest.LogCaptureFixture, log_format: str, line: str) -> None:
    assert await line_for(access, log_format, "/?wait=0.02", **{"X-In": "in"}) == line


async def test_the_size_is_that_of_the_response(access: pytest.LogCaptureFixture) -> None:
    assert int(await line_for(access, "%b")) >= len("0123456789")


async def test_the_time_is_told_in_seconds_and_microseconds(access: pytest.LogCaptureFixture) -> None:
    line = await line_for(access, "%Tf %D", "/?wait=0.02")
    seconds, microseconds = line.split()
    assert re.fullmatch(r"\d\.\d{6}", seconds)
    assert 0.019 < float(seconds) < 5
    assert abs(float(seconds) * 1_000_000 - int(microseconds)) <= 1


async def test_the_time_at_which_the_request_began_is_told(access: pytest.LogCaptureFixture) -> None:
    before = int(time.time())
    line = await line_for(access, "%t")
    logged = time.mktime(time.strptime(line[:-7], "[%d/%b/%Y:%H:%M:%S"))
    assert before - 1 <= logged <= time.time()


async def test_the_values_are_in_the_record_as_well(access: pytest.LogCaptureFixture) -> None:
    await line_for(access, "%a %s %{User-Agent}i")
    [record] = [vars(record) for record in access.records if record.name == ACCESS]
    assert record["remote_address"] == "127.0.0.1"
    assert record["response_status"] == 203
    assert record["request_header"] == {"User-Agent": "Tester/1.0"}


async def test_none_disables_access_logs(access: pytest.LogCaptureFixture) -> None:
    async with serving(access_log=None) as client:
        await client.get("/")
    assert [record for record in access.records if record.name == ACCESS] == []


async def test_another_logger_can_take_the_place_of_the_default_one(access: pytest.LogCaptureFixture) -> None:
    access.set_level(logging.INFO, "tests.own_access")
    async with serving(access_log=logging.getLogger("tests.own_access")) as client:
        await client.get("/")
    names = {record.name for record in access.records}
    assert "tests.own_access" in names
    assert ACCESS not in names


async def test_a_response_that_failed_is_logged_as_what_the_client_got(access: pytest.LogCaptureFixture) -> None:
    async with serving(access_log_format="%s %r") as client:
        await client.get("/?fail")
        await client.post("/")
    lines = [record.getMessage() for record in access.records if record.name == ACCESS]
    assert lines == ["500 GET /?fail HTTP/1.1", "405 POST / HTTP/1.1"]


# A logger of one's own.


class OwnAccessLogger(AbstractAccessLogger):
    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        self.logger.info(
            f'{request.remote} "{request.method} {request.path} done in {time}s: {response.status}'  # noqa: G004
        )

    @property
    def enabled(self) -> bool:
        return self.logger.isEnabledFor(logging.INFO)


class AlwaysEnabled(AbstractAccessLogger):
    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        self.logger.info("%s: %s", self.log_format, response.status)


async def test_a_class_of_ones_own_is_a_drop_in_replacement(access: pytest.LogCaptureFixture) -> None:
    async with serving(access_log_class=OwnAccessLogger) as client:
        await client.get("/a?b=c")
    [record] = [record for record in access.records if record.name == ACCESS]
    assert re.fullmatch(r'127\.0\.0\.1 "GET /a done in [\d.e-]+s: 203', record.getMessage())


async def test_a_class_that_is_not_enabled_is_not_asked_to_log(access: pytest.LogCaptureFixture) -> None:
    access.set_level(logging.WARNING, ACCESS)
    logged: list[object] = []

    class Recording(OwnAccessLogger):
        def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
            logged.append(request)

    async with serving(access_log_class=Recording) as client:
        await client.get("/")
        access.set_level(logging.INFO, ACCESS)
        await client.get("/")
    assert len(logged) == 1


async def test_enabled_may_be_left_out_and_the_format_is_there(access: pytest.LogCaptureFixture) -> None:
    async with serving(access_log_class=AlwaysEnabled, access_log_format="my format") as client:
        await client.get("/")
    assert [record.getMessage() for record in access.records if record.name == ACCESS] == ["my format: 203"]


# Error logs.


async def test_errors_of_handlers_are_logged_by_the_server_s_logger(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as client:
        await client.get("/?fail")
    [record] = [record for record in caplog.records if record.name == SERVER]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_errors_can_go_to_another_logger(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(logger=logging.getLogger("tests.own_server")) as client:
        await client.get("/?fail")
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == ["tests.own_server"]
