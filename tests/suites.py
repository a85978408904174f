"""Runs small suites in a pytest of their own, as a user would: a process, a conftest.py, options."""

from __future__ import annotations

import os
import sys

import pytest

ALONE = ("-p", "no:asyncio")
_LOOP_SCOPE = ("-o", "asyncio_default_fixture_loop_scope=function")  # unset, it is warned of
BESIDE_PYTEST_ASYNCIO = (*_LOOP_SCOPE, "-o", "asyncio_mode=strict")
BESIDE_PYTEST_ASYNCIO_AUTO = (*_LOOP_SCOPE, "-o", "asyncio_mode=auto")
COMPANIES = [
    pytest.param(ALONE, id="alone"),
    pytest.param(BESIDE_PYTEST_ASYNCIO, id="beside pytest-asyncio"),
    pytest.param(BESIDE_PYTEST_ASYNCIO_AUTO, id="beside pytest-asyncio, auto"),
]

_CONFTEST = 'pytest_plugins = "trunkline.pytest_plugin"'
_STRICT = ("-W", "error", "-p", "no:cacheprovider")


class Suites:
    """Runs suites; every warning in one is an error."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))

    def run(self, suite: str, *options: str, conftest: str = _CONFTEST) -> pytest.RunResult:
        """Run the test module `suite`; `conftest` enables the plugin."""
        self._pytester.makeconftest(conftest)
        self._pytester.makepyfile(suite)
        return self._pytester.runpytest_subprocess(*_STRICT, *options, timeout=120)
