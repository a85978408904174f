"""Fuzzing with hypothesis, where atheris does not install: seeds, changed at random, and the smallest input found.

It does not see which code an input reaches, so it finds less in the same time. See `with_atheris`.
"""

import hashlib
import signal
import time
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, given, seed as seeded, settings, strategies as st

from fuzz.corpus import seeds, work_folder
from fuzz.finding import told
from fuzz.targets import TARGETS
from fuzz.tokens import TOKENS

_BATCH = 200  # examples between two looks at the clock: a second or two of the slowest target
_MAX_BYTES = 2048
_MAX_S = 10  # for one input; our slowest takes a tenth of a second
_changes = st.lists(
    st.tuples(st.integers(0, _MAX_BYTES), st.integers(0, 4), st.sampled_from(TOKENS) | st.binary(max_size=8)),
    max_size=6,
)


def fuzz(target: str, seconds: float, seed: int) -> tuple[bool, str]:
    """Run one target; return whether nothing broke, and the lines that tell of it."""
    last = b""

    @settings(
        max_examples=_BATCH,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(_inputs([path.read_bytes() for path in seeds(target)]))
    def run(data: bytes) -> None:
        nonlocal last
        last = data
        signal.alarm(_MAX_S)
        try:
            TARGETS[target](data)
        finally:
            signal.alarm(0)

    signal.signal(signal.SIGALRM, _end_overdue)
    runs, error = _repeat(run, seconds, seed)
    if error is None:
        return True, f"fuzz: {target}: nothing broke in {runs} runs (hypothesis)"
    broken = work_folder("broken", target) / f"crash-{hashlib.sha1(last, usedforsecurity=False).hexdigest()}"
    broken.write_bytes(last)  # hypothesis ends with the smallest input that it found
    return False, f"fuzz: {target}: {type(error).__name__}: {error}\n{told(target, broken)}"


def _end_overdue(*_: object) -> None:
    raise TimeoutError(f"one input took more than {_MAX_S} s")


def _inputs(corpus: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(_changed, st.sampled_from(corpus), _changes) | st.binary(max_size=64)


def _changed(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for position, removed, inserted in changes:
        at = position % (len(data) + 1)
        data = data[:at] + inserted + data[at + removed :]
    return data


def _repeat(run: Callable[[], None], seconds: float, seed: int) -> tuple[int, Exception | None]:
    end = time.monotonic() + seconds
    batches = 0
    while time.monotonic() < end:
        try:
            seeded(seed + batches)(run)()
        except Exception as error:  # whatever breaks is what we look for
            return batches * _BATCH, error
        batches += 1
    return batches * _BATCH, None
