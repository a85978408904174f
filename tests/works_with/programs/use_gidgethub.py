"""gidgethub's aiohttp half against a GitHub of ours: items, pages, posts, errors, rate limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import gidgethub
from aiohttp import web
from checks import Checks, serving
from gidgethub.aiohttp import GitHubAPI

check = Checks()
LIMITS = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "50", "X-RateLimit-Reset": "2000000000"}


async def item(request: web.Request) -> web.Response:
    return web.json_response({"agent": request.headers["User-Agent"], "body": await request.text()}, headers=LIMITS)


async def pages(request: web.Request) -> web.Response:
    number = int(request.query.get("page", "1"))
    link = {"Link": f'<{request.url.with_query(page=number + 1)}>; rel="next"'} if number < 3 else {}
    return web.json_response([number], headers={**LIMITS, **link})


async def missing(request: web.Request) -> web.Response:
    return web.json_response({"message": "Not Found"}, status=404, headers=LIMITS)


@asynccontextmanager
async def github() -> AsyncIterator[GitHubAPI]:
    routes = [web.route("*", "/item", item), web.get("/pages", pages), web.get("/missing", missing)]
    async with serving(*routes) as server, aiohttp.ClientSession() as session:
        yield GitHubAPI(session, "me", oauth_token="t", base_url=str(server.make_url("/")).rstrip("/"))


@check
async def an_item_is_got_and_posted() -> None:
    async with github() as api:
        assert (await api.getitem("/item"))["agent"] == "me"
        assert (await api.post("/item", data={"a": 1}))["body"] == '{"a": 1}'
        await api.put("/item")
        await api.delete("/item")
        assert api.rate_limit is not None
        assert api.rate_limit.remaining <= 50


@check
async def pages_follow_links() -> None:
    async with github() as api:
        assert [number async for number in api.getiter("/pages")] == [1, 2, 3]


@check
async def an_error_is_raised() -> None:
    async with github() as api:
        try:
            await api.getitem("/missing")
        except gidgethub.BadRequest as error:
            assert error.status_code == 404
        else:
            raise AssertionError("found")


check.run()
