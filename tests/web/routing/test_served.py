"""Routing as a client sees it, over a socket."""

from tests.web.serving import serving
from trunkline.web.app import Application
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.routing import routedef
from trunkline.web.routing.class_view import View


async def echo(request: Request) -> Response:
    return Response(text=f"{dict(request.match_info)} {await request.text()}")


class SomeView(View):
    async def get(self) -> Response:
        return Response(text="view")


def application() -> Application:
    app, sub = Application(), Application()
    sub.router.add_get("/{x}", echo)
    app.add_routes([routedef.get("/d/{name}", echo), routedef.post("/d/{name}", echo), routedef.view("/v", SomeView)])
    app.add_subapp("/sub", sub)
    return app


async def test_values_of_the_path_arrive_decoded_and_refusals_name_the_methods() -> None:
    async with serving(application()) as server:
        for path, status, body in (
            ("/d/a%2Fb%20c", 200, b"{'name': 'a/b c'} "),
            ("/sub/%C3%A9", 200, "{'x': 'é'} ".encode()),
            ("/v", 200, b"view"),
            ("/d/a/b", 404, b"404: Not Found"),
        ):
            answer = await server.get(path)
            assert (answer[0], answer[2]) == (status, body)
        for line, allow in ((b"PUT /d/a", "GET,HEAD,POST"), (b"POST /v", "GET"), (b"POST /sub/a", "GET,HEAD")):
            refused = await server.ask(line + b" HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            assert (refused[0], refused[1]["allow"]) == (405, allow)


async def test_a_body_that_waits_is_invited_only_where_there_is_a_route() -> None:
    request = b"POST %b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    async with serving(application()) as server:
        async with await server.talk() as talk:
            talk.send(request % b"/d/a")
            assert await talk.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
            talk.send(b"hi")
            assert (await talk.response())[2] == b"{'name': 'a'} hi"
        assert (await server.ask(request % b"/nowhere"))[0] == 404
        assert (await server.ask(request.replace(b"100-continue", b"tea") % b"/d/a"))[0] == 417
