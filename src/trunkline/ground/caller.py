"""Who called us: the first frame outside this package, for warnings that name the user's line."""

import sys

_PACKAGE = __name__.partition(".")[0]


def caller() -> str:
    """Return `file:line` of the innermost frame that is not ours."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def outer_level() -> int:
    """Return the `stacklevel` with which a warning of our caller names the innermost frame that is not ours."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame = frame.f_back
        level += 1
    return level
