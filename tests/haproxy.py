"""A real haproxy in a folder of its own, which answers every request itself once it has received it whole.

It says nothing of how long it keeps idle connections, and closes them without a word: the server to learn that from.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.request import urlopen

START_S = 10.0  # it listens within a tenth of a second, unless the machine is very busy
_LAST = "/last"  # our own request

_CONFIG = """
global
    log stdout format raw local0
    nbthread 1
defaults
    mode http
    log global
    timeout client 10s
    timeout http-request 10s
    timeout http-keep-alive {keep_alive}
frontend test
    bind 127.0.0.1:{port}
    option http-buffer-request
    log-format '{{"method": "%HM", "path": "%HPO", "status": %ST, "client_port": %cp}}'
    http-request return status 200 content-type text/plain string ok
"""


@dataclass(frozen=True, slots=True)
class Access:
    """One line of the log. client_port: tells connections apart."""

    method: str
    path: str
    status: int
    client_port: int


class Haproxy:
    """Runs haproxy within its `with` block. keep_alive: after how much idle time it closes, as it writes times."""

    def __init__(self, folder: Path, keep_alive: str) -> None:
        self._log = folder / "access.log"
        self._config = folder / "haproxy.cfg"
        self._keep_alive = keep_alive

    def __enter__(self) -> "Haproxy":
        program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program is not None, "haproxy is not installed; the tests need it (.ci/run shows how)"
        with socket.create_server(("127.0.0.1", 0)) as with_port:
            self.port: int = with_port.getsockname()[1]
        self._config.write_text(_CONFIG.format(keep_alive=self._keep_alive, port=self.port))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, "-db", "-f", str(self._config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait_until_it_listens()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(START_S)

    def url(self, path: str = "/") -> str:
        """The URL of `path`."""
        return f"http://127.0.0.1:{self.port}{path}"

    def accesses(self) -> list[Access]:
        """What was requested so far, in the order in which it was answered."""
        asked_before = self._log.read_text().count(_LAST)
        with urlopen(self.url(_LAST)) as response:
            response.read()
        # A response may be read before its line is written. But its one thread has then written those before it.
        give_up_at = time.monotonic() + START_S
        while (text := self._log.read_text()).count(_LAST) == asked_before or not text.endswith("\n"):
            assert time.monotonic() < give_up_at, "haproxy wrote no line for a request that it answered"
            time.sleep(0.001)
        accesses = [Access(**json.loads(line)) for line in text.splitlines() if line.startswith("{")]
        return [access for access in accesses if access.path not in (_LAST, "<BADREQ>")]  # without a request

    def _wait_until_it_listens(self) -> None:
        give_up_at = time.monotonic() + START_S
        while time.monotonic() < give_up_at and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.01)
        self._process.kill()
        self._process.wait()
        raise RuntimeError(f"haproxy does not listen: {self._log.read_text()}")
