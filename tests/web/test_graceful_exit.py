import asyncio

import pytest

from trunkline.web.graceful_exit import GracefulExit


def test_a_program_that_does_not_catch_it_ends_with_status_one() -> None:
    assert issubclass(GracefulExit, SystemExit)
    assert GracefulExit().code == 1


async def _handle_everything() -> None:
    try:
        raise GracefulExit()
    except Exception:
        pytest.fail("a handler for errors caught it")


def test_it_passes_through_a_handler_for_all_errors_and_out_of_the_loop() -> None:
    with pytest.raises(GracefulExit):
        asyncio.run(_handle_everything())
