"""Client Middleware Cookbook: its recipes, as programs that a server answers."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, NoReturn

import pytest

from tests.client.digest_server import DigestServer
from tests.public_api.client.httpbin import HttpBin
from tests.web.serving import serving
from trunkline import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    DigestAuthMiddleware,
    TCPConnector,
    encode_basic_auth,
    web,
)

logger = logging.getLogger(__name__)

# "Simple Retry Middleware"


async def retry_middleware(req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    for _ in range(3):
        resp = await handler(req)
        if resp.ok:
            break
    return resp


@pytest.mark.parametrize(("failures", "status", "sent"), [(0, 200, 1), (2, 200, 3), (9, 503, 3)])
async def test_a_request_is_retried_until_it_succeeds_or_the_bound_is_reached(
    failures: int, status: int, sent: int
) -> None:
    bodies = []

    async def unreliable(request: web.BaseRequest) -> web.Response:
        bodies.append(await request.read())
        return web.Response(status=503 if len(bodies) <= failures else 200)

    async with (
        serving(unreliable) as served,
        ClientSession(middlewares=(retry_middleware,)) as session,
        session.put(served.url, data=b"body") as response,
    ):
        assert response.status == status
    assert bodies == [b"body"] * sent


# "Logging to an external service"


async def test_requests_are_logged_by_the_same_session_without_recursion(
    bin: HttpBin, caplog: pytest.LogCaptureFixture
) -> None:
    log_path = "/log"

    async def api_logging_middleware(req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        async with req.session.post(log_path, data=req.url.host, middlewares=()) as resp:
            if not resp.ok:
                logger.warning("Log endpoint failed")
        return await handler(req)

    async with ClientSession(bin.url, middlewares=(api_logging_middleware,)) as session:
        async with session.get("/get"):
            pass
        log_path = "/status/500"
        async with session.get("/get"):
            pass
    assert [(seen.method, seen.path) for seen in bin.seen] == [
        ("POST", "/log"),
        ("GET", "/get"),
        ("POST", "/status/500"),
        ("GET", "/get"),
    ]
    assert bin.seen[0].body == b"127.0.0.1"
    assert caplog.messages == ["Log endpoint failed"]


async def test_recursion_may_also_be_stopped_by_a_condition(bin: HttpBin) -> None:
    async def log_unless_it_is_the_log(req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if req.url.path != "/log":
            async with req.session.post(req.url.with_path("/log")):
                pass
        return await handler(req)

    async with ClientSession(middlewares=(log_unless_it_is_the_log,)) as session, session.get(f"{bin.url}/get"):
        pass
    assert [seen.path for seen in bin.seen] == ["/log", "/get"]


# "Token Refresh Middleware"


class TokenServer:
    """Hands out tokens for a refresh token, and serves those who hold the newest. lifetime_s: what it says of them."""

    def __init__(self, lifetime_s: float = 3600) -> None:
        self.issued = 0
        self.lifetime_s = lifetime_s
        self.refused = 0

    async def answer(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/token":
            self.issued += 1
            return web.json_response({"access_token": f"token {self.issued}", "expires_in": self.lifetime_s})
        if request.headers.get("Authorization") != f"Bearer token {self.issued}":
            self.refused += 1
            return web.Response(status=401)
        return web.Response(text="in")


async def ask_for_token(req: ClientRequest) -> tuple[str, float]:
    async with req.session.post(req.url.with_path("/token"), middlewares=()) as resp:
        answer: dict[str, Any] = await resp.json()
    return f"Bearer {answer['access_token']}", time.monotonic() + answer["expires_in"]


class TokenRefresh401Middleware:
    def __init__(self) -> None:
        self.token = ""
        self.lock = asyncio.Lock()

    async def __call__(self, req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        for _ in range(2):
            token = self.token
            req.headers["Authorization"] = token
            resp = await handler(req)
            if resp.status != 401:
                break
            async with self.lock:
                if token == self.token:  # nobody else was faster
                    self.token, _ = await ask_for_token(req)
        return resp


class TokenRefreshExpiryMiddleware:
    def __init__(self) -> None:
        self.token = ""
        self.expires_at = 0.0
        self.lock = asyncio.Lock()

    async def __call__(self, req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        async with self.lock:
            if self.expires_at <= time.monotonic():
                self.token, self.expires_at = await ask_for_token(req)
        req.headers["Authorization"] = self.token
        return await handler(req)


@asynccontextmanager
async def asking(server: TokenServer, middleware: Any) -> AsyncIterator[Any]:  # Any: a function of the session
    async with serving(server.answer) as served, ClientSession(served.url, middlewares=(middleware,)) as session:

        async def get() -> int:
            async with session.get("/data") as response:
                return response.status

        yield get


async def test_a_token_is_refreshed_when_it_is_refused() -> None:
    server = TokenServer()
    async with asking(server, TokenRefresh401Middleware()) as get:
        assert [await get() for _ in range(3)] == [200] * 3
        server.issued += 1  # all tokens are revoked
        assert [await get() for _ in range(3)] == [200] * 3
    assert server.refused == 2


async def test_requests_at_the_same_time_refresh_a_token_once() -> None:
    server = TokenServer()
    async with asking(server, TokenRefresh401Middleware()) as get:
        assert await asyncio.gather(*(get() for _ in range(10))) == [200] * 10
    assert server.issued == 1


@pytest.mark.parametrize(("lifetime_s", "issued"), [(3600, 1), (-1, 3)])
async def test_a_token_is_refreshed_before_it_expires(lifetime_s: float, issued: int) -> None:
    server = TokenServer(lifetime_s)
    async with asking(server, TokenRefreshExpiryMiddleware()) as get:
        assert [await get() for _ in range(3)] == [200] * 3
    assert (server.issued, server.refused) == (issued, 0)


async def test_a_task_may_refresh_the_sessions_own_field_instead(bin: HttpBin) -> None:
    async with ClientSession(headers={"Authorization": "Bearer 1"}) as session:

        async def refresh() -> None:
            session.headers["Authorization"] = "Bearer 2"

        async with session.get(bin.url):
            assert bin.last.headers["Authorization"] == "Bearer 1"
        await asyncio.create_task(refresh())
        async with session.get(bin.url):
            assert bin.last.headers["Authorization"] == "Bearer 2"


# "Server-side Request Forgery Protection"


class SSRFError(Exception):
    """The request would have gone inside."""


def refuse(host: str) -> NoReturn:
    raise SSRFError(host)


async def ssrf_middleware(req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    if req.url.host in {"127.0.0.1", "localhost"}:
        refuse(req.url.host)
    return await handler(req)


class SSRFConnector(TCPConnector):
    async def _resolve_host(self, host: str, port: int, traces: Sequence[Any] | None = None) -> list[Any]:
        found = await super()._resolve_host(host, port, traces)
        for each in found:
            if ip_address(each["host"]).is_loopback:
                refuse(host)
        return found


async def test_hosts_on_the_list_are_refused_also_as_the_target_of_a_redirect(bin: HttpBin) -> None:
    async with ClientSession(middlewares=(ssrf_middleware,)) as session:
        with pytest.raises(SSRFError):
            await session.get(f"{bin.url}/get")
    assert bin.seen == []

    async def only_the_first(req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        return await (handler(req) if req.url.path == "/redirect" else ssrf_middleware(req, handler))

    async with ClientSession(middlewares=(only_the_first,)) as session:
        with pytest.raises(SSRFError):
            await session.get(f"{bin.url}/redirect?to=/inside")
    assert [seen.path for seen in bin.seen] == ["/redirect?to=/inside"]


async def test_names_that_lead_inside_are_refused_by_the_connector(bin: HttpBin) -> None:
    async with ClientSession(connector=SSRFConnector()) as session:
        for host in ("localhost", "127.0.0.1"):
            with pytest.raises(SSRFError):
                await session.get(f"http://{host}:{bin.port}/")
    assert bin.seen == []


# "Best Practices"


async def test_log_auth_and_retry_work_together(bin: HttpBin) -> None:
    logged: list[str] = []

    async def log(req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        resp = await handler(req)
        logged.append(f"{req.method} {resp.status}")
        return resp

    async def auth(req: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        req.headers["Authorization"] = encode_basic_auth("user", "pass")
        return await handler(req)

    async with (
        ClientSession(bin.url, middlewares=(log, auth, retry_middleware)) as session,
        session.get("/status/500") as response,
    ):
        assert response.status == 500
    assert logged == ["GET 500"]
    assert [seen.headers["Authorization"] for seen in bin.seen] == ["Basic dXNlcjpwYXNz"] * 3


async def test_the_digest_middleware_is_one_of_them() -> None:
    digest_auth = DigestAuthMiddleware(login="user", password="pass")
    async with DigestServer() as server, ClientSession(middlewares=(retry_middleware, digest_auth)) as session:
        for path in ("/protected", "/other"):
            async with session.get(server.url(path)) as resp:
                assert resp.status == 200
    assert server.verdicts == ["none", "", ""]
