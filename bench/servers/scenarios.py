"""The scenarios of the server half: what wrk asks, and the answer that every server must give.

A word names the same scenario on the command line, in results.json, in targets.py and in the docs. `idle` is not in
this table: it is about memory, and is measured in idle.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.servers.answers import BODY, GREETING, ROUTES

POST_BYTES = 10 * 1024
STATIC_BYTES = 32 * 1024  # a style sheet or a small picture


@dataclass(frozen=True, slots=True)
class ServerScenario:
    """One kind of traffic, over 64 connections.

    traffic: the name in wrk.lua that makes the requests.
    path: asked once before the load, to check the answer; under load, "routes" asks others of its kind.
    answer: the JSON document of the answer, or its length where it is no JSON.
    http2: by those that speak it, under h2load; aiohttp, which does not, is asked by HTTP/1.1.
    """

    title: str
    traffic: str
    path: str
    answer: dict[str, object] | int
    http2: bool = False

    @property
    def method(self) -> str:
        """Return the method of the requests."""
        return "POST" if self.traffic == "post" else "GET"


SCENARIOS: dict[str, ServerScenario] = {
    "json": ServerScenario("GET of small JSON", "get", "/json", dict(GREETING)),
    "body": ServerScenario("GET of 100 KB", "get", "/body", len(BODY)),
    "routes": ServerScenario(
        f"GET by one of {ROUTES:,} routes with a parameter", "routes", "/things500/7", {"id": "7"}
    ),
    "post": ServerScenario("POST of 10 KB", "post", "/post", {"bytes": POST_BYTES}),
    "http2": ServerScenario("64-way GET of small JSON over HTTP/2", "get", "/json", dict(GREETING), http2=True),
    "static": ServerScenario("GET of a static file of 32 KB", "get", "/static/file.bin", STATIC_BYTES),
}
