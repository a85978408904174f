"""The scenarios: what is asked of the server, how many at a time, and what the answer must look like.

A letter names the same scenario everywhere: on the command line, in results.json, in targets.py, in the docs.
`import` is not in this table: it sends nothing, and is measured in imports.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SMALL_BODY = b"Hello, world!\n"
MEDIUM_BYTES = 100 * 1024
LARGE_BYTES = 10 * 1024 * 1024
LONG_RUN = 2.5  # scenario j keeps 1,000 requests waiting: each shall have a few turns


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of traffic.

    answer_bytes: length that every answer must have; None where the answer tells about the connection.
    limit: connections that the client may open; None leaves the client's own default.
    http2: clients that can speak it; the others speak HTTP/1.1 to the same server.
    stretch: how much longer than the others this scenario is measured.
    """

    title: str
    action: Literal["get", "stream", "post"]
    path: str
    concurrency: int
    answer_bytes: int | None
    tls: bool = False
    http2: bool = False
    limit: int | None = None
    stretch: float = 1.0

    @property
    def is_fresh(self) -> bool:
        """Tell whether each request must open a connection of its own."""
        return self.path == "/fresh"


SCENARIOS: dict[str, Scenario] = {
    "a": Scenario("sequential small GET", "get", "/small", 1, len(SMALL_BODY)),
    "b": Scenario("64-way small GET", "get", "/small", 64, len(SMALL_BODY)),
    "c": Scenario("64-way small GET over TLS", "get", "/small", 64, len(SMALL_BODY), tls=True),
    "d": Scenario("16-way GET of 100 KB", "get", "/medium", 16, MEDIUM_BYTES),
    "e": Scenario("GET of 10 MB, streamed", "stream", "/large", 1, LARGE_BYTES),
    "f": Scenario("16-way POST of 10 KB JSON", "post", "/post", 16, len(SMALL_BODY)),
    "h": Scenario("new TLS connection for each GET", "get", "/fresh", 1, None, tls=True),
    "i": Scenario("64-way small GET over HTTP/2", "get", "/small", 64, len(SMALL_BODY), tls=True, http2=True),
    "j": Scenario(
        "1,000-way small GET on 100 connections",
        "get",
        "/small",
        1000,
        len(SMALL_BODY),
        limit=100,
        stretch=LONG_RUN,
    ),
    "k": Scenario("GET of 10 MB over TLS, streamed", "stream", "/large", 1, LARGE_BYTES, tls=True),
    "l": Scenario("GET of 10 MB over HTTP/2, streamed", "stream", "/large", 1, LARGE_BYTES, tls=True, http2=True),
}


def document() -> dict[str, object]:
    """Return the object that scenario f posts: about 10 KB once it is JSON."""
    rows = [
        {"id": i, "name": f"item number {i}", "price": i * 1.25, "sold": i % 3 == 0, "tags": ["new", "sale"]}
        for i in range(108)
    ]
    return {"rows": rows}
