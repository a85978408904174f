"""The distribution aiohttp, as `importlib.metadata` shows it after `install_as_aiohttp()`: its version is the API's.

Libraries ask for it to see that aiohttp is new enough. It needs Trunkline and nothing else, and has no files.
"""

from __future__ import annotations

from importlib.metadata import Distribution
from os import PathLike
from pathlib import Path

from trunkline.compat_names import AIOHTTP_VERSION
from trunkline.ground.product import __version__

# https://packaging.python.org/en/latest/specifications/core-metadata/
_FILES = {
    "METADATA": f"""\
Metadata-Version: 2.4
Name: aiohttp
Version: {AIOHTTP_VERSION}
Summary: Trunkline, standing in for aiohttp in this process
Requires-Dist: trunkline=={__version__}
Provides-Extra: speedups
""",
    "top_level.txt": "aiohttp\n",
}


class AiohttpDistribution(Distribution):
    """What `importlib.metadata.distribution("aiohttp")` returns."""

    def read_text(self, filename: str | PathLike[str]) -> str | None:
        return _FILES.get(str(filename))

    def locate_file(self, path: str | PathLike[str]) -> Path:
        return Path(__file__).parent / path
