"""fsspec's HTTP file system: whole files, ranges, listings, globs, uploads, errors, synchronous and not."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import fsspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from checks import Checks
from fsspec.implementations.http import HTTPFileSystem

check = Checks()
DATA = bytes(range(256)) * 4096
LISTING = '<html><a href="one.bin">one.bin</a><a href="two.bin">two.bin</a><a href="sub/">sub/</a></html>'


@asynccontextmanager
async def files() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("one.bin", "two.bin"):
            (Path(folder) / name).write_bytes(DATA)

        async def put(request: web.Request) -> web.Response:
            (Path(folder) / request.match_info["name"]).write_bytes(await request.read())
            return web.Response(status=201)

        async def index(request: web.Request) -> web.Response:
            return web.Response(text=LISTING, content_type="text/html")

        app = web.Application(client_max_size=2**24)
        app.add_routes([web.get("/", index), web.post("/{name}", put), web.put("/{name}", put)])
        app.router.add_static("/", folder)
        async with TestServer(app) as server:
            yield str(server.make_url("/"))


async def in_thread(work: object, *arguments: object, **named: object) -> object:
    """fsspec's synchronous half has a loop of its own, which must not wait for ours."""
    return await asyncio.to_thread(work, *arguments, **named)  # type: ignore[arg-type]  # any callable


@check
async def whole_files_and_ranges_are_read() -> None:
    async with files() as url:
        fs = HTTPFileSystem(asynchronous=True, skip_instance_cache=True)
        session = await fs.set_session()
        assert isinstance(session, aiohttp.ClientSession)
        assert await fs._cat_file(url + "one.bin") == DATA
        assert await fs._cat_file(url + "one.bin", start=10, end=20) == DATA[10:20]
        both = await fs._cat([url + "one.bin", url + "two.bin"])
        assert all(content == DATA for content in both.values())
        await session.close()


@check
async def a_listing_is_parsed() -> None:
    async with files() as url:
        fs = HTTPFileSystem(asynchronous=True, skip_instance_cache=True)
        session = await fs.set_session()
        names = sorted(await fs._ls(url, detail=False))
        assert names == [url + "one.bin", url + "sub/", url + "two.bin"], names
        assert sorted(await fs._glob(url + "*.bin")) == [url + "one.bin", url + "two.bin"]
        await session.close()


@check
async def facts_of_a_file_are_told() -> None:
    async with files() as url:
        fs = HTTPFileSystem(asynchronous=True, skip_instance_cache=True)
        session = await fs.set_session()
        info = await fs._info(url + "one.bin")
        assert (info["size"], info["type"]) == (len(DATA), "file"), info
        assert await fs._exists(url + "one.bin")
        assert not await fs._exists(url + "none.bin")
        try:
            await fs._cat_file(url + "none.bin")
        except FileNotFoundError:
            pass
        else:
            raise AssertionError("found")
        await session.close()


@check
async def the_synchronous_half_seeks() -> None:
    def work(url: str) -> None:
        fs = fsspec.filesystem("http", skip_instance_cache=True, block_size=1000)
        with fs.open(url + "one.bin", "rb") as file:
            assert file.read(5) == DATA[:5]
            file.seek(-7, 2)
            assert file.read() == DATA[-7:]
        with fs.open(url + "two.bin", "rb", block_size=0) as stream:
            assert stream.read(1000) == DATA[:1000]
        with fsspec.open(url + "one.bin") as file:
            assert file.read() == DATA

    async with files() as url:
        await in_thread(work, url)


@check
async def files_are_got_and_put() -> None:
    def work(url: str, folder: str) -> None:
        fs = fsspec.filesystem("http", skip_instance_cache=True)
        fs.get(url + "one.bin", f"{folder}/got")
        assert Path(folder, "got").read_bytes() == DATA
        fs.put_file(f"{folder}/got", url + "three.bin")
        assert fs.cat(url + "three.bin") == DATA

    with tempfile.TemporaryDirectory() as folder:
        async with files() as url:
            await in_thread(work, url, folder)


@check
async def a_file_is_streamed_asynchronously() -> None:
    async with files() as url:
        fs = HTTPFileSystem(asynchronous=True, skip_instance_cache=True)
        session = await fs.set_session()
        file = await fs.open_async(url + "one.bin", size=len(DATA))
        assert await file.read(100) == DATA[:100]
        await file.close()
        await session.close()


@check
async def client_arguments_reach_the_session() -> None:
    async with files() as url:
        arguments = {"headers": {"X-Mine": "1"}, "timeout": aiohttp.ClientTimeout(total=5), "trust_env": True}
        fs = HTTPFileSystem(asynchronous=True, skip_instance_cache=True, client_kwargs=arguments)
        session = await fs.set_session()
        assert session.headers["X-Mine"] == "1"
        assert await fs._cat_file(url + "one.bin") == DATA
        await session.close()


check.run()
