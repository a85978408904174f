"""How a broken input is told: in full, and with what replays it, for CI keeps no disk on which to look for it."""

from base64 import b64encode
from pathlib import Path

from fuzz.corpus import HERE

_MAX_SHOWN_BYTES = 100  # as Python writes them; longer ones are in the base64 alone


def told(target: str, path: Path) -> str:
    """Return the lines about the input in `path` that broke `target`."""
    data = path.read_bytes()
    shown = repr(data) if len(data) <= _MAX_SHOWN_BYTES else f"{len(data)} bytes"
    return (
        f"fuzz: {target}: BROKEN by {shown}\n"
        f"fuzz: {target}: see it with: python -m fuzz --replay {target} {path.relative_to(HERE.parent)}\n"
        f"fuzz: {target}: elsewhere: echo {b64encode(data).decode()} | base64 -d >input; "
        f"python -m fuzz --replay {target} input"
    )
