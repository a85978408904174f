"""The programs of `docs/sessions.md`, each run as it stands there, and what they print.

Numbers that differ from run to run (times, ports, addresses in memory) are not compared; counts are.
"""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import trunkline
from tests.examples.running import complaints, example
from tests.web.processes import server_process

PAGE = Path(__file__).parents[2] / "docs" / "sessions.md"
FLAGS = ("-W", "error::ResourceWarning", "-W", "error::DeprecationWarning")
ENDS = {"web_app.py": 0, "api.py": -signal.SIGTERM}  # uvicorn ends as the signal would have ended it

_PROGRAM = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_VARIES = re.compile(r"0x[0-9a-f]+|(?<=:)\d{4,5}\b|\d+(?:\.\d+)?(?= m?s\b)")


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    code: str
    printed: str


PROGRAMS = [
    Program(name, f"# {name}\n{code}", printed) for name, code, printed in _PROGRAM.findall(PAGE.read_text("utf-8"))
]
SERVERS = [program for program in PROGRAMS if program.name in ENDS]
SCRIPTS = [program for program in PROGRAMS if program.name not in ENDS]


def comparable(text: str) -> list[str]:
    """The words of `text`, wherever its lines end, without what varies."""
    return _VARIES.sub("N", " ".join(text.split())).split()


@pytest.fixture
async def upstream_port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setenv("PORT", "0")
    async with example("upstream") as upstream:
        yield str(urlsplit(await upstream.url()).port)
        assert await upstream.stop() == 0


def saved(program: Program, folder: Path, upstream_port: str) -> str:
    """Save `program` as the page says, but for its ports, which may be taken here."""
    path = folder / program.name
    path.write_text(program.code.replace(":8081", f":{upstream_port}").replace("port=8080", "port=0"), "utf-8")
    return str(path)


def test_every_python_block_is_a_program_that_is_run_here() -> None:
    assert PAGE.read_text("utf-8").count("```python") == len(PROGRAMS)
    assert {program.name for program in SERVERS} == set(ENDS)
    assert all(program.printed for program in SCRIPTS)


@pytest.mark.parametrize("program", SCRIPTS, ids=lambda program: program.name)
async def test_a_program_prints_what_the_page_shows(program: Program, tmp_path: Path, upstream_port: str) -> None:
    async with server_process(saved(program, tmp_path, upstream_port), flags=FLAGS) as process:
        status = await process.ended()
    printed = "\n".join(process.lines).replace(f"{tmp_path}/", "")
    assert comparable(printed) == comparable(program.printed)
    assert status == 0


@pytest.mark.parametrize("program", SERVERS, ids=lambda program: program.name)
async def test_an_application_serves_and_ends_in_good_order(
    program: Program, tmp_path: Path, upstream_port: str
) -> None:
    async with server_process(saved(program, tmp_path, upstream_port), flags=FLAGS) as process:
        async with trunkline.ClientSession(await process.url()) as session, session.get("/") as response:
            assert (await response.json())["id"] == 1
        assert await process.stop() == ENDS[program.name]
    assert complaints(process) == []
