"""`Peer`: a program that runs as a process group of its own, and is stopped, restarted, paused, reloaded and filled.

It listens on a port of loopback that stays its own while it is down, with a certificate of `AUTHORITY`'s if it speaks
TLS. A test whose program is not installed is skipped; `.ci/run` installs all of them.
"""

import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme

from tests.hostile.peers.programs import HTTP2, Program
from trunkline import HttpVersion

START_S = 15.0  # they listen within a second, unless the machine is very busy
MAX_BACKLOG = 6000  # above the system's, which caddy takes
AUTHORITY = trustme.CA()
_UNANSWERED_S = 0.1  # loopback answers at once while there is room
_OWN_ROOT = Path(__file__).parents[3]


def trusting_context(version: HttpVersion) -> ssl.SSLContext:
    """A context that trusts `AUTHORITY` and nobody else, and offers `version` of HTTP."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if version == HTTP2:
        context.set_alpn_protocols(["h2"])
    AUTHORITY.configure_trust(context)
    return context


class Peer:
    """A program that runs. url: where it listens. is_entry: it is what the clients connect to.

    posted: once it has ended, what it says that it was posted; nothing, unless it is an origin itself.
    """

    def __init__(self, program: Program, folder: Path, origin: int, *, is_entry: bool = True) -> None:
        """folder: its own, not in pytest's, which are closed to others. origin: the port of what it stands before."""
        self.program = program
        self.is_entry = is_entry
        folder.chmod(0o777)  # squid, if root starts it, writes as another user
        self._folder = folder
        self._path = _installed(program.executable or program.name)
        with socket.create_server(("127.0.0.1", 0)) as with_port:
            self.port: int = with_port.getsockname()[1]
        self.url = f"{program.scheme}://127.0.0.1:{self.port}"
        if program.tls:
            self.certify(AUTHORITY)
        (folder / "config").write_text(
            program.config.format(
                folder=folder,
                port=self.port,
                origin=origin,
                user="user root root;" if os.geteuid() == 0 else "",
                scheme=program.scheme,
                tls=program.tls.format(folder=folder),
            )
        )

    def certify(self, authority: trustme.CA) -> bytes:
        """Give it a new certificate, which it reads when it starts or reloads; return it in DER."""
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(self._folder / "server.pem")
        return ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with (self._folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                self._call(self.program.command),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=self._environment(),
                start_new_session=True,
            )
        try:
            self._wait(self._listens)
        except BaseException:
            self.end(signal.SIGKILL)
            raise

    def end(self, how: signal.Signals) -> None:
        """Send `how` to all of its processes, if it runs, and wait until it has ended."""
        if self._process.poll() is None:
            self.send(how)
        try:
            self._process.wait(START_S)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self._process.wait()
            raise
        posted = self._folder / "posted"
        self.posted = Counter(posted.read_text().splitlines() if posted.exists() else ())

    def send(self, how: signal.Signals) -> None:
        """Send `how` to all of its processes."""
        os.killpg(self._process.pid, how)

    def reload(self) -> None:
        """Let it read its configuration anew, and wait until it says that it has."""
        said_before = self._times_said()
        how = self.program.reload
        if isinstance(how, signal.Signals):
            self._process.send_signal(how)
        else:
            subprocess.run(self._call(how), check=True, capture_output=True, env=self._environment())
        self._wait(lambda: self._times_said() > said_before)

    def kill_worker(self) -> None:
        """Kill the process that serves, and wait until it is replaced; connections are taken all the time."""
        said_before = self._times_said()
        main = self._process.pid
        (worker,) = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        os.kill(int(worker), signal.SIGKILL)
        self._wait(lambda: self._times_said() > said_before)

    def _call(self, arguments: tuple[str, ...]) -> list[str]:
        return [self._path, *(argument.format(folder=self._folder, port=self.port) for argument in arguments)]

    def _environment(self) -> dict[str, str]:
        folder = str(self._folder)
        homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), folder)
        return {**os.environ, **homes, "PYTHONPATH": str(_OWN_ROOT)}

    def _times_said(self) -> int:
        return (self._folder / "said").read_bytes().count(self.program.reloaded)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _wait(self, is_so: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + START_S
        while time.monotonic() < give_up_at and self._process.poll() is None:
            if is_so():
                return
            time.sleep(0.01)
        said = (self._folder / "said").read_text()
        raise RuntimeError(f"{self.program.name} does not do what was asked; it said: {said[-2000:]}")

    @contextmanager
    def backlog_filled(self) -> Iterator[None]:
        """Connect, while it is paused, until no connection is answered any more; hold them within the block."""
        with ExitStack() as fillers:
            for _ in range(MAX_BACKLOG):
                filler = fillers.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", self.port))
                if not _is_answered(filler):
                    yield
                    return
            raise RuntimeError(f"{self.program.name}'s backlog took {MAX_BACKLOG} connections")


def _installed(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed; .ci/run shows how")
    return path


def _is_answered(filler: socket.socket) -> bool:
    poll = select.poll()  # select() cannot take this many descriptors
    poll.register(filler, select.POLLOUT)
    return bool(poll.poll(_UNANSWERED_S * 1000))
