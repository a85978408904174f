"""Bounds on what a piece of a test may allocate."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

MIB = 2**20


@contextmanager
def peak_below(limit_bytes: int) -> Iterator[None]:
    """Fail when more than `limit_bytes` are allocated at any time within the block."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit_bytes, f"{peak} bytes at the peak"
