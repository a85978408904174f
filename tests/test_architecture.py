"""The architecture's rules, each a plain function from the map of the source to the places that break it.

Every rule runs over Trunkline, where it must find nothing, and over small bad examples, where it must find
the fault: no rule is green because it is blind. The figures are printed at the end of every run. Nesting,
names and prose are not checked here: ruff and reviewers see them.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.code_map import CodeMap, Module, Span

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src"
TRUNKLINE = CodeMap(SOURCE / "trunkline")

# From the ground up: a layer imports itself and what stands before it. `client` and `web` share a step and
# never import each other.
STEPS = (
    ("ground",),
    ("wire",),
    ("transport",),
    ("body",),
    ("conn",),
    ("pool",),
    ("client", "web"),
    ("testing",),
    ("compat",),
    ("cli",),
    ("top",),
)
HEIGHT = {layer: height for height, layers in enumerate(STEPS) for layer in layers}

# Modules that users type at the root, and the layer whose rules they follow (docs/adr/001).
ROOT_MODULES = {
    "hdrs": "ground",
    "abc": "ground",
    "errors": "client",
    "test_utils": "testing",
    "pytest_plugin": "testing",
    "compat": "compat",
    "compat_distribution": "compat",
    "compat_names": "compat",
    "as_aiohttp": "top",
    "__main__": "top",
}

WIRE_NEVER_IMPORTS = {
    "asyncio", "concurrent", "logging", "select", "selectors", "socket", "ssl", "threading", "time",
}  # fmt: skip
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80
AIM_FUNCTION_LINES = 50
BIG_CLASS_LINES = 300

TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore")
WITH_CODE = re.compile(r"# type: ignore\[[\w-]+(?:, ?[\w-]+)*\]")
WITH_REASON = re.compile(WITH_CODE.pattern + r"\s+# (?!noqa)\S")

# What `import trunkline` must not load: the layers beside and above the client, and protocols that few use.
NOT_AT_IMPORT = re.compile(
    r"trunkline\.(web|testing|cli|test_utils|pytest_plugin)\b"
    r"|trunkline\..*h(ttp)?[23]\b"
    r"|(qh3|rich|trustme|uvloop|aiodns|python_socks|prometheus_client|opentelemetry)\b"
)


def layer_of(module: str) -> str:
    """Name the layer of a module; "" for one that has none."""
    first = module.split(".")[1] if "." in module else "top"
    layer = ROOT_MODULES.get(first, first)
    return layer if layer in HEIGHT else ""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def every_module_has_a_layer(code: CodeMap) -> Iterator[str]:
    for module in code.modules.values():
        if not layer_of(module.name):
            yield f"{module.path}: no layer; move it into one, or name it in ROOT_MODULES with an ADR"


def no_import_goes_up_or_across(code: CodeMap) -> Iterator[str]:
    for module in code.modules.values():
        source = layer_of(module.name)
        for found in module.imports:
            target = layer_of(found.target) if is_own(found.target) else ""
            if target and target != source and HEIGHT[target] >= HEIGHT.get(source, 0):
                yield f"{module.path}:{found.line}: {source} imports {found.target}, of {target}"


def no_modules_import_in_a_circle(code: CodeMap) -> Iterator[str]:
    for circle in code.circles:
        yield " <-> ".join(circle)


def wire_needs_no_loop_socket_or_clock(code: CodeMap) -> Iterator[str]:
    for name in code.modules:
        if layer_of(name) == "wire":
            for reached in sorted({name} | code.reach[name]):
                for target in impure_imports(code.modules[reached]):
                    yield f"{name} imports {target}" + (f" by way of {reached}" if reached != name else "")


def no_private_name_leaves_its_file(code: CodeMap) -> Iterator[str]:
    for module in code.modules.values():
        for found in module.imports:
            if is_own(found.target) and any(map(is_private, [*found.target.split("."), found.name])):
                yield f"{module.path}:{found.line}: takes {found.target} {found.name}".rstrip()
        for target, attribute, line in module.module_attributes():
            if is_own(target) and is_private(attribute):
                yield f"{module.path}:{line}: takes {target}.{attribute}"


def no_file_is_too_long(code: CodeMap) -> Iterator[str]:
    for module in code.modules.values():
        if module.line_count > MAX_FILE_LINES:
            yield f"{module.path}: {module.line_count} lines; at most {MAX_FILE_LINES}"


def no_function_is_too_long(code: CodeMap) -> Iterator[str]:
    for module in code.modules.values():
        for function in module.functions:
            if function.lines > MAX_FUNCTION_LINES:
                yield f"{module.path}:{function.line}: {function.name} has {function.lines} lines"


def every_type_ignore_has_code_and_reason(code: CodeMap) -> Iterator[str]:
    for module in code.modules.values():
        for line, comment in module.comments.items():
            if TYPE_IGNORE.search(comment) and not is_reasoned(module, line):
                yield f"{module.path}:{line}: wants a [code], and a reason behind it or on the line above"


def is_own(module: str) -> bool:
    return module.split(".")[0] == "trunkline"


def impure_imports(module: Module) -> set[str]:
    return {i.target for i in module.imports if i.target.split(".")[0] in WIRE_NEVER_IMPORTS}


def is_reasoned(module: Module, line: int) -> bool:
    comment = module.comments[line]
    above = module.text.splitlines()[line - 2].lstrip() if line > 1 else ""
    said_above = above.startswith("#") and not TYPE_IGNORE.search(above)
    return bool(WITH_REASON.search(comment) or (said_above and WITH_CODE.search(comment)))


Rule = Callable[[CodeMap], Iterator[str]]
RULES: tuple[Rule, ...] = (
    every_module_has_a_layer,
    no_import_goes_up_or_across,
    no_modules_import_in_a_circle,
    wire_needs_no_loop_socket_or_clock,
    no_private_name_leaves_its_file,
    no_file_is_too_long,
    no_function_is_too_long,
    every_type_ignore_has_code_and_reason,
)

BAD_EXAMPLES: tuple[tuple[Rule, dict[str, str]], ...] = (
    (every_module_has_a_layer, {"utils.py": ""}),
    (no_import_goes_up_or_across, {"pool/idle.py": "from trunkline.client.session import ClientSession"}),
    (no_import_goes_up_or_across, {"wire/a.py": "def f():\n    import trunkline.body.stream"}),
    (no_import_goes_up_or_across, {"wire/a.py": "from ..body.stream import StreamReader"}),
    (no_import_goes_up_or_across, {"wire/a.py": "import_module('trunkline.pool.key')"}),
    (no_import_goes_up_or_across, {"client/send.py": "from trunkline import ClientSession"}),
    (no_import_goes_up_or_across, {"client/a.py": "from trunkline.web import app"}),
    (no_import_goes_up_or_across, {"web/a.py": "from trunkline import errors", "errors.py": ""}),
    (no_import_goes_up_or_across, {"web/a.py": "from trunkline.client.session import ClientSession"}),
    (no_import_goes_up_or_across, {"web/a.py": "from trunkline.test_utils import TestServer"}),
    (no_import_goes_up_or_across, {"testing/a.py": "from trunkline.cli.main import main"}),
    (no_modules_import_in_a_circle, {"wire/a.py": "from . import b", "wire/b.py": "from .a import x"}),
    (
        no_modules_import_in_a_circle,
        {
            "wire/a.py": "if TYPE_CHECKING:\n    from trunkline.wire.b import B",
            "wire/b.py": "import trunkline.wire.c",
            "wire/c.py": "def f():\n    from trunkline.wire.a import A",
        },
    ),
    (wire_needs_no_loop_socket_or_clock, {"wire/a.py": "from asyncio.streams import StreamReader"}),
    (
        wire_needs_no_loop_socket_or_clock,
        {"wire/a.py": "from trunkline import abc", "abc.py": "import socket"},
    ),
    (no_private_name_leaves_its_file, {"wire/a.py": "from trunkline.wire.b import _table"}),
    (no_private_name_leaves_its_file, {"wire/a.py": "import trunkline.wire._table"}),
    (no_private_name_leaves_its_file, {"wire/a.py": "from . import b\nb._table()", "wire/b.py": ""}),
    (no_file_is_too_long, {"wire/a.py": "x = 1\n" * 401}),
    (no_function_is_too_long, {"wire/a.py": "def f():\n" + "    x = 1\n" * 80}),
    (every_type_ignore_has_code_and_reason, {"wire/a.py": "x = 1  # type: ignore  # because"}),
    (every_type_ignore_has_code_and_reason, {"wire/a.py": "x = 1  # type: ignore[assignment]"}),
    (every_type_ignore_has_code_and_reason, {"wire/a.py": "x = 1  # type: ignore[assignment]  # noqa: E501"}),
)

GOOD_EXAMPLE = {
    "__init__.py": "from trunkline.client.session import ClientSession\nfrom trunkline import hdrs",
    "hdrs.py": "",
    "wire/__init__.py": "",
    "wire/a.py": "from .b import __doc__\nfrom trunkline import hdrs\nimport enum",
    "wire/b.py": "# The stub lacks the overload.\nx = 1  # type: ignore[assignment]",
    "client/session.py": "import asyncio\nfrom trunkline.wire import a\na.parse()",
    "client/send.py": "x = 1  # type: ignore[misc]  # the stub is wrong",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_trunkline_keeps_the_rule(rule: Rule) -> None:
    broken = list(rule(TRUNKLINE))
    assert not broken, "\n".join(["", *broken])


@pytest.mark.parametrize(("rule", "files"), BAD_EXAMPLES)
def test_the_rule_sees_a_bad_example(rule: Rule, files: dict[str, str], tmp_path: Path) -> None:
    assert len(list(rule(written(files, tmp_path)))) == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_accepts_a_good_example(rule: Rule, tmp_path: Path) -> None:
    assert list(rule(written(GOOD_EXAMPLE, tmp_path))) == []


def test_every_type_ignore_in_the_tests_has_code_and_reason() -> None:
    broken = list(every_type_ignore_has_code_and_reason(CodeMap(TESTS)))
    assert not broken, "\n".join(["", *broken])


def test_importing_trunkline_loads_only_the_client() -> None:
    path = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, trunkline; print(*sorted(sys.modules), sep='\\n')"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "trunkline" in loaded
    assert [name for name in loaded if NOT_AT_IMPORT.match(name)] == []


def written(files: dict[str, str], folder: Path) -> CodeMap:
    """Write a package named trunkline that has these files, and map it."""
    for name, text in files.items():
        path = folder / "trunkline" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return CodeMap(folder / "trunkline")


def figures(code: CodeMap) -> Iterator[str]:
    """Yield the figures that tell at a glance whether the architecture holds, one per line."""
    modules = code.modules.values()
    functions = [(module, function) for module in modules for function in module.functions]
    big_classes = [(m, c) for m in modules for c in m.classes if c.lines > BIG_CLASS_LINES]
    wire = [module for module in modules if layer_of(module.name) == "wire"]
    wire_lines = sum(module.line_count for module in wire)
    cites = sum(len(re.findall(r"\bRFC ?\d{3,5}", module.text)) for module in wire)
    longest_file = max(modules, key=lambda m: m.line_count)

    yield f"modules {len(modules)}, lines {sum(m.line_count for m in modules):,}"
    yield f"circles {len(code.circles)}"
    yield f"upward imports {count(no_import_goes_up_or_across(code))}"
    yield f"files over {MAX_FILE_LINES} lines {count(no_file_is_too_long(code))}"
    yield f"longest file {longest_file.line_count} lines ({longest_file.name})"
    if functions:
        module, function = max(functions, key=lambda pair: pair[1].lines)
        yield f"longest function {described(module, function)}; aim {AIM_FUNCTION_LINES}"
    long_functions = sum(function.lines > AIM_FUNCTION_LINES for _, function in functions)
    yield f"functions over {AIM_FUNCTION_LINES} lines {long_functions}"
    yield f"classes over {BIG_CLASS_LINES} lines {', '.join(described(*c) for c in big_classes) or 0}"
    yield f"type: ignore without reason {count(every_type_ignore_has_code_and_reason(code))}"
    yield f"RFC cites per 1,000 lines of wire/ {1000 * cites / max(wire_lines, 1):.0f} (h11: 9)"


def count(found: Iterator[str]) -> int:
    return sum(1 for _ in found)


def described(module: Module, span: Span) -> str:
    return f"{span.lines} lines ({module.name}:{span.line} {span.name})"


class FiguresInSummary:
    """A pytest plugin that prints the figures at the end of the run."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("architecture")
        for line in figures(TRUNKLINE):
            terminalreporter.write_line(line)


@pytest.fixture(scope="module", autouse=True)
def _print_figures_at_the_end(pytestconfig: pytest.Config) -> None:
    pytestconfig.pluginmanager.register(FiguresInSummary(), "architecture-figures")
