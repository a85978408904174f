"""Fuzzing with hypothesis, where atheris does not install: seeds, changed at random, and the smallest input found.

It does not see which code an input reaches, so it finds less in the same time. See `with_atheris`.
"""

import hashlib
import time
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from fuzz.corpus import seeds, work_folder
from fuzz.targets import TARGETS
from fuzz.tokens import TOKENS

_BATCH = 500  # examples between two looks at the clock: some seconds of the slowest target
_MAX_BYTES = 2048
_changes = st.lists(
    st.tuples(st.integers(0, _MAX_BYTES), st.integers(0, 4), st.sampled_from(TOKENS) | st.binary(max_size=8)),
    max_size=6,
)


def fuzz(target: str, seconds: float) -> bool:
    """Run one target; return whether nothing broke."""
    last = b""

    @settings(
        max_examples=_BATCH,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(_inputs([path.read_bytes() for path in seeds(target)]))
    def run(data: bytes) -> None:
        nonlocal last
        last = data
        TARGETS[target](data)

    runs, error = _repeat(run, seconds)
    if error is None:
        print(f"fuzz: {target}: nothing broke in {runs} runs (hypothesis)")
        return True
    broken = work_folder("broken", target) / f"crash-{hashlib.sha1(last, usedforsecurity=False).hexdigest()}"
    broken.write_bytes(last)  # hypothesis ends with the smallest input that it found
    print(f"fuzz: {target}: {type(error).__name__}: {error}")
    print(f"fuzz: {target}: BROKEN by {broken}; see it with: python -m fuzz --replay {target} {broken}")
    return False


def _inputs(corpus: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(_changed, st.sampled_from(corpus), _changes) | st.binary(max_size=64)


def _changed(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for position, removed, inserted in changes:
        at = position % (len(data) + 1)
        data = data[:at] + inserted + data[at + removed :]
    return data


def _repeat(run: Callable[[], None], seconds: float) -> tuple[int, Exception | None]:
    end = time.monotonic() + seconds
    batches = 0
    while time.monotonic() < end:
        try:
            run()
        except Exception as error:  # whatever breaks is what we look for
            return batches * _BATCH, error
        batches += 1
    return batches * _BATCH, None
