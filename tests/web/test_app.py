"""Application: its stages of life, signals in their order, nesting, and the way of a request through it."""

import asyncio
import logging
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from trunkline.abc import AbstractAccessLogger, AbstractMatchInfo, AbstractRouter
from trunkline.ground.logs import web_logger
from trunkline.testing.mocked_request import make_mocked_request
from trunkline.web.app import Application
from trunkline.web.exceptions import HTTPMethodNotAllowed, HTTPNotFound
from trunkline.web.handler_chain import Handler
from trunkline.web.keys import AppKey, NotAppKeyWarning
from trunkline.web.middlewares import middleware
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.routing.match_info import UrlMappingMatchInfo
from trunkline.web.routing.router import UrlDispatcher
from trunkline.web.routing.routes import SystemRoute
from trunkline.web.stream_response import StreamResponse

NAME = AppKey("name", str)
Seen = list[str]


async def handler(request: Request) -> StreamResponse:
    """Answer with the name of the application."""
    return Response(text=f"{request.app.get(NAME)} {dict(request.match_info)}")


async def answer(app: Application, method: str = "GET", path: str = "/", **fields: str) -> Any:
    """Let `app` answer; Any: tests know that it is a Response."""
    return await app._handle(make_mocked_request(method, path, fields))


def noting(seen: Seen, event: str) -> Callable[[Application], Awaitable[None]]:
    """Make a receiver that notes its application's name and `event`."""

    async def receive(app: Application) -> None:
        seen.append(f"{app[NAME]} {event}")

    return receive


def named(name: str, seen: Seen, **kwargs: Any) -> Application:  # Any: as Application's
    """Make an application that notes its signals, with a route at /."""
    app = Application(**kwargs)
    app[NAME] = name
    app.router.add_get("/", handler)
    for event in ("startup", "shutdown", "cleanup"):
        getattr(app, f"on_{event}").append(noting(seen, event))

    async def context(app: Application) -> AsyncIterator[None]:
        seen.append(f"{name} enter")
        yield
        seen.append(f"{name} leave")

    app.cleanup_ctx.append(context)
    return app


def test_an_application_begins_open_and_empty() -> None:
    app = Application()
    assert isinstance(app.router, UrlDispatcher)
    assert app.logger is web_logger
    assert not app.pre_frozen
    assert not app.frozen
    assert app
    assert len(app) == 0
    assert app() is app
    assert Application(logger=logging.getLogger("mine")).logger.name == "mine"


@pytest.mark.parametrize(
    "arguments", [{"loop": asyncio.SelectorEventLoop}, {"debug": lambda: True}, {"router": UrlDispatcher}]
)
def test_arguments_that_are_deprecated_are_taken_with_a_warning(arguments: dict[str, Callable[[], Any]]) -> None:
    made = {name: make() for name, make in arguments.items()}
    with pytest.warns(DeprecationWarning, match="argument is deprecated") as warned:
        Application(**made)
    assert warned[0].filename == __file__
    if "loop" in made:
        made["loop"].close()


def test_properties_that_are_deprecated_warn() -> None:
    app = Application()
    with pytest.warns(DeprecationWarning, match="loop property is deprecated"):
        assert app.loop is None
    with pytest.warns(DeprecationWarning, match="debug property is deprecated"):
        assert app.debug is ...


@pytest.mark.parametrize("is_debugging", [False, True])
async def test_once_started_debug_is_the_loops(is_debugging: bool) -> None:
    asyncio.get_running_loop().set_debug(is_debugging)
    app, nested = Application(), Application()
    app.add_subapp("/nested", nested)
    await app.startup()
    with pytest.warns(DeprecationWarning, match="debug property is deprecated"):
        assert (app.debug, nested.debug) == (is_debugging, is_debugging)


def test_inheriting_is_discouraged() -> None:
    with pytest.warns(DeprecationWarning, match="Inheritance class Mine from web.Application is discouraged") as warned:

        class Mine(Application):
            pass

    assert warned[0].filename == __file__


def test_a_router_that_is_none_is_refused() -> None:
    with pytest.warns(DeprecationWarning, match="router"), pytest.raises(TypeError, match="router is 5; wanted"):
        Application(router=5)  # type: ignore[arg-type]  # the mistake under test


