"""A map of a package's source: its modules, what each imports, how long its parts are.

Strategy: parse every file with `ast` and walk the whole tree, so that an import counts wherever it stands: at
the top, under TYPE_CHECKING, inside a function, or as `import_module("literal name")`. Nothing of the package
is executed. Names that are computed at run time are not seen.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name.

    target: the module, of the package or outside. name: what is taken from it, "" for the module itself.
    bound_as: the local name of an imported module, "" where none is bound.
    """

    target: str
    name: str
    bound_as: str
    line: int


@dataclass(frozen=True, slots=True)
class Span:
    """A function or class, and where it stands."""

    name: str
    line: int
    lines: int


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    path: Path
    text: str
    siblings: frozenset[str] = field(repr=False)  # the names of all modules of the package

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def line_count(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def imports(self) -> list[Import]:
        return [found for node in ast.walk(self.tree) for found in self._imports_in(node)]

    @cached_property
    def functions(self) -> list[Span]:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return [_span(node) for node in ast.walk(self.tree) if isinstance(node, kinds)]

    @cached_property
    def classes(self) -> list[Span]:
        return [_span(node) for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]

    @cached_property
    def comments(self) -> dict[int, str]:
        """The comment on each line that has one."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {t.start[0]: t.string for t in tokens if t.type == tokenize.COMMENT}

    def module_attributes(self) -> Iterator[tuple[str, str, int]]:
        """Yield (module, attribute, line) for each `module.attribute` written on an imported module."""
        modules = {i.bound_as: i.target for i in self.imports if i.bound_as}
        for node in ast.walk(self.tree):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in modules:
                    yield modules[name], attribute, node.lineno

    def _imports_in(self, node: ast.AST) -> Iterator[Import]:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(alias.name, "", alias.asname or alias.name, node.lineno)
            case ast.ImportFrom(names=names):
                source = self._absolute(node)
                for alias in names:
                    yield self._taken_from(source, alias, node.lineno)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield Import(name, "", "", node.lineno)

    def _taken_from(self, source: str, alias: ast.alias, line: int) -> Import:
        submodule = f"{source}.{alias.name}"
        if submodule in self.siblings:
            return Import(submodule, "", alias.asname or alias.name, line)
        return Import(source, alias.name, "", line)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parents = self.name.split(".")
        dropped = node.level - (self.path.name == "__init__.py")
        return ".".join([*parents[: len(parents) - dropped], *([node.module] if node.module else [])])


class CodeMap:
    """All modules of one package, and who reaches whom."""

    def __init__(self, folder: Path) -> None:
        """Read the package in `folder`, whose name is the folder's; hidden folders hold none of it."""
        found = [path for path in sorted(folder.rglob("*.py")) if "/." not in f"/{path.relative_to(folder).as_posix()}"]
        paths = {_module_name(folder, path): path for path in found}
        known = frozenset(paths)
        self.modules = {n: Module(n, path, path.read_text("utf-8"), known) for n, path in paths.items()}

    @cached_property
    def reach(self) -> dict[str, frozenset[str]]:
        """For each module the modules of the package that it imports, directly or through others."""
        direct = {
            name: {i.target for i in module.imports if i.target in self.modules}
            for name, module in self.modules.items()
        }
        return {name: _closure(name, direct) for name in direct}

    @cached_property
    def circles(self) -> list[list[str]]:
        """Groups of modules that all reach each other."""
        groups = {
            frozenset(other for other in reached if name in self.reach[other])
            for name, reached in self.reach.items()
            if name in reached
        }
        return sorted(sorted(group) for group in groups)


def _closure(start: str, direct: dict[str, set[str]]) -> frozenset[str]:
    reached: set[str] = set()
    frontier = set(direct[start])
    while frontier:
        reached |= frontier
        frontier = {target for name in frontier for target in direct[name]} - reached
    return frozenset(reached)


def _module_name(folder: Path, path: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _span(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Span:
    return Span(node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)
