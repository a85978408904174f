"""aiodocker against a Docker of ours on a Unix socket: queries, streams, exec by upgrade, attach, errors."""

from __future__ import annotations

import asyncio
import json
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiodocker
from aiohttp import web
from checks import Checks

check = Checks()


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


class Engine:
    """As much of Docker's API as the checks ask for."""

    def routes(self) -> list[web.RouteDef]:
        prefix = "/{version:v[0-9.]+|auto}"
        return [
            web.get("/version", self.version),
            web.get(prefix + "/version", self.version),
            web.get(prefix + "/containers/json", lambda request: _json([{"Id": "c1"}, {"Id": "c2"}])),
            web.get(prefix + "/containers/none/json", lambda request: _json({"message": "no such container"}, 404)),
            web.get(prefix + "/containers/c1/json", lambda request: _json({"Id": "c1", "Config": {"Tty": False}})),
            web.get(prefix + "/containers/c1/logs", self.logs),
            web.get(prefix + "/containers/c1/attach/ws", self.attach),
            web.post(prefix + "/containers/c1/exec", lambda request: _json({"Id": "e1"}, 201)),
            web.get(prefix + "/exec/e1/json", lambda request: _json({"ProcessConfig": {"tty": False}, "ExitCode": 0})),
            web.post(prefix + "/exec/e1/start", self.start),
            web.get(prefix + "/events", self.events),
            web.post(prefix + "/images/create", self.pull),
            web.post(prefix + "/build", self.build),
        ]

    async def version(self, request: web.Request) -> web.Response:
        return await _json({"ApiVersion": "1.44", "Version": "27"})

    async def logs(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/vnd.docker.raw-stream"})
        await response.prepare(request)
        await response.write(frame(1, b"out\n") + frame(2, b"er"))
        await response.write(b"r\n"[:0])
        return response

    async def attach(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("chat",))
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(message.data.upper())
        return socket

    async def start(self, request: web.Request) -> web.StreamResponse:
        """Take over the connection as Docker does: 101, then frames, until the client ends its side."""
        assert request.headers["Upgrade"] == "tcp"
        transport = request.transport
        assert transport is not None
        transport.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        await asyncio.sleep(0.05)
        transport.write(frame(1, b"hello ") + frame(1, b"exec")[:9])
        await asyncio.sleep(0.05)
        transport.write(frame(1, b"exec")[9:] + frame(2, b"oops"))
        transport.close()
        return web.Response()

    async def events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for action in ("start", "die"):
            await response.write(json.dumps({"Action": action, "time": 1}).encode() + b"\n")
        return response

    async def pull(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for status in ("Pulling", "Done"):
            await response.write(json.dumps({"status": status}).encode() + b"\r\n")
        return response

    async def build(self, request: web.Request) -> web.Response:
        size = len(await request.read())
        return web.Response(text=json.dumps({"stream": f"{size}"}) + "\r\n", content_type="application/json")


async def _json(value: object, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)


@asynccontextmanager
async def docker() -> AsyncIterator[aiodocker.Docker]:
    app = web.Application()
    app.add_routes(Engine().routes())
    runner = web.AppRunner(app)
    await runner.setup()
    with tempfile.TemporaryDirectory() as folder:
        await web.UnixSite(runner, f"{folder}/docker.sock").start()
        async with aiodocker.Docker(f"unix://{folder}/docker.sock") as client:
            yield client
        await runner.cleanup()


@check
async def the_version_is_asked() -> None:
    async with docker() as client:
        assert (await client.version())["Version"] == "27"


@check
async def containers_are_listed() -> None:
    async with docker() as client:
        assert [container.id for container in await client.containers.list()] == ["c1", "c2"]


@check
async def an_error_is_told() -> None:
    async with docker() as client:
        try:
            await client.containers.get("none")
        except aiodocker.DockerError as error:
            assert error.status == 404
            assert "no such container" in error.message
        else:
            raise AssertionError("found")


@check
async def logs_are_split_into_frames() -> None:
    async with docker() as client:
        container = client.containers.container("c1")
        assert await container.log(stdout=True, stderr=True) == ["out\n", "er"]


@check
async def exec_takes_over_the_connection() -> None:
    async with docker() as client:
        started = await client.containers.container("c1").exec(["true"])
        async with started.start(detach=False) as stream:
            got = []
            while (message := await stream.read_out()) is not None:
                got.append((message.stream, message.data))
        assert got == [(1, b"hello "), (1, b"exec"), (2, b"oops")], got
        assert (await started.inspect())["ExitCode"] == 0


@check
async def attach_speaks_websocket() -> None:
    async with docker() as client:
        socket = await client.containers.container("c1").websocket(stdin=True, stdout=True, stream=True)
        await socket.send_bytes(b"shout")
        assert await socket.receive_bytes() == b"SHOUT"
        await socket.close()


@check
async def events_and_pulls_are_streams_of_json() -> None:
    async with docker() as client:
        assert [step["status"] async for step in client.images.pull("image", stream=True)] == ["Pulling", "Done"]
        subscriber = client.events.subscribe()
        event = await subscriber.get()
        assert event is not None
        assert event["Action"] == "start"
        await client.events.stop()


@check
async def a_context_is_uploaded() -> None:
    async with docker() as client:
        with tempfile.TemporaryFile() as file:
            file.write(b"x" * 200_000)
            file.seek(0)
            steps = await client.images.build(fileobj=file, encoding="identity", tag="t")
        assert steps[0]["stream"] == "200000", steps


check.run()
