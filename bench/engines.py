"""One adapter for each HTTP client, in that client's own fast idiom; every one reads the whole body.

All verify the certificate against the benchmark's CA, ignore proxies from the environment, and speak HTTP/1.1, or
HTTP/2 where a scenario wants it and they can. A library is imported when its adapter is made, so that a process holds
only the one it measures.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

Body = bytes | memoryview

TIMEOUT_S = 60  # httpx's default of 5 s would end requests that wait for a connection in scenario j


@dataclass(frozen=True, slots=True)
class Needs:
    """What a scenario asks of a client.

    limit: connections it may open; None for its own default.
    is_fresh: each request must open a connection of its own.
    http2: HTTP/2, from those that can speak it.
    """

    ca_file: Path
    limit: int | None
    is_fresh: bool
    http2: bool


class Engine(Protocol):
    """A client under test."""

    async def get(self, url: str) -> Body: ...
    async def post(self, url: str, document: object) -> Body: ...
    async def stream(self, url: str) -> int: ...
    async def __aenter__(self) -> Engine: ...
    async def __aexit__(self, *error: object) -> None: ...


# The clients' objects are Any below: the type checker must not need the five libraries.
class Aiohttp:
    """aiohttp, and trunkline, which has the same names."""

    def __init__(self, module: str, needs: Needs) -> None:
        aiohttp: Any = import_module(module)
        options = {} if needs.limit is None else {"limit": needs.limit}
        context = ssl.create_default_context(cafile=str(needs.ca_file))
        if needs.http2 and module == "trunkline":
            context.set_alpn_protocols(["h2", "http/1.1"])  # aiohttp would not understand the answer
        connector = aiohttp.TCPConnector(ssl=context, force_close=needs.is_fresh, **options)
        self._session = aiohttp.ClientSession(connector=connector)

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def get(self, url: str) -> Body:
        async with self._session.get(url) as response:
            body: Body = await response.read()
            return body

    async def post(self, url: str, document: object) -> Body:
        async with self._session.post(url, json=document) as response:
            body: Body = await response.read()
            return body

    async def stream(self, url: str) -> int:
        total = 0
        async with self._session.get(url) as response:
            async for chunk in response.content.iter_any():
                total += len(chunk)
        return total


class Httpx:
    def __init__(self, module: str, needs: Needs) -> None:
        httpx: Any = import_module(module)
        # By default httpx keeps 20 idle connections: in 64-way traffic it would reconnect all the time.
        idle = 0 if needs.is_fresh else 100
        limits = httpx.Limits(max_connections=needs.limit or 100, max_keepalive_connections=idle)
        context = ssl.create_default_context(cafile=str(needs.ca_file))
        self._client = httpx.AsyncClient(
            verify=context, limits=limits, timeout=TIMEOUT_S, trust_env=False, http2=needs.http2
        )

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    async def get(self, url: str) -> Body:
        body: Body = (await self._client.get(url)).content
        return body

    async def post(self, url: str, document: object) -> Body:
        body: Body = (await self._client.post(url, json=document)).content
        return body

    async def stream(self, url: str) -> int:
        total = 0
        async with self._client.stream("GET", url) as response:
            async for chunk in response.aiter_bytes():
                total += len(chunk)
        return total


class Pyreqwest:
    def __init__(self, module: str, needs: Needs) -> None:
        builder: Any = import_module(f"{module}.client").ClientBuilder()
        builder = builder.no_proxy().add_root_certificate_pem(needs.ca_file.read_bytes())
        builder = builder.http2_prior_knowledge() if needs.http2 else builder.http1_only()
        if needs.limit is not None:
            builder = builder.max_connections(needs.limit)
        if needs.is_fresh:
            builder = builder.pool_max_idle_per_host(0)
        self._client = builder.build()

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.close()

    async def get(self, url: str) -> Body:
        response = await self._client.get(url).build().send()
        body: Body = await response.bytes()
        return body

    async def post(self, url: str, document: object) -> Body:
        response = await self._client.post(url).body_json(document).build().send()
        body: Body = await response.bytes()
        return body

    async def stream(self, url: str) -> int:
        total = 0
        async with self._client.get(url).build_streamed() as response:
            reader = response.body_reader
            while (chunk := await reader.read_chunk()) is not None:
                total += len(chunk)
        return total


class Wreq:
    def __init__(self, module: str, needs: Needs) -> None:
        wreq: Any = import_module(module)
        options: dict[str, object] = {"headers": {"Connection": "close"}} if needs.is_fresh else {}
        options["http2_only" if needs.http2 else "http1_only"] = True
        self._client = wreq.Client(no_proxy=True, tls_verify=needs.ca_file, **options)
        # wreq bounds the connections it keeps, not those it opens; a semaphore is what its users write.
        self._slots = asyncio.Semaphore(needs.limit) if needs.limit is not None else None

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._client.close()

    async def get(self, url: str) -> Body:
        if self._slots is None:
            return await self._get(url)
        async with self._slots:
            return await self._get(url)

    async def _get(self, url: str) -> Body:
        async with self._client.get(url) as response:
            body: Body = await response.bytes()
            return body

    async def post(self, url: str, document: object) -> Body:
        # wreq's own json= takes ten times as long as json.dumps.
        headers = {"Content-Type": "application/json"}
        async with self._client.post(url, body=json.dumps(document), headers=headers) as response:
            body: Body = await response.bytes()
            return body

    async def stream(self, url: str) -> int:
        total = 0
        async with self._client.get(url) as response, response.stream() as chunks:
            async for chunk in chunks:
                total += len(chunk)
        return total


# In the order in which a round runs them. aiohttp comes first: its default loop is the 1 of every ratio.
ENGINES: dict[str, Callable[[str, Needs], Engine]] = {
    "aiohttp": Aiohttp,
    "trunkline": Aiohttp,
    "httpx": Httpx,
    "pyreqwest": Pyreqwest,
    "wreq": Wreq,
}
