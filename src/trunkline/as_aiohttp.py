"""A pytest plugin that runs a test suite on Trunkline, with no change to the suite: `pytest -p trunkline.as_aiohttp`.

It stands on the command line, or in `addopts` of the configuration: pytest then loads it before all other plugins, some
of which import aiohttp as they are loaded. Where one does, a conftest.py and PYTEST_PLUGINS are too late, and that is
told.
"""

from __future__ import annotations

import pytest

from trunkline.compat import install_as_aiohttp
from trunkline.compat_names import AIOHTTP_VERSION
from trunkline.ground.product import __version__


def pytest_addoption() -> None:
    """Install at once: this is the first hook of a plugin, called as soon as pytest has loaded it."""
    try:
        install_as_aiohttp()
    except RuntimeError as error:
        raise pytest.UsageError(f"{error} (load it first of all: pytest -p {__name__})") from error


def pytest_report_header() -> str:
    """Say so at the top of the run."""
    return f"aiohttp: trunkline {__version__}, with the API of aiohttp {AIOHTTP_VERSION}"
