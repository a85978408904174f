"""slack_sdk: the asynchronous web client, its uploads and errors, webhooks, and socket mode on aiohttp."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from checks import Checks
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

check = Checks()


class Slack:
    """As much of the service as the checks ask for."""

    def __init__(self) -> None:
        self.uploaded: list[bytes] = []
        self.acknowledged: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.refusals = 1

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/files.getUploadURLExternal", self.upload_url),
            web.post("/api/files.completeUploadExternal", self.ok),
            web.post("/upload", self.upload),
            web.post("/api/apps.connections.open", self.open),
            web.get("/socket", self.socket),
            web.post("/api/limited", self.limited),
            web.post("/api/broken", lambda request: _text("no json", 500)),
            web.post("/hook", lambda request: _text("ok")),
            web.route("*", "/api/{method}", self.ok),
        ]

    async def ok(self, request: web.Request) -> web.Response:
        form = dict(await request.post()) if request.content_type != "application/json" else await request.json()
        if request.headers["Authorization"] != "Bearer xoxb-good":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        return web.json_response(
            {
                "ok": True,
                "args": {**request.query, **{name: value for name, value in form.items() if isinstance(value, str)}},
                "files": [{"id": "F1"}],
            }
        )

    async def upload_url(self, request: web.Request) -> web.Response:
        url = str(request.url.with_path("/upload"))
        return web.json_response({"ok": True, "upload_url": url, "file_id": "F1"})

    async def upload(self, request: web.Request) -> web.Response:
        self.uploaded.append(await request.read())
        return web.Response(text="OK")

    async def limited(self, request: web.Request) -> web.Response:
        if self.refusals:
            self.refusals -= 1
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "0"})
        return web.json_response({"ok": True})

    async def open(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "url": str(request.url.with_scheme("ws").with_path("/socket"))})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello"})
        await socket.send_json({"type": "events_api", "envelope_id": "e1", "payload": {"event": {"type": "m"}}})
        async for message in socket:
            await self.acknowledged.put(json.loads(message.data))
        return socket


async def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status)


@asynccontextmanager
async def slack() -> AsyncIterator[tuple[Slack, AsyncWebClient, TestServer]]:
    service = Slack()
    app = web.Application()
    app.add_routes(service.routes())
    async with TestServer(app) as server:
        yield service, AsyncWebClient("xoxb-good", base_url=str(server.make_url("/api/"))), server


@check
async def a_call_passes_its_arguments() -> None:
    async with slack() as (_, client, _server):
        response = await client.api_test(foo="b\u00e4r", n=1)
        assert response["args"] == {"foo": "b\u00e4r", "n": "1"}, response
        posted = await client.chat_postMessage(channel="#c", text="t", blocks=[{"type": "divider"}])
        assert posted["args"]["channel"] == "#c"


@check
async def an_error_is_raised() -> None:
    async with slack() as (_, _client, server):
        client = AsyncWebClient("xoxb-bad", base_url=str(server.make_url("/api/")))
        try:
            await client.auth_test()
        except SlackApiError as error:
            assert error.response["error"] == "invalid_auth"
        else:
            raise AssertionError("accepted")


@check
async def what_is_no_json_is_an_error() -> None:
    async with slack() as (_, client, _server):
        try:
            await client.api_call("broken")
        except SlackApiError as error:
            assert error.response.status_code == 500
        else:
            raise AssertionError("accepted")


@check
async def a_file_is_uploaded() -> None:
    async with slack() as (service, client, _server):
        await client.files_upload_v2(content=b"\x00" * 300_000, filename="a.bin", channel="C1")
        assert len(service.uploaded) == 1
        assert b"\x00" * 300_000 in service.uploaded[0]


@check
async def multipart_files_are_sent() -> None:
    async with slack() as (_, client, _server):
        response = await client.api_call("users.setPhoto", files={"image": __file__}, data={"crop_x": "1"})
        assert response["args"]["crop_x"] == "1"


@check
async def a_rate_limit_is_waited_for() -> None:
    async with slack() as (_, client, _server):
        client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
        assert (await client.api_call("limited"))["ok"]


@check
async def a_session_of_ones_own_is_used() -> None:
    async with slack() as (_, _client, server), aiohttp.ClientSession() as session:
        client = AsyncWebClient("xoxb-good", base_url=str(server.make_url("/api/")), session=session)
        assert (await client.auth_test())["ok"]
        assert not session.closed


@check
async def a_webhook_is_posted() -> None:
    async with slack() as (_, _client, server):
        response = await AsyncWebhookClient(str(server.make_url("/hook"))).send(text="t")
        assert (response.status_code, response.body) == (200, "ok")


@check
async def socket_mode_hears_and_acknowledges() -> None:
    async with slack() as (service, client, _server):
        socket_mode = SocketModeClient("xapp-1", web_client=client, ping_interval=0.2)

        async def listen(on: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
            await on.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

        socket_mode.socket_mode_request_listeners.append(listen)
        await socket_mode.connect()
        assert (await service.acknowledged.get())["envelope_id"] == "e1"
        await asyncio.sleep(0.6)  # three pings
        assert await socket_mode.is_connected()
        await socket_mode.close()


check.run()
