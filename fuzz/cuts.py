"""Ways to cut bytes into portions, as a network may."""

from collections.abc import Iterator

_SIZES = (1, 7)  # bytes by themselves, and portions that fit no structure of HTTP's


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Yield `data` in portions: all of them small."""
    for size in _SIZES:
        yield [data[at : at + size] for at in range(0, len(data), size)]
