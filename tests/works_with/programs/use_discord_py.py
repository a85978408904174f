"""discord.py: a bot that logs in, hears events over a compressed gateway, sends files, is rate limited, resumes."""

from __future__ import annotations

import asyncio
import io
import json
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import yarl
from aiohttp import web
from aiohttp.test_utils import TestServer
from checks import Checks
from discord.http import Route

check = Checks()
USER = {"id": "1", "username": "bot", "discriminator": "0", "avatar": None, "bot": True, "global_name": None}
GUILD = json.loads("""{
    "id": "5", "name": "g", "owner_id": "1", "unavailable": false, "member_count": 1, "large": false,
    "channels": [{"id": "10", "type": 0, "guild_id": "5", "name": "c", "position": 0, "permission_overwrites": []}],
    "roles": [{"id": "5", "name": "@everyone", "permissions": "8", "position": 0, "color": 0}],
    "members": [{
        "user": {"id": "1", "username": "bot", "discriminator": "0", "avatar": null}, "roles": [],
        "joined_at": "2020-01-01T00:00:00+00:00", "deaf": false, "mute": false, "flags": 0
    }],
    "emojis": [], "stickers": [], "features": [], "presences": [], "voice_states": [], "threads": [],
    "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
    "premium_tier": 0, "system_channel_flags": 0, "nsfw_level": 0, "preferred_locale": "en-US"
}""")
MESSAGE = json.loads("""{
    "id": "99", "channel_id": "10", "guild_id": "5", "type": 0, "tts": false, "pinned": false,
    "mention_everyone": false,
    "author": {"id": "2", "username": "user", "discriminator": "0", "avatar": null},
    "timestamp": "2020-01-01T00:00:00+00:00", "edited_timestamp": null, "mentions": [], "mention_roles": [],
    "attachments": [], "embeds": [], "components": []
}""")


