"""Loops for tests without a runner."""

import asyncio

import pytest

from trunkline.testing.loops import loop_context, setup_test_loop, teardown_test_loop


def test_the_loop_is_the_threads_until_it_is_torn_down() -> None:
    loop = setup_test_loop()
    assert asyncio.get_event_loop() is loop
    teardown_test_loop(loop)
    assert loop.is_closed()
    with pytest.raises(RuntimeError, match="no current event loop"):
        asyncio.get_event_loop()


def test_the_loop_comes_from_the_factory() -> None:
    class MyLoop(asyncio.SelectorEventLoop):
        pass

    with loop_context(MyLoop, fast=True) as loop:
        assert type(loop) is MyLoop
        assert loop.run_until_complete(asyncio.sleep(0, "done")) == "done"
    assert loop.is_closed()


def test_a_loop_that_the_test_closed_can_be_torn_down() -> None:
    with loop_context() as loop:
        loop.close()


def test_an_error_closes_the_loop_as_well() -> None:
    with pytest.raises(KeyError), loop_context() as loop:
        raise KeyError
    assert loop.is_closed()


def test_callbacks_that_are_due_run_before_the_loop_closes() -> None:
    ran: list[bool] = []
    with loop_context() as loop:
        loop.call_soon(ran.append, True)
    assert ran == [True]
