"""wrk against the running application, with 64 connections at once."""

from __future__ import annotations

import re

import pytest

from tests.web.peers.foreign import program, run
from tests.web.peers.process import Served


async def _load(url: str, seconds: int) -> str:
    return await run(program("wrk"), "--threads", "2", "--connections", "64", "--duration", f"{seconds}s", url)


@pytest.mark.parametrize(("path", "seconds"), [("/hello", 2), ("/files/note.txt", 1)])
async def test_load_gets_nothing_but_good_answers(served: Served, path: str, seconds: int) -> None:
    told = await _load(f"{served.url}{path}", seconds)
    answered = re.search(r"(\d+) requests in", told)
    assert answered is not None, told
    assert int(answered[1]) >= 64
    assert "Socket errors" not in told
    assert "Non-2xx" not in told


async def test_downloads_that_are_cut_are_no_errors(served: Served) -> None:
    """wrk leaves when its time is over; 64 times 40 MB take longer."""
    await _load(f"{served.url}/files/long.wav", 1)
