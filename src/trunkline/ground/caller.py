"""Who called us: the first frame outside this package, for warnings and errors that name the user's line.

Looking costs a frame or two. The whole stack, which costs a hundred times as much, is kept for loops in debug mode.
"""

import asyncio
import re
import sys
import traceback
from types import FrameType

_PACKAGE = __name__.partition(".")[0]
_MODULE = "<module>"  # the name of the code that runs when a module is imported, or is the program
_PLACE = re.compile(r"(.*?):(\d+)(?=[,\n]|$)", re.DOTALL)  # of `caller`; lazy, for a path may have a colon

MAX_LINES = 1024  # remembered by `is_repeated`, some 100 bytes each; ours: programs make sessions at a handful
_asked: set[str] = set()


def caller(is_debug: bool = False) -> str:
    """Return `file:line` of the innermost frame that is not ours, and whether its module was being imported.

    Where a task or a callback of the loop runs nothing but our code there is no such line; that is named instead.
    is_debug: of the loop; the stack that led there follows then, in lines of its own.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    code = frame.f_code
    if str(frame.f_globals.get("__name__")).partition(".")[0] == "asyncio":  # nobody else's frame is left
        made_at = _task_name()
    else:
        made_at = f"{code.co_filename}:{frame.f_lineno}"
    if code.co_name == _MODULE and _is_import(frame):
        made_at += ", while its module was imported"
    if is_debug:
        made_at += f"\n{''.join(traceback.format_stack(frame)).rstrip()}"
    return made_at


def _task_name() -> str:
    task = asyncio.current_task()
    return "a callback of the loop" if task is None else f"{task.get_name()}, a task of its own"


def caller_and_import() -> str:
    """Return what `caller` does, and the line of a module whose import led there; it looks at the whole stack."""
    made_at = caller()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_import(frame):
        frame = frame.f_back
    if frame is None:
        return made_at
    imported = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    return made_at if made_at.startswith(f"{imported},") else f"{made_at}, when {imported} called it while imported"


def place_of(made_at: str) -> tuple[str, int]:
    """Return the file and the line that `caller` told of."""
    found = _PLACE.match(made_at)
    assert found is not None
    return found[1], int(found[2])


def is_repeated(made_at: str) -> bool:
    """Tell whether this was asked of `made_at` before; only the first MAX_LINES are remembered."""
    if made_at in _asked:
        return True
    if len(_asked) < MAX_LINES:
        _asked.add(made_at)
    return False


def outer_level() -> int:
    """Return the `stacklevel` with which a warning of our caller names the innermost frame that is not ours."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == _PACKAGE:
        frame = frame.f_back
        level += 1
    return level


def _is_import(frame: FrameType) -> bool:
    return frame.f_code.co_name == _MODULE and frame.f_globals.get("__name__") != "__main__"
