"""The event loop of a test under pytest: which one it is, and who runs coroutines on it.

pytest-asyncio runs them where it is active: all tests in its auto mode, the marked ones in its strict mode. This
plugin runs what is left, so that it also works alone; tests marked for anyio are not touched. Both share one loop
within a test, the `loop` fixture, with which asynchronous fixtures run as well.

PYTEST_DONT_REWRITE: `trunkline.pytest_plugin` imports it before pytest does, see there.
"""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from trunkline.testing.loops import LoopFactory, loop_context

try:
    import pytest_asyncio.plugin
except ImportError:
    pytest_asyncio = None  # type: ignore[assignment]  # the module is optional

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment]  # the module is optional

Loop = asyncio.AbstractEventLoop

# Options.


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; the names are aiohttp's, so that command lines stay as they are."""
    group = parser.getgroup("trunkline")
    group.addoption("--aiohttp-fast", action="store_true", help="run tests faster by disabling extra checks")
    group.addoption(
        "--aiohttp-loop", default="pyloop", help="run tests with specific loop: pyloop, uvloop or all; by commas"
    )
    group.addoption("--aiohttp-enable-loop-debug", action="store_true", help="enable event loop debug mode")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a loop that cannot be had."""
    chosen = _chosen_loops(config)
    if _is_asyncio_active(config) and list(chosen) != ["pyloop"]:
        raise pytest.UsageError(
            f"--aiohttp-loop={config.getoption('--aiohttp-loop')}, but pytest-asyncio makes the loops here;"
            " choose them with its hook pytest_asyncio_loop_factories, or turn it off with -p no:asyncio"
        )


def _chosen_loops(config: pytest.Config) -> dict[str, LoopFactory]:
    available: dict[str, LoopFactory] = {"pyloop": asyncio.new_event_loop}
    if uvloop is not None:
        available["uvloop"] = uvloop.new_event_loop
    wanted: str = config.getoption("--aiohttp-loop")
    names = list(available) if wanted == "all" else wanted.split(",")
    unknown = [name for name in names if name not in available]
    if unknown:
        raise pytest.UsageError(f"--aiohttp-loop names {unknown}; available are {list(available)}, or all of them: all")
    return {name: available[name] for name in names}


def _is_asyncio_active(config: pytest.Config) -> bool:
    return pytest_asyncio is not None and config.pluginmanager.is_registered(pytest_asyncio.plugin)


# Coroutines as tests and as fixtures.


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses the loop once with each loop chosen."""
    if "loop_factory" in metafunc.fixturenames:
        chosen = _chosen_loops(metafunc.config)
        metafunc.parametrize("loop_factory", list(chosen.values()), ids=list(chosen))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a coroutine test that is ours the loop, as its first fixture: the others may need it."""
    if isinstance(item, pytest.Function) and _is_run_here(item) and "loop" not in item.fixturenames:
        item.fixturenames.insert(0, "loop")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a coroutine test in the loop."""
    test = pyfuncitem.obj
    if not _is_run_here(pyfuncitem):
        return (yield)
    loop = cast(Loop, pyfuncitem.funcargs["loop"])
    pyfuncitem.obj = lambda **arguments: loop.run_until_complete(test(**arguments))
    try:
        with _failing_at_runtime_warnings():
            return (yield)
    finally:
        pyfuncitem.obj = test


@pytest.hookimpl(wrapper=True, trylast=True)  # so that pytest-asyncio takes its fixtures first
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Run an asynchronous fixture in the loop."""
    function = fixturedef.func
    is_generator = inspect.isasyncgenfunction(function)
    if not (is_generator or inspect.iscoroutinefunction(function)) or _is_of_anyio(request.fixturenames):
        return (yield)
    loop: Loop = request.getfixturevalue("loop")
    bound = _bound(function, request.instance)

    def await_value(**arguments: object) -> object:
        return loop.run_until_complete(bound(**arguments))

    def iterate_values(**arguments: object) -> Iterator[object]:
        values: AsyncGenerator[object, None] = bound(**arguments)
        yield loop.run_until_complete(anext(values))
        loop.run_until_complete(_end(values))

    fixturedef.func = iterate_values if is_generator else await_value  # type: ignore[misc]  # as pytest-asyncio does
    try:
        return (yield)
    finally:
        fixturedef.func = function  # type: ignore[misc]  # the definition serves other tests, too


def _is_run_here(item: pytest.Function) -> bool:
    if not inspect.iscoroutinefunction(item.obj) or _is_of_anyio(item.fixturenames):
        return False
    return pytest_asyncio is None or not pytest_asyncio.is_async_test(item)


def _is_of_anyio(fixture_names: list[str]) -> bool:
    return "anyio_backend" in fixture_names


# `...` and Any: a fixture may take and return whatever it likes.
def _bound(function: Callable[..., Any], instance: object) -> Callable[..., Any]:
    """Bind the fixture of a class to the instance that the test runs on."""
    if inspect.ismethod(function) and isinstance(instance, type(function.__self__)):
        method: Callable[..., Any] = function.__func__.__get__(instance)
        return method
    return function


async def _end(values: AsyncGenerator[object, None]) -> None:
    async for _ in values:
        await values.aclose()
        raise ValueError("the fixture yields a second time; an asynchronous fixture yields once")


@contextmanager
def _failing_at_runtime_warnings() -> Iterator[None]:
    """Fail when a RuntimeWarning comes up: most often it tells of a coroutine that was never awaited."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    for warning in caught:
        if not issubclass(warning.category, RuntimeWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    bad = [f"{w.filename}:{w.lineno}: {w.message}" for w in caught if issubclass(w.category, RuntimeWarning)]
    if bad:
        raise RuntimeError("\n".join([f"{len(bad)} RuntimeWarning in this test; mend what it tells of:", *bad]))


# Fixtures: the loop.


@pytest.fixture
def fast(request: pytest.FixtureRequest) -> bool:
    """Whether --aiohttp-fast was given: no garbage collection behind each test."""
    return bool(request.config.getoption("--aiohttp-fast"))


@pytest.fixture
def loop_debug(request: pytest.FixtureRequest) -> bool:
    """Whether --aiohttp-enable-loop-debug was given."""
    return bool(request.config.getoption("--aiohttp-enable-loop-debug"))


@pytest.fixture
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """What makes the loop; the first of --aiohttp-loop where a test does not ask for `loop`."""
    return next(iter(_chosen_loops(request.config).values()))


@pytest.fixture
def loop(request: pytest.FixtureRequest, loop_factory: LoopFactory, fast: bool, loop_debug: bool) -> Iterator[Loop]:
    """Return an instance of the event loop."""
    if _is_asyncio_active(request.config):
        yield request.getfixturevalue("_loop_of_pytest_asyncio")
        return
    with loop_context(loop_factory, fast=fast) as made:
        if loop_debug:
            made.set_debug(True)
        yield made


if pytest_asyncio is not None:

    @pytest_asyncio.fixture
    async def _loop_of_pytest_asyncio(loop_debug: bool) -> AsyncIterator[Loop]:
        running = asyncio.get_running_loop()
        if loop_debug:
            running.set_debug(True)
        yield running
