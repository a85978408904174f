"""The program of aiohttp, and of trunkline, which has the same names.

Run as `python -m bench.servers.aiohttp_app MODULE LOOP PORT FOLDER`.
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from typing import Any

from bench.servers.answers import BODY, BODY_TYPE, GREETING, ROUTES


# Any: the type checker must not need aiohttp.
def application(web: Any, folder: str) -> Any:
    """Return the application, made of the names in `web`."""

    async def greet(request: Any) -> Any:
        return web.json_response(GREETING)

    async def send_body(request: Any) -> Any:
        return web.Response(body=BODY, content_type=BODY_TYPE)

    async def show_id(request: Any) -> Any:
        return web.json_response({"id": request.match_info["id"]})

    async def count_bytes(request: Any) -> Any:
        return web.json_response({"bytes": len(await request.read())})

    app = web.Application()
    app.add_routes([web.get("/json", greet), web.get("/body", send_body), web.post("/post", count_bytes)])
    app.add_routes([web.get(f"/things{i}/{{id}}", show_id) for i in range(ROUTES)])
    app.add_routes([web.static("/static", folder)])
    return app


def main() -> None:
    module, loop, port, folder = sys.argv[1:]
    web: Any = import_module(f"{module}.web")
    new_loop = import_module("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    options = {"access_log": None, "print": None, "loop": new_loop()}
    if module == "trunkline":
        options["http2"] = "prior-knowledge"
    web.run_app(application(web, folder), host="127.0.0.1", port=int(port), **options)


if __name__ == "__main__":
    main()
