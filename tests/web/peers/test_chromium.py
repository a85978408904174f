"""A browser shows a page of the running application, whose script tries the server and reports what it found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import trunkline as client
from tests.web.peers.foreign import browser
from tests.web.peers.process import Served
from tests.web.peers.recording import BYTES, SECONDS

# What the checks of programs/page/checks.js find. Any: whatever JSON can say.
RIGHT: dict[str, Any] = {
    "fetches": [200, "hello"],
    "fetches_what_is_compressed": ["deflate", 28_000],
    "fetches_what_is_not_there": 404,
    "fetches_a_file_again": "a note\n",
    "reads_a_stream": "".join(f"piece {number}\n" for number in range(5)),
    "posts_json": {"naïve": [1, None]},
    "posts_much": True,
    "submits_a_form": [["name", "Käthe & Söhne"], ["lines", "two\r\nlines"]],
    "submits_files": [
        ["title", "grüße"],
        ["file", "Größe %22S%22.txt", "text/plain", "the same"],  # as HTML says that a quote is written
        ["file", "big", "application/x-big", "the same"],
    ],
    "is_redirected_after_a_form": [True, "hello"],
    "exchanges_cookies": [
        {"own": "of the page"},
        'open="from the server"',
        {"open": "from the server", "hidden": "secret"},
    ],
    "asks_for_a_range": [206, "RIFF", f"bytes 0-3/{BYTES}"],
    "seeks_in_a_long_recording": [SECONDS, [2000, 500]],
    "plays_the_end_of_a_long_recording": True,
    "agrees_on_a_websocket": ["echo", "permessage-deflate", [1000, "", True]],
    "echoes_texts": [True, [4001, "as told", True]],
    "echoes_bytes": [True, [1000, "", True]],
}


async def test_a_page_finds_that_all_is_right(served: Served, tmp_path: Path) -> None:
    async with client.ClientSession(served.url, timeout=client.ClientTimeout(60)) as session:
        async with browser(f"{served.url}/", tmp_path), session.get("/findings") as response:
            findings = await response.json(content_type=None)
        async with session.get("/answers") as response:
            answers = Counter(await response.json())
    assert findings == RIGHT
    assert answers["GET /files/long.wav 206"] >= 5  # one that the script asks for, and two players that seek
    assert answers["GET /files/long.wav 200"] == 0
    assert answers["GET /files/note.txt 304"] == 1
    assert answers["closed 0"] == answers["closed 3001"] == answers["closed 4001"] == 1
