"""put_around: middlewares run from the outermost in, each as part of its own application."""

from dataclasses import dataclass, field

import pytest

from trunkline.testing.mocked_request import make_mocked_request
from trunkline.web.handler_chain import Handler, Middleware, as_new_style, put_around
from trunkline.web.middlewares import middleware
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.stream_response import StreamResponse


@dataclass(eq=False)
class App:
    """What of an application a chain asks for."""

    name: str
    active_middlewares: list[Middleware] = field(default_factory=list)


class Passage:
    """Middlewares that note when they are passed, and as part of which application."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def middleware(self, name: str) -> Middleware:
        @middleware
        async def passing(request: Request, handler: Handler) -> StreamResponse:
            self.seen.append(f"{name} in {request.app.name}")
            response = await handler(request)
            self.seen.append(f"{name} out")
            return response

        return passing

    async def handler(self, request: Request) -> StreamResponse:
        """Answer, and note it."""
        self.seen.append(f"handler in {request.app.name}")
        return Response(text="done")


def request_of(apps: list[App]) -> Request:
    """A request that was routed through `apps`."""
    return make_mocked_request("GET", "/", app=apps[-1])  # type: ignore[arg-type]  # a stand-in


async def test_middlewares_run_in_order_around_the_handler() -> None:
    passage = Passage()
    app = App("app", [passage.middleware("a"), passage.middleware("b")])
    response = await put_around(passage.handler, [app])(request_of([app]))
    assert response.status == 200
    assert passage.seen == ["a in app", "b in app", "handler in app", "b out", "a out"]


async def test_each_middleware_sees_its_own_application() -> None:
    passage = Passage()
    outer, inner = App("outer", [passage.middleware("a")]), App("inner", [passage.middleware("b")])
    request = request_of([outer, inner])
    await put_around(passage.handler, [outer, inner])(request)
    assert passage.seen == ["a in outer", "b in inner", "handler in inner", "b out", "a out"]
    assert request.app is inner


async def test_the_application_is_restored_when_a_handler_raises() -> None:
    async def failing(request: Request) -> StreamResponse:
        raise KeyError("no")

    outer, inner = App("outer"), App("inner")
    request = request_of([outer, inner])
    with pytest.raises(KeyError):
        await put_around(failing, [outer, inner])(request)
    assert request.app is inner


async def test_a_middleware_can_read_the_handlers_attributes() -> None:
    names: list[str] = []

    @middleware
    async def naming(request: Request, handler: Handler) -> StreamResponse:
        names.append(handler.__name__)
        return await handler(request)

    app = App("app", [naming, naming])
    await put_around(Passage().handler, [app])(request_of([app]))
    assert names == ["handler", "handler"]


def test_a_marked_middleware_is_taken_as_it_is() -> None:
    marked = Passage().middleware("a")
    assert as_new_style(marked, App("app")) is marked


async def test_an_old_style_middleware_is_adapted_with_a_warning() -> None:
    passage = Passage()

    async def old_style(app: App, handler: Handler) -> Handler:
        async def passing(request: Request) -> StreamResponse:
            passage.seen.append(f"old in {app.name}")
            return await handler(request)

        return passing

    app = App("app")
    with pytest.warns(DeprecationWarning, match=r"old-style middleware .*old_style.* deprecated"):
        app.active_middlewares.append(as_new_style(old_style, app))
    await put_around(passage.handler, [app])(request_of([app]))
    assert passage.seen == ["old in app", "handler in app"]
