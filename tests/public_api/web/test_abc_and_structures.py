"""The pages on abstract base classes and common structures, as far as the server has them."""

import json
import logging
from collections import ChainMap
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any

import pytest

import trunkline
from tests.web.serving import serving
from trunkline import abc, web

# Any in what follows: the abstract classes leave requests and responses to their users.


class FoundOrNot(abc.AbstractMatchInfo):
    """What a router of a user's own returns: one handler, or an error."""

    def __init__(self, handler: Callable[[Any], Awaitable[Any]] | None) -> None:
        self._handler = handler
        self._apps: tuple[Any, ...] = ()

    @property
    def handler(self) -> Callable[[Any], Awaitable[Any]]:
        return self._handler or self._refuse

    @property
    def expect_handler(self) -> Callable[[Any], Awaitable[Any]]:
        return self._expect

    @property
    def http_exception(self) -> web.HTTPException | None:
        return None if self._handler else web.HTTPNotFound(text="not by me")

    @property
    def apps(self) -> tuple[Any, ...]:
        return self._apps

    def add_app(self, app: Any) -> None:
        self._apps = (app, *self._apps)

    def freeze(self) -> None:
        pass

    def get_info(self) -> dict[str, Any]:
        return {}

    async def _expect(self, request: Any) -> None:
        raise web.HTTPExpectationFailed(text="expect nothing")

    async def _refuse(self, request: Any) -> Any:
        assert self.http_exception is not None
        raise self.http_exception


class ByHeader(abc.AbstractRouter):
    """A router that looks at a header instead of the path."""

    async def resolve(self, request: Any) -> FoundOrNot:
        return FoundOrNot(hello if "X-Hello" in request.headers else None)


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello")


async def test_a_router_and_its_matches_can_be_written_from_scratch() -> None:
    seen: list[int] = []

    @web.middleware
    async def note(request: web.Request, handler: Any) -> Any:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            seen.append(error.status)
            raise
        seen.append(response.status)
        return response

    with pytest.warns(DeprecationWarning, match="router"):
        app = web.Application(router=ByHeader(), middlewares=[note])
    async with serving(app) as served:
        assert (await served.get("/any/path", "X-Hello: 1"))[::2] == (200, b"Hello")
        assert (await served.get("/any/path"))[::2] == (404, b"not by me")
        assert (await served.get("/", "X-Hello: 1", "Expect: 100-continue"))[::2] == (417, b"expect nothing")
    assert seen == [200, 404]


class Greeting(abc.AbstractView):
    """A class-based view from the ground up: awaited for the response."""

    def __await__(self) -> Generator[Any, None, web.Response]:
        return self._answer().__await__()

    async def _answer(self) -> web.Response:
        return web.Response(text=f"{self.request.method} {self.request.path}")


async def test_a_view_can_be_written_from_scratch() -> None:
    app = web.Application()
    app.router.add_view("/view", Greeting)
    async with serving(app) as served:
        assert (await served.get("/view"))[2] == b"GET /view"


class Accounts(abc.AbstractAccessLogger):
    """An access logger that keeps its accounts, and can be switched off."""

    lines: list[tuple[str, int, bool]] = []  # noqa: RUF012 - the server makes the instance
    is_on = True

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        self.logger.info(self.log_format, request.path)
        self.lines.append((request.path, response.status, 0 <= time < 60))

    @property
    def enabled(self) -> bool:
        return self.is_on


@pytest.mark.parametrize("is_on", [True, False])
async def test_an_access_logger_of_ones_own(
    is_on: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Accounts, "lines", [])
    monkeypatch.setattr(Accounts, "is_on", is_on)
    caplog.set_level(logging.INFO)
    logger = logging.getLogger("tests.accounts")
    app = web.Application()
    app.router.add_get("/", hello)
    async with serving(app, access_log_class=Accounts, access_log=logger, access_log_format="asked: %s") as served:
        await served.get("/")
        await served.get("/none")
    assert Accounts.lines == ([("/", 200, True), ("/none", 404, True)] if is_on else [])
    messages = [record.getMessage() for record in caplog.records if record.name == logger.name]
    assert messages == (["asked: /", "asked: /none"] if is_on else [])


@pytest.mark.parametrize(
    "abstract",
    [abc.AbstractRouter, abc.AbstractMatchInfo, abc.AbstractView, abc.AbstractAccessLogger, abc.AbstractResolver],
)
def test_abstract_classes_cannot_be_made(abstract: Any) -> None:
    with pytest.raises(TypeError, match="abstract"):
        abstract()


def test_a_chain_of_mappings_is_read_only() -> None:
    first, second = {"a": 1}, {"a": 2, "b": 3}
    chain: Mapping[Any, Any] = trunkline.ChainMapProxy([first, second])
    assert isinstance(chain, Mapping)
    assert dict(chain) == dict(ChainMap(first, second))
    assert (chain["a"], chain["b"], chain.get("c"), "b" in chain, len(chain)) == (1, 3, None, True, 2)
    with pytest.raises(KeyError):
        chain["c"]
    with pytest.raises(TypeError):
        chain["a"] = 2  # type: ignore[index]  # the mistake
    second["c"] = 4
    assert chain["c"] == 4


async def test_config_dict_is_such_a_chain() -> None:
    key = web.AppKey("key", str)

    async def show(request: web.Request) -> web.Response:
        assert isinstance(request.config_dict, trunkline.ChainMapProxy)
        return web.Response(text=json.dumps(request.config_dict[key]))

    app, inner = web.Application(), web.Application()
    app[key] = "outer"
    inner.router.add_get("/", show)
    app.add_subapp("/in", inner)
    async with serving(app) as served:
        assert (await served.get("/in/"))[2] == b'"outer"'


def test_lists_of_an_application_are_frozen_once_it_runs() -> None:
    app = web.Application(middlewares=[])
    assert not app.middlewares.frozen
    app.freeze()
    assert app.middlewares.frozen
    with pytest.raises(RuntimeError):
        app.middlewares.append(lambda request, handler: handler(request))
