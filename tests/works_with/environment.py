"""An environment for one library: a venv with real aiohttp and Trunkline in it, and the unpacked source distribution.

Both lie below `.work/`, are made when they are missing or when what they are made from has changed, and come from the
package index alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.works_with.libraries import Library

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WORK = HERE / ".work"
CONSTRAINTS = HERE / "constraints.txt"

RUNNER = ("pytest", "pytest-asyncio", "pytest-timeout")


@dataclass(frozen=True, slots=True)
class Environment:
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def source(self) -> Path:
        return self.folder / "source"


def environment(library: Library) -> Environment:
    """Return the environment of `library`, made if need be."""
    made = Environment(WORK / library.name)
    wanted = [*library.aiohttp, library.requirement, *RUNNER, *library.packages]
    recipe = "\n".join([*wanted, CONSTRAINTS.read_text()])
    stamp = made.folder / "recipe"
    if not stamp.exists() or stamp.read_text() != recipe:
        shutil.rmtree(made.folder, ignore_errors=True)
        _make_venv(made, wanted)
        if library.suite:
            _unpack(made, library)
        stamp.write_text(recipe)
    return made


def _make_venv(made: Environment, wanted: list[str]) -> None:
    _do(sys.executable, "-m", "venv", str(made.folder / "venv"))
    _pip(made, "install", "--constraint", str(CONSTRAINTS), *wanted, "--editable", str(ROOT))


def _unpack(made: Environment, library: Library) -> None:
    """Get the source distribution, whose one folder becomes `made.source`."""
    pinned = f"{library.name}=={library.version}"
    _pip(made, "download", "--no-deps", "--no-binary", library.name, "--dest", str(made.folder), pinned)
    (archive,) = made.folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(made.folder / "unpacked", filter="data")
    (unpacked,) = (made.folder / "unpacked").iterdir()
    unpacked.rename(made.source)
    # Where a suite has no configuration, pytest must not go up to that of Trunkline.
    (made.folder / "pytest.ini").write_text("[pytest]\n")


def _pip(made: Environment, *arguments: str) -> None:
    _do(str(made.python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
