"""Runs inputs once more, without a fuzzer: the whole corpus, as CI does, or single files."""

import traceback
from collections.abc import Iterable
from pathlib import Path

from fuzz.targets import TARGETS


def replay(target: str, paths: Iterable[Path]) -> bool:
    """Run a target on files; return whether nothing broke, and print what did."""
    files = list(paths)
    broken = [path for path in files if not _is_sound(target, path)]
    print(f"fuzz: {target}: {len(files)} inputs replayed, {len(broken)} broken")
    return not broken


def _is_sound(target: str, path: Path) -> bool:
    try:
        TARGETS[target](path.read_bytes())
    except Exception:
        traceback.print_exc()
        print(f"fuzz: {target}: BROKEN by {path}")
        return False
    return True
