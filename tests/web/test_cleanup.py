"""CleanupContext: what was entered is left, in reverse order, whatever fails on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from trunkline.web.cleanup import CleanupContext, CleanupError

Context = Callable[[list[str]], AsyncIterator[None]]
Seen = list[str]


def context(name: str, *, start: BaseException | None = None, stop: BaseException | None = None) -> Context:
    """Make a context that notes its start and stop in the application, here a list, and may fail at either."""

    async def generator(app: Seen) -> AsyncIterator[None]:
        app.append(f"+{name}")
        if start is not None:
            raise start
        yield
        app.append(f"-{name}")
        if stop is not None:
            raise stop

    return generator


async def entered(*callbacks: Context) -> tuple[CleanupContext, Seen]:
    contexts, seen = CleanupContext(), Seen()
    contexts.extend(callbacks)
    await contexts.enter(seen)
    return contexts, seen


async def test_contexts_are_left_in_reverse_order_and_once() -> None:
    contexts, seen = await entered(context("a"), context("b"))
    await contexts.leave(seen)
    await contexts.leave(seen)
    assert seen == ["+a", "+b", "-b", "-a"]


async def test_context_managers_are_taken_as_well() -> None:
    class Manager:
        def __init__(self, app: Seen) -> None:
            self.app = app

        async def __aenter__(self) -> None:
            self.app.append("+b")

        async def __aexit__(self, *error: object) -> None:
            self.app.append(f"-b {error}")

    contexts, seen = CleanupContext(), Seen()
    contexts.append(asynccontextmanager(context("a")))
    contexts.append(Manager)
    await contexts.enter(seen)
    await contexts.leave(seen)
    assert seen == ["+a", "+b", "-b (None, None, None)", "-a"]


@pytest.mark.parametrize("error", [KeyError("no"), asyncio.CancelledError()])
async def test_after_a_failed_start_only_what_was_entered_is_left(error: BaseException) -> None:
    contexts, seen = CleanupContext(), Seen()
    contexts.extend([context("a"), context("b", start=error), context("c")])
    with pytest.raises(type(error)):
        await contexts.enter(seen)
    await contexts.leave(seen)
    assert seen == ["+a", "+b", "-a"]


async def test_one_error_is_raised_as_it_is_after_the_others_were_left() -> None:
    contexts, seen = await entered(context("a"), context("b", stop=KeyError("no")), context("c"))
    with pytest.raises(KeyError, match="no"):
        await contexts.leave(seen)
    assert seen[3:] == ["-c", "-b", "-a"]


async def test_several_errors_are_raised_together() -> None:
    first, second = KeyError("first"), OSError("second")
    contexts, seen = await entered(context("a", stop=second), context("b", stop=first))
    with pytest.raises(CleanupError, match="Multiple errors on cleanup stage") as raised:
        await contexts.leave(seen)
    assert raised.value.exceptions == [first, second]


async def test_cancellation_among_errors_stays_a_cancellation() -> None:
    cancelled = asyncio.CancelledError()
    contexts, seen = await entered(context("a", stop=cancelled), context("b", stop=KeyError("no")))
    with pytest.raises(asyncio.CancelledError) as raised:
        await contexts.leave(seen)
    assert raised.value is cancelled
    assert isinstance(cancelled.__cause__, CleanupError)


async def test_a_generator_that_yields_twice_is_an_error() -> None:
    async def twice(app: Seen) -> AsyncIterator[None]:
        yield
        yield

    contexts, seen = await entered(twice)
    with pytest.raises(RuntimeError, match="didn't stop"):
        await contexts.leave(seen)


async def test_a_function_that_returns_no_context_is_refused() -> None:
    def no_context(app: Seen) -> Awaitable[None]:
        return asyncio.sleep(0)

    contexts = CleanupContext()
    contexts.append(no_context)  # type: ignore[arg-type]  # the mistake under test
    with (
        pytest.warns(RuntimeWarning, match="never awaited"),
        pytest.raises(TypeError, match="returned <coroutine object sleep"),
    ):
        await contexts.enter(Seen())
