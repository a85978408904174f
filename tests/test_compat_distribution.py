"""What `importlib.metadata` tells of aiohttp after `install_as_aiohttp()`."""

from pathlib import Path

import pytest

from tests.test_compat import run

INSTALL = "import trunkline; trunkline.install_as_aiohttp(); from importlib import metadata"
WITHOUT_PACKAGES = "import sys; sys.path[:] = [folder for folder in sys.path if 'site-packages' not in folder]"


@pytest.fixture
def old_real(tmp_path: Path) -> Path:
    """A folder with the distribution of an older aiohttp."""
    info = tmp_path / "aiohttp-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: aiohttp\nVersion: 2.0\n")
    return tmp_path


@pytest.mark.parametrize("name", ["aiohttp", "AioHTTP"])
def test_it_stands_before_one_that_is_installed(name: str, old_real: Path) -> None:
    assert run(f"{INSTALL}; print(metadata.version({name!r}))", old_real) == "3.14.5\n"


def test_before_installing_nothing_changes(old_real: Path) -> None:
    assert run("import trunkline; from importlib import metadata; print(metadata.version('aiohttp'))", old_real) == (
        "2.0\n"
    )


def test_it_is_there_where_no_aiohttp_is_installed() -> None:
    assert run(f"{INSTALL}; {WITHOUT_PACKAGES}; print(metadata.version('aiohttp'))") == "3.14.5\n"


def test_it_describes_itself() -> None:
    program = f"""
        {INSTALL}
        aiohttp = metadata.distribution("aiohttp")
        print(aiohttp.name, aiohttp.requires, aiohttp.files, list(aiohttp.entry_points))
        print(aiohttp.metadata["Name"], aiohttp.metadata.get_all("Provides-Extra"))
        print("aiohttp" in {{found.name for found in metadata.distributions()}})
        print(metadata.packages_distributions()["aiohttp"][0])
    """
    assert run(program) == (
        "aiohttp ['trunkline==0.1.0'] None []\n"
        "aiohttp ['speedups']\n"
        "True\n"
        "aiohttp\n"
    )  # fmt: skip


def test_other_distributions_are_found_as_ever() -> None:
    program = f"""
        {INSTALL}
        print(metadata.distribution("yarl").name)
        try:
            metadata.version("aiohttp-nothing")
        except metadata.PackageNotFoundError as error:
            print("no", error.name)
    """
    assert run(program) == "yarl\nno aiohttp-nothing\n"


def test_requirements_of_libraries_hold() -> None:
    program = f"""
        {INSTALL}
        from packaging.requirements import Requirement
        print(all(Requirement(line).specifier.contains(metadata.version("aiohttp")) for line in (
            "aiohttp>=3.9", "aiohttp<4,>=3.11.2", "aiohttp~=3.10", "aiohttp!=3.13.0"
        )))
    """
    assert run(program) == "True\n"
