"""The demo's progress: a live bar for each style on a terminal, a line now and then elsewhere.

Both are given as a function from a style to the function that counts one of its requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Step = Callable[[], None]
StepOf = Callable[[str], Step]

_REQUESTS_PER_UPDATE = 20  # ours; an update takes a lock, which should not show in the figures
_LINES_PER_STYLE = 4  # ours; enough to see that it moves


@contextmanager
def live_bars(console: Console, styles: tuple[str, ...], requests: int) -> Iterator[StepOf]:
    """One bar for each style, drawn by rich in a thread of its own."""
    columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, refresh_per_second=5, expand=True) as progress:
        tasks = {style: progress.add_task(style, total=requests, start=False) for style in styles}

        def step_of(style: str) -> Step:
            task = tasks[style]
            progress.start_task(task)
            return _every(_REQUESTS_PER_UPDATE, requests, lambda done: progress.update(task, completed=done))

        yield step_of


@contextmanager
def plain_lines(console: Console, styles: tuple[str, ...], requests: int) -> Iterator[StepOf]:
    """A few lines for each style, as they happen."""
    width = max(map(len, styles))

    def step_of(style: str) -> Step:
        def show(done: int) -> None:
            console.print(f"{style:<{width}}  {done:,} of {requests:,} requests done")

        return _every(max(requests // _LINES_PER_STYLE, 1), requests, show)

    yield step_of


def _every(interval: int, last: int, show: Callable[[int], None]) -> Step:
    """Call `show` with the number of the step, at every `interval` steps and at the last."""
    numbers = count(1)

    def step() -> None:
        number = next(numbers)
        if number % interval == 0 or number == last:
            show(number)

    return step
