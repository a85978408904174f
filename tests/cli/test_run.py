"""`trunkline run`, in processes of its own, beside what Python itself does with the same program."""

import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent.parent / "src"
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCE), *filter(None, sys.path)])}

DESCRIBE = (
    "import sys; print(sys.argv, sys.path[0], __name__, __package__, __file__, type(__loader__), __spec__ is None)\n"
)
FAIL = """
def inner():
    raise ValueError("broken")

def outer():
    inner()

outer()
"""
LEFT_OVER = """
import atexit, pickle, sys, threading

class Thing: pass

def is_intact():
    return sys.modules["__main__"].Thing is type(pickle.loads(pickle.dumps(Thing())))

atexit.register(lambda: print("at exit", is_intact(), sys.argv))
main = threading.current_thread()
threading.Thread(target=lambda: (main.join(), print("thread", is_intact()))).start()
"""


def run(
    *arguments: str, folder: Path, program: Sequence[str] = ("-m", "trunkline", "run"), given: str = ""
) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "describe.py": DESCRIBE,
        "scripts/describe.py": DESCRIBE,
        "package/__init__.py": "",
        "package/__main__.py": DESCRIBE,
        "package/module.py": DESCRIBE,
        "nothing_to_run/__init__.py": "",
        "fail.py": FAIL,
        "syntax.py": "x = = 1\n",
        "lacking.py": "import not_there\n",
        "raising/__init__.py": "import not_there\n",
        "exits.py": "import sys; sys.exit(int(sys.argv[1]))\n",
        "says_why.py": "raise SystemExit('because')\n",
        "hook.py": "import sys\nsys.excepthook = lambda *args: print('hooked', args[1])\n1 / 0\n",
        "interrupted.py": "raise KeyboardInterrupt\n",
        "reads.py": "import sys; print(sys.stdin.read().upper())\n",
        "left_over.py": LEFT_OVER,
        "uses.py": "import aiohttp; print(aiohttp.ClientSession.__module__)\n",
        "light.py": "import sys; print({'rich', 'trustme'}.isdisjoint(sys.modules))",
        "starts.py": "import subprocess, sys\nsubprocess.run([sys.executable, 'uses_path.py'], check=True)\n",
        "uses_path.py": "import sys; print('trunkline' in sys.modules)\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        packed.writestr("__main__.py", "import aiohttp, sys; print(aiohttp.__version__, sys.argv[1:])")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("describe.py",),
        ("describe.py", "a", "-m", "--help", "--", "run"),
        ("scripts/describe.py", "-h"),
        ("-m", "describe", "--requests", "3"),
        ("-m", "package", "-m", "x"),
        ("-m", "package.module"),
        ("exits.py", "0"),
        ("exits.py", "7"),
        ("-m", "exits", "7"),
        ("says_why.py",),
        ("fail.py",),
        ("syntax.py",),
        ("lacking.py",),
        ("hook.py",),
        ("reads.py",),
        ("left_over.py", "a"),
        ("-m", "left_over"),
        ("interrupted.py",),
    ],
    ids=" ".join,
)
def test_a_program_sees_and_does_what_it_does_under_python(folder: Path, arguments: tuple[str, ...]) -> None:
    assert run(*arguments, folder=folder, given="text") == run(*arguments, folder=folder, program=(), given="text")


def test_an_interrupt_ends_the_process_as_it_ends_others(folder: Path) -> None:
    assert run("interrupted.py", folder=folder)[0] == -signal.SIGINT


def test_the_traceback_of_a_module_has_no_frame_of_ours(folder: Path) -> None:
    code, _, told = run("-m", "fail", folder=folder)
    assert code == 1
    assert told.startswith(f'Traceback (most recent call last):\n  File "{folder / "fail.py"}", line 8, in <module>')
    assert told.count("File ") == 3


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("uses.py",), "trunkline.client.session\n"),
        (("-m", "uses"), "trunkline.client.session\n"),
        (("packed.zip", "a"), "3.14.5 ['a']\n"),
        (("light.py",), "True\n"),
        (("starts.py",), "False\n"),
    ],
)
def test_aiohttp_is_trunkline_in_this_process_alone(folder: Path, arguments: tuple[str, ...], printed: str) -> None:
    assert run(*arguments, folder=folder) == (0, printed, "")


def test_a_folder_runs_its_main(folder: Path) -> None:
    code, told, _ = run("package", "a", folder=folder)
    assert (code, told.split()[:3]) == (0, ["['package',", "'a']", str(folder / "package")])


def test_the_documented_way_to_serve_an_application_works(folder: Path) -> None:
    code, told, _ = run("-m", "aiohttp.web", "--help", folder=folder)
    assert code == 0
    assert "--hostname" in told


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("not_there.py",), 2, "trunkline run: cannot find '{folder}/not_there.py'; give a script's path"),
        (("-m", "not_there"), 1, "trunkline run: no module 'not_there'"),
        (("-m", "not_there.module"), 1, "trunkline run: no module 'not_there.module'"),
        (("-m", "string.nothing"), 1, "trunkline run: no module 'string.nothing'"),
        (("-m", "nothing_to_run"), 1, "trunkline run: no module 'nothing_to_run', or a package without __main__"),
        ((), 2, "usage: trunkline run"),
        (("-m",), 2, "usage: trunkline run"),
    ],
)
def test_what_cannot_be_run_is_told(folder: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    got, printed, told = run(*arguments, folder=folder)
    assert (got, printed) == (code, "")
    assert told.startswith(message.format(folder=folder))
    assert "Traceback" not in told


def test_a_module_that_a_package_lacks_is_its_own_error(folder: Path) -> None:
    code, _, told = run("-m", "raising", folder=folder)
    assert code == 1
    assert told.endswith("ModuleNotFoundError: No module named 'not_there'\n")


def test_the_help_says_what_is_affected(folder: Path) -> None:
    code, told, _ = run("-h", folder=folder)
    assert code == 0
    assert "other programs that it starts import aiohttp as ever" in " ".join(told.split())
