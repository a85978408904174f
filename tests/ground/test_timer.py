"""`TimerNoop`: a timer that limits nothing."""

from trunkline.ground.timer import BaseTimerContext, TimerNoop


def test_it_does_nothing() -> None:
    timer = TimerNoop()
    with timer as entered:
        timer.assert_timeout()
    assert entered is timer
    assert isinstance(timer, BaseTimerContext)
