"""`trunkline run`: runs a program that is built on aiohttp on Trunkline, with no change to the program.

It runs as `python script.py` or `python -m module` would run it, by `runpy`: as `__main__`, with its own `sys.argv` and
`sys.path[0]`, exit code, and tracebacks without our frames. Processes that it starts in turn are not affected.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from trunkline.compat import install_as_aiohttp

# Python's own exit codes for these.
_NO_MODULE = 1
_NO_SCRIPT = 2


def run_program(name: str, arguments: Sequence[str], *, is_module: bool) -> int:
    """Run a module, or the script at the path `name` (a folder or zip file with a `__main__.py`, too).

    Return the exit code, unless the program ends with an exception of its own, SystemExit among them.
    """
    path = Path.cwd() if is_module else Path(name).resolve()
    sys.argv = ["-m" if is_module else name, *arguments]
    if not sys.flags.safe_path:
        sys.path[0] = str(path if path.is_dir() else path.parent)
    install_as_aiohttp()
    try:
        return _run_module(name) if is_module else _run_script(name)
    except BaseException:
        _hide_own_frames()
        raise


def _run_script(name: str) -> int:
    path = Path(name).absolute()
    if not path.exists():
        print(f"trunkline run: cannot find {str(path)!r}; give a script's path, or -m and a module", file=sys.stderr)
        return _NO_SCRIPT
    runpy.run_path(str(path), run_name="__main__")
    return 0


def _run_module(name: str) -> int:
    if not _is_runnable(name):
        print(f"trunkline run: no module {name!r}, or a package without __main__", file=sys.stderr)
        return _NO_MODULE
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def _is_runnable(name: str) -> bool:
    try:
        spec = find_spec(name)
        is_package = spec is not None and spec.submodule_search_locations is not None
        return spec is not None and (not is_package or find_spec(f"{name}.__main__") is not None)
    except ModuleNotFoundError as error:
        if f"{name}.__main__.".startswith(f"{error.name}."):
            return False
        raise  # one that the program itself imports


def _hide_own_frames() -> None:
    """Let tracebacks begin with the program's first frame, whoever prints them."""
    show = sys.excepthook

    def show_program(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        trace = _within_program(trace)
        show(kind, error.with_traceback(trace), trace)

    sys.excepthook = show_program


def _within_program(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_globals is not globals():
        trace = trace.tb_next  # those who called us
    while trace is not None and trace.tb_frame.f_globals["__name__"] in (__name__, "runpy"):
        trace = trace.tb_next
    return trace
