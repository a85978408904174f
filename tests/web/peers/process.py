"""Runs the application of `programs/served.py` as a process, and makes the folder that it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.web.peers.recording import write_recording
from tests.web.processes import server_process

_PROGRAM = Path(__file__).parent / "programs" / "served.py"


@dataclass(frozen=True, slots=True)
class Served:
    """Where the application is served, and the folder that it was given."""

    url: str
    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def recording(self) -> Path:
        """What it serves as /files/long.wav."""
        return self.folder / "files" / "long.wav"

    @property
    def note(self) -> Path:
        """What it serves as /files/note.txt."""
        return self.folder / "files" / "note.txt"

    @property
    def authority(self) -> Path:
        """The certificate that its clients trust."""
        return self.folder / "authority.pem"


def fill(folder: Path) -> None:
    """Make what the application serves, and what it serves with."""
    (folder / "files").mkdir()
    (folder / "files" / "note.txt").write_text("a note\n")
    write_recording(folder / "files" / "long.wav")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")


@asynccontextmanager
async def run_served(folder: Path, *options: str) -> AsyncIterator[Served]:
    """Serve within the `with` block. Its end must be a clean one: status 0, and no word but the banner."""
    async with server_process(str(_PROGRAM), str(folder), *options) as server:
        url = await server.url()
        yield Served(url, folder)
        status = await server.stop()
    # The lines of both streams: a warning, an error or a line of a log would be among them.
    banner, hint = server.lines[:2]
    assert (status, server.lines[2:]) == (0, []), "\n".join(server.lines)
    assert banner.startswith("======== Running on http")
    assert hint == "(Press CTRL+C to quit)"