def test_pre_freeze_closes_lists_and_router_but_not_the_store() -> None:
    app = Application()
    app.pre_freeze()
    assert app.pre_frozen
    assert not app.frozen
    for closed in (app.middlewares, app.on_startup, app.on_cleanup, app.cleanup_ctx, app.on_response_prepare):
        with pytest.raises(RuntimeError, match="Cannot modify frozen list"):
            closed.append(None)  # type: ignore[arg-type]  # refused before it is looked at
    with pytest.raises(RuntimeError):
        app.router.add_get("/", handler)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app[NAME] = "open"


def test_freeze_closes_nested_applications_too() -> None:
    app, nested = Application(), Application()
    app.add_subapp("/nested", nested)
    assert nested.pre_frozen
    assert not nested.frozen
    app.freeze()
    app.freeze()
    assert nested.frozen
    with pytest.warns(DeprecationWarning, match="Changing state"):
        nested[NAME] = "late"


async def test_signals_reach_nested_applications_where_they_were_added() -> None:
    seen = Seen()
    app, nested = named("outer", seen), named("nested", seen)
    app.add_subapp("/nested", nested)
    app.on_startup.append(noting(seen, "late startup"))
    app.freeze()
    await app.startup()
    assert seen == ["outer enter", "outer startup", "nested enter", "nested startup", "outer late startup"]
    seen.clear()
    await app.shutdown()
    await app.cleanup()
    assert seen == [
        "outer shutdown", "nested shutdown", "outer leave", "outer cleanup", "nested leave", "nested cleanup",
    ]  # fmt: skip


async def test_a_startup_that_fails_leaves_what_was_entered() -> None:
    async def failing(app: Application) -> None:
        raise KeyError("no")

    seen = Seen()
    app, nested = named("outer", seen), named("nested", seen)
    nested.on_startup.append(failing)
    app.add_subapp("/nested", nested)
    with pytest.raises(KeyError):
        await app.startup()
    assert seen == ["outer enter", "outer startup", "nested enter", "nested startup", "nested leave", "outer leave"]
    await app.cleanup()
    assert len(seen) == 6


async def test_cleanup_before_freeze_only_leaves_contexts() -> None:
    seen = Seen()
    app = named("app", seen)
    await app.startup()
    await app.cleanup()
    assert seen == ["app enter", "app startup", "app leave"]


async def test_a_cleanup_that_fails_leaves_the_contexts_of_nested_applications() -> None:
    async def failing(app: Application) -> None:
        raise KeyError("no")

    seen = Seen()
    app = Application()
    app.on_cleanup.append(failing)
    app.add_subapp("/a", named("a", seen))
    app.add_subapp("/b", named("b", seen))
    app.freeze()
    await app.startup()
    seen.clear()
    with pytest.raises(KeyError):
        await app.cleanup()
    assert seen == ["b leave", "a leave"]


def test_an_application_belongs_to_one_loop() -> None:
    app = Application()
    asyncio.run(app.startup())
    with pytest.raises(RuntimeError, match="make a new application for each loop"):
        asyncio.run(app.startup())


@pytest.mark.parametrize(("prefix", "error"), [("", ValueError), ("/", ValueError), ("//", ValueError), (5, TypeError)])
def test_a_nested_application_needs_a_prefix(prefix: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"(?i)prefix"):
        Application().add_subapp(prefix, Application())


def test_a_domain_is_a_str() -> None:
    with pytest.raises(TypeError, match="domain of a nested application is 5"):
        Application().add_domain(5, Application())  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize(("add", "place"), [(Application.add_subapp, "/nested"), (Application.add_domain, "a.example")])
def test_what_is_nested_is_an_open_application(add: Callable[..., object], place: str) -> None:
    frozen = Application()
    frozen.freeze()
    with pytest.raises(RuntimeError, match="Cannot add frozen application"):
        add(Application(), place, frozen)
    with pytest.raises(RuntimeError, match="Cannot add sub application to frozen application"):
        add(frozen, place, Application())
    with pytest.raises(TypeError, match="nested application is 5"):
        add(Application(), place, 5)


