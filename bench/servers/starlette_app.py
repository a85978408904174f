"""The program of uvicorn with starlette.

Run as `python -m bench.servers.starlette_app LOOP PORT FOLDER`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from bench.servers.answers import BODY, BODY_TYPE, GREETING, ROUTES

KEEP_ALIVE_S = 300  # the default of 5 s would end idle connections while they are counted
LOOPS = {"default": "asyncio", "uvloop": "uvloop"}


# Any: the type checker must not need starlette.
def application(folder: str) -> Any:
    """Return the application."""
    responses: Any = import_module("starlette.responses")
    routing: Any = import_module("starlette.routing")
    static: Any = import_module("starlette.staticfiles")

    async def greet(request: Any) -> Any:
        return responses.JSONResponse(GREETING)

    async def send_body(request: Any) -> Any:
        return responses.Response(BODY, media_type=BODY_TYPE)

    async def show_id(request: Any) -> Any:
        return responses.JSONResponse({"id": request.path_params["id"]})

    async def count_bytes(request: Any) -> Any:
        return responses.JSONResponse({"bytes": len(await request.body())})

    routes = [
        routing.Route("/json", greet),
        routing.Route("/body", send_body),
        routing.Route("/post", count_bytes, methods=["POST"]),
        routing.Mount("/static", static.StaticFiles(directory=folder)),
        *(routing.Route(f"/things{i}/{{id}}", show_id) for i in range(ROUTES)),
    ]
    return import_module("starlette.applications").Starlette(routes=routes)


def main() -> None:
    loop, port, folder = sys.argv[1:]
    import_module("uvicorn").run(
        application(folder),
        host="127.0.0.1",
        port=int(port),
        loop=LOOPS[loop],
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )


if __name__ == "__main__":
    main()
