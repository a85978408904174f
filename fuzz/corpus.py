"""The seed corpora: small files in `corpus/<target>/`, each named after what it shows or what it broke.

Inputs that a run found beyond them, and those that broke something, lie in `.work/`, which is not kept. What broke
something is copied into the corpus together with the fix; `python -m fuzz --grow` adds what reaches new code.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"
WORK: Final = HERE / ".work"


def seeds(target: str) -> Iterator[Path]:
    """Yield the files of a target's corpus, in order."""
    yield from sorted(path for path in (CORPUS / target).iterdir() if path.is_file())


def work_folder(kind: str, target: str) -> Path:
    """Return a folder for what a run finds; kind: `reached` or `broken`."""
    folder = WORK / kind / target
    folder.mkdir(parents=True, exist_ok=True)
    return folder