async def test_a_nested_application_answers_below_its_prefix_and_domain() -> None:
    seen = Seen()
    app = named("outer", seen)
    app.add_subapp("/nested/", named("nested", seen))
    app.add_domain("a.example", named("domain", seen))
    app.add_domain("*.b.example", named("mask", seen))
    app.freeze()
    for path, host, name in (
        ("/", "example", "outer"),
        ("/nested/", "example", "nested"),
        ("/", "a.example", "domain"),
        ("/", "x.b.example", "mask"),
    ):
        assert (await answer(app, path=path, Host=host)).text == f"{name} {{}}"


async def test_a_request_is_answered_by_its_routes_handler() -> None:
    app = Application()
    app.router.add_get("/{who}", handler)
    app.freeze()
    assert (await answer(app, path="/me")).text == "None {'who': 'me'}"


async def test_a_request_without_route_raises() -> None:
    app = Application()
    app.router.add_get("/", handler)
    app.freeze()
    with pytest.raises(HTTPNotFound):
        await answer(app, path="/nowhere")
    with pytest.raises(HTTPMethodNotAllowed):
        await answer(app, "POST")


def tagging(tag: str, seen: Seen) -> Callable[..., Awaitable[StreamResponse]]:
    """Make a middleware that notes its passing, the application and what was found."""

    @middleware
    async def note(request: Request, handler: Handler) -> StreamResponse:
        seen.append(f"{tag} {request.app[NAME]} {request.match_info.http_exception is None}")
        return await handler(request)

    return note


async def test_middlewares_of_all_applications_on_the_way_run() -> None:
    seen = Seen()
    app = named("outer", seen, middlewares=[tagging("a", seen)])
    nested = named("nested", seen, middlewares=[tagging("b", seen), tagging("c", seen)])
    app.add_subapp("/nested", nested)
    app.freeze()
    for _ in range(2):  # made, and kept
        seen.clear()
        assert (await answer(app, path="/nested/")).text == "nested {}"
        assert seen == ["a outer True", "b nested True", "c nested True"]
    seen.clear()
    await answer(app)
    assert seen == ["a outer True"]


async def test_middlewares_run_around_errors_of_the_router_too() -> None:
    seen = Seen()
    app = named("outer", seen, middlewares=[tagging("a", seen)])
    app.add_subapp("/nested", named("nested", seen))
    app.freeze()
    for path in ("/nowhere", "/nested/nowhere"):
        with pytest.raises(HTTPNotFound):
            await answer(app, path=path)
    assert seen == ["a outer False"] * 2
    assert app._chain.cache_info().currsize == 0


async def test_the_expect_handler_may_answer_in_the_handlers_place() -> None:
    async def refuse(request: Request) -> StreamResponse:
        return Response(status=403)

    async def agree(request: Request) -> None:
        request["agreed"] = True

    async def tell(request: Request) -> StreamResponse:
        return Response(text=str(request.get("agreed")))

    app = Application()
    app.router.add_get("/refuse", handler, expect_handler=refuse)
    app.router.add_get("/agree", tell, expect_handler=agree)
    app.freeze()
    assert (await answer(app, path="/refuse", Expect="anything")).status == 403
    with pytest.warns(NotAppKeyWarning):
        assert (await answer(app, path="/agree", Expect="anything")).text == "True"
    assert (await answer(app, path="/agree")).text == "None"


async def test_a_router_of_ones_own_is_awaited() -> None:
    class Router(AbstractRouter):
        async def resolve(self, request: Request) -> AbstractMatchInfo:
            return UrlMappingMatchInfo({"path": request.path}, SystemRoute(HTTPNotFound(text="mine")))

    with pytest.warns(DeprecationWarning, match="router argument"):
        app = Application(router=Router())
    app.freeze()
    with pytest.raises(HTTPNotFound) as raised:
        await answer(app)
    assert raised.value.text == "mine"


async def test_make_handler_is_deprecated_and_freezes() -> None:
    app = Application()
    with pytest.warns(DeprecationWarning, match="use AppRunner"):
        server = app.make_handler()
    assert app.frozen
    assert callable(server)


async def test_the_access_log_class_is_checked() -> None:
    class Mine(AbstractAccessLogger):
        def log(self, request: Request, response: StreamResponse, time: float) -> None:
            """Log nothing."""

    Application().make_server(access_log_class=Mine)
    for wrong in (object, 5):
        with pytest.raises(TypeError, match="access_log_class must be subclass of"):
            Application().make_server(access_log_class=wrong)  # type: ignore[arg-type]  # the mistake under test
