"""A server whose WebSockets say what they hear."""

from trunkline import web
from trunkline.testing.test_server import TestServer


def echo_server() -> TestServer:
    """Return a server, to be entered, with a WebSocket at "/"."""

    async def echo(request: web.BaseRequest) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async for message in websocket:
            await websocket.send_str(message.data)
        return websocket

    app = web.Application()
    app.router.add_get("/", echo)
    return TestServer(app)
