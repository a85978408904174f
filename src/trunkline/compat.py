"""`install_as_aiohttp()`: programs and libraries that import aiohttp get Trunkline.

One table says which of our modules hold the names of each of aiohttp's. A finder, asked before all others, makes a
module for each of these names when it is imported; the module looks a name up in our homes when it is first used, so
that `import aiohttp` loads no more than `import trunkline` does. The objects are ours, the same ones by both names.
Modules of aiohttp that are not in the table cannot be imported: a mixture of both packages would work for a while.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

AIOHTTP_VERSION = "3.14.5"  # whose API this is; libraries compare `aiohttp.__version__` with what they need

_ROOT = "aiohttp"
_HOMES: dict[str, tuple[str, ...]] = {
    "aiohttp": ("trunkline",),
    "aiohttp.abc": ("trunkline.abc",),
    "aiohttp.hdrs": ("trunkline.hdrs",),
    "aiohttp.pytest_plugin": ("trunkline.pytest_plugin",),
    "aiohttp.test_utils": ("trunkline.test_utils",),
    "aiohttp.web": ("trunkline.web",),
}
_MISSING = object()


def install_as_aiohttp() -> None:
    """Let `import aiohttp` and `from aiohttp import ...` give Trunkline, in the whole process from now on.

    Call it before anything imports aiohttp; calling it again does nothing. Raises RuntimeError when the real aiohttp
    was imported already: whoever did so would go on with the classes of another package.
    """
    if _FINDER in sys.meta_path:
        return
    real = sys.modules.get(_ROOT)
    if real is not None:
        raise RuntimeError(
            f"aiohttp was imported already, from {getattr(real, '__file__', 'an unknown place')}; "
            "call trunkline.install_as_aiohttp() before the first import of aiohttp"
        )
    sys.meta_path.insert(0, _FINDER)


class _Finder:
    """Finds and makes the modules of the table, and refuses all others below aiohttp.

    A finder and loader by its methods alone: `importlib.abc` would cost every program that imports us 5 ms.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in _HOMES:
            return ModuleSpec(fullname, cast("Loader", self), origin=_HOMES[fullname][0], is_package=fullname == _ROOT)
        if fullname.startswith(f"{_ROOT}."):
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: trunkline stands in for aiohttp here and has no such module; "
                "import its names from aiohttp itself",
                name=fullname,
            )
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        ours = [import_module(home) for home in _HOMES[module.__name__]]
        module.__doc__ = ours[0].__doc__
        module.__dict__["__getattr__"] = partial(_look_up, module)
        module.__dict__["__dir__"] = partial(_names, module)
        names = [name for home in ours for name in getattr(home, "__all__", ())]
        if names:
            module.__dict__["__all__"] = names
        if module.__name__ == _ROOT:
            module.__dict__["__version__"] = AIOHTTP_VERSION


def _look_up(module: ModuleType, name: str) -> object:
    """Return what `module`, one of aiohttp's, has by this name, and keep it there."""
    submodule = f"{module.__name__}.{name}"
    value = import_module(submodule) if submodule in _HOMES else _of_ours(module, name)
    if value is _MISSING:
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r} (trunkline stands in for aiohttp)")
    setattr(module, name, value)
    return value


def _names(module: ModuleType) -> list[str]:
    names = {name for home in _HOMES[module.__name__] for name in dir(import_module(home))}
    return sorted(name for name in names if _of_ours(module, name) is not _MISSING)


def _of_ours(module: ModuleType, name: str) -> object:
    if not name.startswith("_"):
        for home in _HOMES[module.__name__]:
            value = getattr(import_module(home), name, _MISSING)
            # Our folders are no modules of aiohttp's, even where they have the same name.
            if value is not _MISSING and not isinstance(value, ModuleType):
                return value
    return _MISSING


_FINDER = _Finder()
