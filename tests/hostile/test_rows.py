"""No row is without a test over sockets for each role that it concerns, no row is lost, and every named test exists."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.hostile.resource_rows import PROCESS, RESOURCES
from tests.hostile.rows import BOTH, CREDENTIALS, FRAMING, HTTP2, WEBSOCKET, Row

TESTS = Path(__file__).parents[1]
ROWS = (*FRAMING, *CREDENTIALS, *RESOURCES, *WEBSOCKET, *HTTP2, *PROCESS)
OURS = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).name}

IDS = {
    "framing": [
        "both-framings", "transfer-codings", "lengths", "chunk-syntax", "field-syntax", "request-lines",
        "bytes-for-nobody", "own-length", "late-chunk", "injection", "response-encoding",
    ],
    "credentials": ["redirects", "named-party", "cookies", "url-hosts"],
    "resources": [
        "bombs", "cut-short", "endless", "multipart", "slowloris", "stalled-writes", "expect", "static-files",
    ],
    "websocket": ["websocket"],
    "http2": ["http2-floods", "http2-windows", "http2-messages"],
    "process": [
        "certificates", "resumption", "names", "broken-connections", "cancellation", "close", "belonging",
        "descriptors", "dropped", "server-header",
    ],
}  # fmt: skip

# What opens sockets for a test: one that imports none of these shows nothing over sockets.
OPENERS = {
    "tests.client.raw_websocket",
    "tests.dnsmasq",
    "tests.h2_server",
    "tests.nginx",
    "tests.public_api.whole_program",
    "tests.raw_server",
    "tests.torture.client_flows",
    "tests.torture.server_flows",
    "tests.torture.stepping",
    "tests.transport.conftest",
    "tests.web.h2_client",
    "tests.web.processes",
    "tests.web.raw_websocket",
    "tests.web.serving",
    "trunkline.testing.loopback",
}


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((TESTS / file).read_text("utf-8"))


def names_of_tests(file: str) -> Iterator[str]:
    for node in tree(file).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def imports_of(file: str) -> set[str]:
    nodes = list(ast.walk(tree(file)))
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def over_sockets(row: Row) -> tuple[str, ...]:
    return row.client + row.server


def test_no_row_is_missing() -> None:
    sections = (FRAMING, CREDENTIALS, RESOURCES, WEBSOCKET, HTTP2, PROCESS)
    assert [[row.id for row in rows] for rows in sections] == list(IDS.values())
    assert len(ROWS) == len({row.id for row in ROWS}) == 37
    assert all(row.input and row.required for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_role_that_a_row_concerns_has_a_test_over_sockets(row: Row) -> None:
    assert set(row.roles) <= set(BOTH)
    assert [role for role in BOTH if getattr(row, role)] == list(row.roles)
    for named in over_sockets(row):
        file = named.partition("::")[0]
        assert imports_of(file) & OPENERS, f"{file} opens no socket"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_test_that_a_row_names_exists(row: Row) -> None:
    for named in (*over_sockets(row), *row.units):
        file, _, name = named.partition("::")
        assert (TESTS / file).is_file(), f"{file} is not there"
        assert name in set(names_of_tests(file)), f"{file} has no test {name}"


def test_every_test_of_this_folder_stands_for_a_row() -> None:
    named = {test for row in ROWS for test in over_sockets(row)}
    for file in sorted(OURS):
        for name in names_of_tests(f"hostile/{file}"):
            assert f"hostile/{file}::{name}" in named, f"{name} stands for no row"
