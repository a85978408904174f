"""An application that no function makes."""

from trunkline import web


async def greet(request: web.Request) -> web.Response:
    return web.Response(text="ready")


app = web.Application()
app.router.add_get("/", greet)
