"""elasticsearch's asynchronous client on its aiohttp node: documents, bulk, errors, compression, retries, TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from checks import Checks
from elasticsearch import AsyncElasticsearch, ConnectionError, ConnectionTimeout, NotFoundError
from elasticsearch.helpers import async_bulk

check = Checks()
PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
TYPE = "application/vnd.elasticsearch+json"


class Elastic:
    """Keeps documents in a dictionary."""

    def __init__(self) -> None:
        self.documents: dict[str, object] = {}
        self.encodings: list[str | None] = []
        self.failures = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.info),
            web.put("/i/_doc/{id}", self.put),
            web.get("/i/_doc/{id}", self.get),
            web.post("/i/_search", self.search),
            web.put("/_bulk", self.bulk),
            web.post("/_bulk", self.bulk),
        ]

    def answer(self, value: object, status: int = 200) -> web.Response:
        return web.Response(text=json.dumps(value), content_type=TYPE, headers=PRODUCT, status=status)

    async def info(self, request: web.Request) -> web.Response:
        if self.failures:
            self.failures -= 1
            return self.answer({}, 503)
        return self.answer({"version": {"number": "9.0.0"}, "auth": request.headers.get("Authorization")})

    async def put(self, request: web.Request) -> web.Response:
        self.encodings.append(request.headers.get("Content-Encoding"))
        self.documents[request.match_info["id"]] = json.loads(await request.read())
        return self.answer({"result": "created"}, 201)

    async def get(self, request: web.Request) -> web.Response:
        found = self.documents.get(request.match_info["id"])
        return self.answer({"found": found is not None, "_source": found}, 404 if found is None else 200)

    async def search(self, request: web.Request) -> web.Response:
        hits = [{"_id": name, "_source": value} for name, value in self.documents.items()]
        return self.answer({"hits": {"total": {"value": len(hits)}, "hits": hits}, "q": dict(request.query)})

    async def bulk(self, request: web.Request) -> web.Response:
        lines = (await request.text()).splitlines()
        items = [{"index": {"status": 201}} for _ in lines[::2]]
        return self.answer({"errors": False, "items": items})


@asynccontextmanager
async def elastic(
    tls: ssl.SSLContext | None = None, **arguments: object
) -> AsyncIterator[tuple[Elastic, AsyncElasticsearch]]:
    service = Elastic()
    app = web.Application()
    app.add_routes(service.routes())
    server = TestServer(app, scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    client = AsyncElasticsearch(f"{server.scheme}://127.0.0.1:{server.port}", **arguments)
    try:
        yield service, client
    finally:
        await client.close()
        await server.close()


@check
async def documents_are_put_and_got() -> None:
    async with elastic() as (_, client):
        assert (await client.index(index="i", id="1", document={"a": "\u00e4"}))["result"] == "created"
        assert (await client.get(index="i", id="1"))["_source"] == {"a": "\u00e4"}
        assert await client.exists(index="i", id="1")
        assert not await client.exists(index="i", id="2")
        assert (await client.search(index="i", query={"match_all": {}}))["hits"]["total"]["value"] == 1


@check
async def a_missing_document_is_an_error() -> None:
    async with elastic() as (_, client):
        try:
            await client.get(index="i", id="none")
        except NotFoundError as error:
            assert error.status_code == 404
        else:
            raise AssertionError("found")


@check
async def bulk_requests_pass() -> None:
    async with elastic() as (_, client):
        actions = [{"_index": "i", "_id": n, "n": n} for n in range(1200)]
        assert await async_bulk(client, actions) == (1200, [])


@check
async def bodies_are_compressed() -> None:
    async with elastic(http_compress=True) as (service, client):
        await client.index(index="i", id="1", document={"a": "x" * 5000})
        assert service.encodings == ["gzip"]


@check
async def a_login_is_sent() -> None:
    async with elastic(basic_auth=("user", "secret")) as (_, client):
        assert (await client.info())["auth"].startswith("Basic ")


@check
async def a_failure_is_tried_again() -> None:
    async with elastic(retry_on_status=[503], max_retries=3) as (service, client):
        service.failures = 2
        assert (await client.info())["version"]["number"] == "9.0.0"


@check
async def errors_of_the_connection_are_translated() -> None:
    client = AsyncElasticsearch("http://127.0.0.1:1", max_retries=0)
    try:
        await client.info()
    except ConnectionError:
        pass
    else:
        raise AssertionError("connected")
    finally:
        await client.close()


@check
async def a_timeout_is_translated() -> None:
    async def silent(reader: object, writer: object) -> None:
        await asyncio.sleep(5)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = AsyncElasticsearch(f"http://127.0.0.1:{port}", request_timeout=0.2, max_retries=0, retry_on_timeout=False)
    try:
        await client.info()
    except ConnectionTimeout:
        pass
    else:
        raise AssertionError("answered")
    finally:
        await client.close()
        server.close()


@check
async def tls_is_checked() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with elastic(context, ssl_context=trusting) as (_, client):
        assert (await client.info())["version"]["number"] == "9.0.0"
    async with elastic(context, max_retries=0) as (_, client):
        try:
            await client.info()
        except ConnectionError:
            pass
        else:
            raise AssertionError("an unknown authority was trusted")


check.run()
