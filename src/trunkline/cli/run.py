"""`trunkline run`: runs a program that is built on aiohttp on Trunkline, with no change to the program.

It runs as `python script.py` or `python -m module` would run it: as `__main__`, with its own `sys.argv` and
`sys.path[0]`, exit code, and tracebacks without our frames. Not by `runpy`, which takes the program's `__main__` away
as soon as its last line has run: threads, exit handlers and pools of processes that are still at work need it.
Processes that the program starts in turn are not affected.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import TYPE_CHECKING, cast

from trunkline.compat import install_as_aiohttp

if TYPE_CHECKING:
    from importlib.abc import InspectLoader

# Python's own exit codes for these.
_NO_MODULE = 1
_NO_SCRIPT = 2


def run_program(name: str, arguments: Sequence[str], *, is_module: bool) -> int:
    """Run a module, or the script at the path `name` (a folder or zip file with a `__main__.py`, too).

    Return the exit code, unless the program ends with an exception of its own, SystemExit among them.
    """
    sys.argv = ["-m" if is_module else name, *arguments]
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of our own command
    install_as_aiohttp()
    try:
        return _run_module(name) if is_module else _run_script(name)
    except BaseException:
        _hide_own_frames()
        raise


def _run_script(name: str) -> int:
    path = Path.cwd() / name  # not resolved, as Python's own `__file__`
    if not path.exists():
        print(f"trunkline run: cannot find {str(path)!r}; give a script's path, or -m and a module", file=sys.stderr)
        return _NO_SCRIPT
    main = PathFinder.find_spec("__main__", [str(path)])
    if main is not None:  # in a folder or zip file
        sys.path.insert(0, str(path))
        _run_found(main)
        return 0
    if not sys.flags.safe_path:
        sys.path.insert(0, str(path.resolve().parent))
    loader: SourceFileLoader | SourcelessFileLoader
    if path.suffix == ".pyc":
        loader = SourcelessFileLoader("__main__", str(path))
        code = loader.get_code("__main__")
    else:
        loader = SourceFileLoader("__main__", str(path))
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    _run_code(code, __file__=str(path), __loader__=loader, __package__=None, __cached__=None)
    return 0


def _run_module(name: str) -> int:
    if not sys.flags.safe_path:
        sys.path.insert(0, str(Path.cwd()))
    spec = _runnable(name)
    if spec is None:
        print(f"trunkline run: no module {name!r}, or a package without __main__", file=sys.stderr)
        return _NO_MODULE
    sys.argv[0] = spec.origin or sys.argv[0]
    _run_found(spec)
    return 0


def _runnable(name: str) -> ModuleSpec | None:
    """Find a module, or the `__main__` of a package."""
    try:
        spec = find_spec(name)
        is_package = spec is not None and spec.submodule_search_locations is not None
        return find_spec(f"{name}.__main__") if is_package else spec
    except ModuleNotFoundError as error:
        if f"{name}.__main__.".startswith(f"{error.name}."):
            return None
        raise  # one that the program itself imports


def _run_found(spec: ModuleSpec) -> None:
    code = cast("InspectLoader", spec.loader).get_code(spec.name)
    _run_code(
        code,
        __file__=spec.origin,
        __loader__=spec.loader,
        __package__=spec.parent,
        __cached__=spec.cached,
        __spec__=spec,
    )


def _run_code(code: CodeType | None, **names: object) -> None:
    """Run `code` as `__main__`. names: what the module has from the start."""
    if code is None:
        raise ImportError(f"no code in {names['__file__']}; wanted a Python program")
    main = ModuleType("__main__")
    vars(main).update(names, __builtins__=builtins)
    sys.modules["__main__"] = main
    exec(code, vars(main))


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
    while trace is not None and trace.tb_frame.f_globals is globals():
        trace = trace.tb_next
    return trace
