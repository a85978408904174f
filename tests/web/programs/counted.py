"""An application that counts requests begun and ended, and writes both to stderr when it ends.

It is what run_app, `python -m trunkline.web` and gunicorn serve in the tests.
"""

from __future__ import annotations

import asyncio
import os
import sys

from trunkline.web.app import Application
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.run_app import run_app

_DELAY_S = 0.002  # so that many requests are under way at any time
_MANY = 300  # requests, with which it is in the middle of a load


class Counts:
    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0

    async def answer(self, request: Request) -> Response:
        self.begun += 1
        if self.begun == _MANY:
            sys.stderr.write("many requests have come\n")
        if "delay" in request.query:
            sys.stderr.write("a slow request has begun\n")
        await asyncio.sleep(float(request.query.get("delay", _DELAY_S)))
        self.ended += 1
        return Response(text=f"{os.getpid()} {request.scheme}")

    async def tell(self, app: Application) -> None:
        sys.stderr.write(f"{self.begun} begun, {self.ended} ended\n")


def make_app(arguments: list[str] | None = None) -> Application:
    counts = Counts()
    app = Application()
    app.router.add_get("/", counts.answer)
    app.on_cleanup.append(counts.tell)
    if arguments is not None:
        sys.stderr.write(f"arguments {arguments}\n")
    return app


async def make_app_later() -> Application:
    await asyncio.sleep(0)
    return make_app()


app = make_app()
not_callable = 1


def make_nothing() -> None:
    """Return no application."""


if __name__ == "__main__":
    loop = None
    if "uvloop" in sys.argv:
        import uvloop

        loop = uvloop.new_event_loop()
    run_app(app, host="127.0.0.1", port=0, access_log=None, loop=loop)
