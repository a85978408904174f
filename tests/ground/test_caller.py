"""`caller`: the user's line, and what is said about it."""

import asyncio
import importlib.util
import runpy
from pathlib import Path
from types import ModuleType

import pytest

from tests.raw_server import RawServer, replying
from trunkline import ClientSession
from trunkline.ground.caller import caller, caller_and_import, place_of

MADE_AT = caller()


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_names_the_line_that_called() -> None:
    made_at = caller()
    assert made_at == f"{__file__}:{place_of(made_at)[1]}"
    assert Path(__file__).read_text("utf-8").splitlines()[place_of(made_at)[1] - 1] == "    made_at = caller()"


def test_in_debug_mode_the_stack_follows() -> None:
    made_at = caller(is_debug=True)
    first, *stack = made_at.splitlines()
    assert place_of(made_at) == place_of(first) == (__file__, int(first.rpartition(":")[2]))
    assert any("pytest" in line for line in stack)
    assert stack[-1].strip() == "made_at = caller(is_debug=True)"


def test_a_module_that_is_being_imported_is_told() -> None:
    file, line = place_of(MADE_AT)
    assert (file, f"{file}:{line}, while its module was imported") == (__file__, MADE_AT)


def test_the_main_module_is_run_and_not_imported(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("from trunkline.ground.caller import caller\n\nMADE_AT = caller()\n")
    as_program = runpy.run_path(str(program), run_name="__main__")["MADE_AT"]
    as_module = imported(program).MADE_AT
    assert as_program == f"{program}:3"
    assert as_module == f"{program}:3, while its module was imported"


def test_an_import_that_led_to_the_line_is_found(tmp_path: Path) -> None:
    program = tmp_path / "settings.py"
    program.write_text(
        "from trunkline.ground.caller import caller_and_import\n\n"
        "def make():\n    return caller_and_import()\n\nBY_CALL = make()\nDIRECT = caller_and_import()\n"
    )
    module = imported(program)
    by_call, direct = module.BY_CALL, module.DIRECT
    assert by_call == f"{program}:4, when {program}:6 called it while imported"
    assert direct == f"{program}:7, while its module was imported"
    assert module.make() == f"{program}:4"
    assert caller_and_import().startswith(f"{__file__}:")


@pytest.mark.parametrize(
    ("made_at", "place"),
    [
        ("/a/b.py:12", ("/a/b.py", 12)),
        ("C:\\a\\b.py:12", ("C:\\a\\b.py", 12)),
        ("/a:1/b.py:12, while its module was imported", ("/a:1/b.py", 12)),
        ('/a/b.py:12\n  File "/c.py:3", line 4', ("/a/b.py", 12)),
        ("<stdin>:1", ("<stdin>", 1)),
    ],
)
def test_the_place_is_found_again(made_at: str, place: tuple[str, int]) -> None:
    assert place_of(made_at) == place


async def test_a_task_that_runs_only_our_code_is_named() -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha"
    async with RawServer(replying(begun)) as server, ClientSession() as session:
        response = await asyncio.create_task(session._request("GET", server.url()), name="fetch-7")
        assert response._made_at == "fetch-7, a task of its own"
        response.close()
