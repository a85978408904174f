"""`install_as_aiohttp()`: programs and libraries that import aiohttp get Trunkline.

The table of `compat_names` says where the names of each of aiohttp's modules are. A finder, asked before all others,
makes a module for each row when it is imported; the module looks a name up in our homes when it is first used, so that
`import aiohttp` loads no more than `import trunkline` does, unless another finder stands before ours, as those of
monitoring agents do: it gets to see what aiohttp itself would import. The objects are ours, the same ones by both
names. Modules of aiohttp that are not in the table cannot be imported: a mixture of both would work for a while.

The finder also answers `importlib.metadata` for the distribution aiohttp, and our loggers take the names that aiohttp
documents: what a program sets up for `aiohttp.access` is set up for ours.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from threading import Lock
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, cast

from trunkline.compat_names import ERROR_MODULES, LOGGERS, MODULES, SHARED

if TYPE_CHECKING:
    from importlib.abc import InspectLoader, Loader
    from importlib.metadata import Distribution, DistributionFinder

_ROOT = "aiohttp"
_LOADED_WHEN_ASKED = {"aiohttp.web", "aiohttp.pytest_plugin", "aiohttp.test_utils", "aiohttp.worker"}
_MISSING = object()
_installing = Lock()


def install_as_aiohttp() -> None:
    """Let `import aiohttp` and `from aiohttp import ...` give Trunkline, in the whole process from now on.

    Call it before anything imports aiohttp; calling it again does nothing. Processes that this one starts are not
    affected. Raises RuntimeError when the real aiohttp was imported already, even in part: whoever did so would go on
    with the classes of another package.
    """
    with _installing:
        if _FINDER in sys.meta_path:
            return
        real = min(_real_modules(), default=None)
        if real is not None:
            raise RuntimeError(
                f"{real} was imported already, from {getattr(sys.modules[real], '__file__', 'an unknown place')}; "
                "call trunkline.install_as_aiohttp() before the first import of aiohttp"
            )
        sys.meta_path.insert(0, _FINDER)
        _rename_loggers()
        _rename_errors()


def _real_modules() -> Iterator[str]:
    """Name the modules of another aiohttp; those of one whose import failed half-way are still there."""
    for name, module in sys.modules.copy().items():  # another thread may import
        if name.partition(".")[0] == _ROOT and getattr(module, "__loader__", None) is not _FINDER:
            yield name


def _rename_loggers() -> None:
    loggers = logging.root.manager.loggerDict
    for ours, theirs in LOGGERS.items():
        if ours in loggers:  # else they were renamed before, and somebody removed the finder
            # Who has asked for aiohttp's logger before us holds another object, so both get one state.
            logging.getLogger(ours).__dict__ = logging.getLogger(theirs).__dict__
            loggers[theirs] = loggers.pop(ours)


def _rename_errors() -> None:
    """Let the errors of modules that are loaded say that they are aiohttp's, as far as they are to be found there."""
    for ours, theirs in ERROR_MODULES.items():
        module = sys.modules.get(ours)
        for name, value in vars(module).items() if module is not None else ():
            is_error = isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == ours
            if is_error and not name.startswith("_") and _found(theirs, name) is value:
                value.__module__ = theirs


class _Finder:
    """Finds and makes the modules of the table, and refuses all others below aiohttp.

    A finder and loader by its methods alone: `importlib.abc` would cost every program that imports us 5 ms.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in MODULES:
            spec = ModuleSpec(fullname, cast("Loader", self), origin=__file__, is_package=fullname == _ROOT)
            spec.has_location = True  # so that the modules have a `__file__`, which tells who made them
            return spec
        if fullname.startswith(f"{_ROOT}."):
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: trunkline stands in for aiohttp here and has no such module; "
                "import its names from aiohttp itself",
                name=fullname,
            )
        return None

    def find_distributions(self, context: DistributionFinder.Context) -> list[Distribution]:
        """Answer `importlib.metadata.version("aiohttp")` and the like."""
        if (context.name is not None and context.name.lower() != _ROOT) or "path" in vars(context):
            return []  # another distribution, or a look at certain folders
        from trunkline.compat_distribution import AiohttpDistribution  # importlib.metadata is large: docs/adr/009

        return [AiohttpDistribution()]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = f"Trunkline, by the name of {module.__name__}."
        module.__dict__["__getattr__"] = partial(_look_up, module)
        module.__dict__["__dir__"] = partial(_names, module.__name__)
        module.__dict__["__all__"] = _star_names(module.__name__)
        for home, theirs, _ in _entries(MODULES[module.__name__]):
            if theirs == "*":  # loaded by now; some look through `vars(module)` for all headers, or all exceptions
                module.__dict__.update(_public(home))
        _rename_errors()
        if sys.meta_path[0] is not self:
            _load_what_it_imports(module.__name__)

    def get_code(self, fullname: str) -> CodeType | None:
        """Return what `python -m` runs by this name; `aiohttp.web` is the one that is documented."""
        main = import_module(f"{next(iter(MODULES[fullname]))}.__main__")
        return cast("InspectLoader", main.__loader__).get_code(main.__name__)


def _load_what_it_imports(name: str) -> None:
    """Import what aiohttp's module of this name imports: a finder before ours may wait for it, to patch it."""
    if name in (_ROOT, f"{_ROOT}.web"):
        for other in MODULES:
            is_web = other.startswith(f"{_ROOT}.web_")
            if other not in _LOADED_WHEN_ASKED and is_web == (name != _ROOT):
                import_module(other)


def _look_up(module: ModuleType, name: str) -> object:
    """Return what `module`, one of aiohttp's, has by this name, and keep it there."""
    value = _found(module.__name__, name)
    if value is _MISSING:
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r} (trunkline stands in for aiohttp)")
    setattr(module, name, value)
    return value


def _found(module_name: str, name: str) -> object:
    if module_name == _ROOT and f"{_ROOT}.{name}" in MODULES:
        return import_module(f"{_ROOT}.{name}")
    for homes in (MODULES[module_name], {} if module_name == _ROOT else SHARED):
        for home, theirs, ours in _entries(homes):
            if theirs == name:
                return getattr(import_module(home), ours)
            if theirs == "*" and _is_public(name, value := getattr(import_module(home), name, None)):
                return value
    return _MISSING


def _names(module_name: str) -> list[str]:
    """List what the row of a module of aiohttp's has."""
    names: set[str] = set()
    for home, theirs, _ in _entries(MODULES[module_name]):
        names.update(_public(home) if theirs == "*" else [theirs])
    return sorted(names)


def _star_names(module_name: str) -> list[str]:
    """List what `from ... import *` takes."""
    names: list[str] = []
    for home, theirs, _ in _entries(MODULES[module_name]):
        names += getattr(import_module(home), "__all__", _public(home)) if theirs == "*" else [theirs]
    return [name for name in names if not name.startswith("_")]


def _entries(homes: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for home, names in homes.items():
        for entry in names.split():
            theirs, _, ours = entry.partition("=")
            yield home, theirs, ours or theirs


def _public(home: str) -> dict[str, object]:
    return {name: value for name, value in vars(import_module(home)).items() if _is_public(name, value)}


def _is_public(name: str, value: object) -> bool:
    # Our folders are no modules of aiohttp's, even where they have the same name.
    return value is not None and not name.startswith("_") and not isinstance(value, ModuleType)


_FINDER = _Finder()