def message(content: str) -> dict[str, Any]:
    return {**MESSAGE, "content": content}


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON, whose type must have no parameters here."""
    data = json.dumps(value).encode()
    return web.Response(body=data, status=status, headers=headers, content_type="application/json")


class Discord:
    """As much of the service as one bot needs."""

    def __init__(self) -> None:
        self.identified: list[dict[str, Any]] = []
        self.sent: list[tuple[str, bytes]] = []
        self.refusals = 1
        self.socket: web.WebSocketResponse | None = None
        self._sequence = 0
        self._zlib = zlib.compressobj()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/users/@me", self.me),
            web.get("/api/oauth2/applications/@me", self.application),
            web.get("/api/gateway/bot", self.gateway_url),
            web.get("/api/channels/10/messages/7", self.not_found),
            web.post("/api/channels/10/messages", self.post),
            web.get("/gateway", self.gateway),
            web.get("/file", lambda request: _answer(web.Response(body=b"file"))),
        ]

    async def me(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != "Bot good":
            return answer({"message": "401: Unauthorized", "code": 0}, status=401)
        assert request.headers["User-Agent"].startswith("DiscordBot")
        return answer(USER)

    async def application(self, request: web.Request) -> web.Response:
        team = {"id": "1", "name": "app", "icon": None, "description": "", "owner": USER, "team": None}
        return answer({**team, "bot_public": True, "bot_require_code_grant": False, "verify_key": "", "flags": 0})

    async def gateway_url(self, request: web.Request) -> web.Response:
        limit = {"total": 1, "remaining": 1, "reset_after": 1, "max_concurrency": 1}
        url = f"ws://{request.host}/gateway"
        return answer({"url": url, "shards": 1, "session_start_limit": limit})

    async def not_found(self, request: web.Request) -> web.Response:
        return answer({"message": "Unknown Message", "code": 10008}, status=404)

    async def post(self, request: web.Request) -> web.Response:
        if self.refusals:
            self.refusals -= 1
            headers = {"Via": "1.1 google", "Retry-After": "0.01"}
            return answer({"retry_after": 0.01, "global": False}, status=429, headers=headers)
        if request.content_type == "multipart/form-data":
            async for part in await request.multipart():
                self.sent.append((part.filename or part.name, bytes(await part.read())))
        else:
            self.sent.append(("json", (await request.json())["content"].encode()))
        return answer(message("sent"), headers={"X-Ratelimit-Remaining": "5", "X-Ratelimit-Reset": "0"})

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        self.socket = socket = web.WebSocketResponse()
        self._zlib = zlib.compressobj()
        await socket.prepare(request)
        await self.send({"op": 10, "d": {"heartbeat_interval": 200}})
        async for received in socket:
            told = json.loads(received.data)
            if told["op"] == 1:
                await self.send({"op": 11})
            elif told["op"] in {2, 6}:
                self.identified.append(told)
                await (self.ready(request) if told["op"] == 2 else self.event("RESUMED", {}))
        return socket

    async def ready(self, request: web.Request) -> None:
        guilds = [{"id": "5", "unavailable": True}]
        resume = f"ws://{request.host}/gateway"
        ready = {"v": 10, "user": USER, "guilds": guilds, "session_id": "s", "resume_gateway_url": resume}
        await self.event("READY", {**ready, "application": {"id": "1", "flags": 0}})
        await self.event("GUILD_CREATE", GUILD)

    async def event(self, name: str, data: object) -> None:
        self._sequence += 1
        await self.send({"op": 0, "s": self._sequence, "t": name, "d": data})

    async def send(self, value: object) -> None:
        assert self.socket is not None
        data = self._zlib.compress(json.dumps(value).encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        await self.socket.send_bytes(data)


async def _answer(response: web.Response) -> web.Response:
    return response


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Discord, discord.Client, str]]:
    service = Discord()
    app = web.Application()
    app.add_routes(service.routes())
    async with TestServer(app) as server:
        Route.BASE = str(server.make_url("/api"))
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"ws://{server.host}:{server.port}/gateway")
        client = discord.Client(intents=discord.Intents.all())
        try:
            yield service, client, str(server.make_url("/"))
        finally:
            await client.close()


@asynccontextmanager
async def ready(client: discord.Client) -> AsyncIterator[None]:
    await client.login("good")
    task = asyncio.create_task(client.connect())
    waiting = asyncio.create_task(client.wait_until_ready())
    done, _ = await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if task in done:
        waiting.cancel()
        await task
    try:
        yield
    finally:
        await client.close()
        await task


@check
async def a_bad_token_is_refused() -> None:
    async with running() as (_, client, _url):
        try:
            await client.login("bad")
        except discord.LoginFailure:
            pass
        else:
            raise AssertionError("logged in")


@check
async def a_bot_becomes_ready() -> None:
    async with running() as (service, client, _url), ready(client):
        assert client.user is not None
        assert client.user.name == "bot"
        assert [guild.name for guild in client.guilds] == ["g"]
        assert service.identified[0]["d"]["token"] == "good"


@check
async def events_and_heartbeats_pass() -> None:
    async with running() as (service, client, _url), ready(client):
        coming = asyncio.create_task(client.wait_for("message", timeout=5))
        await asyncio.sleep(0.5)
        await service.event("MESSAGE_CREATE", message("h\u00e9llo"))
        assert (await coming).content == "h\u00e9llo"
        assert client.latency < 1


@check
async def text_and_files_are_sent_after_a_rate_limit() -> None:
    async with running() as (service, client, _url), ready(client):
        channel = client.get_channel(10)
        await channel.send("text")
        await channel.send("with", files=[discord.File(io.BytesIO(b"\x00\x01"), "a.bin"), discord.File(__file__)])
    assert service.sent[0] == ("json", b"text"), service.sent
    assert service.sent[1][0] == "payload_json"
    assert service.sent[2] == ("a.bin", b"\x00\x01")
    assert b"rate limited" in service.sent[3][1]


@check
async def an_error_of_the_api_is_told() -> None:
    async with running() as (_, client, _url), ready(client):
        try:
            await client.get_channel(10).fetch_message(7)
        except discord.NotFound as error:
            assert error.code == 10008
        else:
            raise AssertionError("found")


@check
async def a_lost_gateway_is_resumed() -> None:
    async with running() as (service, client, _url), ready(client):
        resumed = asyncio.create_task(client.wait_for("resumed", timeout=20))
        await asyncio.sleep(0)
        assert service.socket is not None
        await service.socket.close(code=4000)
        await resumed
        assert [told["op"] for told in service.identified] == [2, 6]


@check
async def traces_and_a_connector_of_ones_own_are_used() -> None:
    asked: list[str] = []

    async def on_start(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        asked.append(params.url.path)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(on_start)
    async with running() as (_service, _client, _url):
        connector = aiohttp.TCPConnector(limit=1)
        client = discord.Client(intents=discord.Intents.none(), http_trace=trace, connector=connector)
        async with client:
            await client.login("good")
    assert asked[0] == "/api/users/@me", asked


@check
async def a_webhook_sends() -> None:
    async def execute(request: web.Request) -> web.Response:
        return answer(message((await request.json())["content"]))

    app = web.Application()
    app.add_routes([web.post("/api/webhooks/3/token", execute)])
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        Route.BASE = str(server.make_url("/api"))
        webhook = discord.Webhook.partial(3, "token", session=session)
        assert (await webhook.send("hook", wait=True)).content == "hook"


check.run()
