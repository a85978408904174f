from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.examples.running import complaints, example


@pytest.mark.usefixtures("upstream")
async def test_every_view_shows_that_the_second_request_reused_the_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with example("observability") as process:
        assert await process.ended() == 0
    assert complaints(process) == []
    shown = "\n".join(process.lines)
    assert shown.count("200, new connection") == shown.count("200, reused connection") == 1  # timelines
    assert "requests     2, 50.0% on a connection that was open already" in shown  # stats
    assert "trunkline_connections_opened_total" in shown
    assert shown.count("span: GET ") == 2
    archive = process.lines[-1].removeprefix("2 entries in ")
    assert archive.startswith(str(tmp_path))
    with open(archive, encoding="ascii") as file:
        assert json.load(file)["log"]["version"] == "1.2"
