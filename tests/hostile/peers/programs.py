"""Real programs between the clients and the origin, to be stopped, restarted and paused: nginx, haproxy, caddy, squid.

Each is a process group on a port of loopback that stays its own while it is down. The first three stand for the origin;
squid is asked as a proxy. None sends anything to the origin twice, so what comes twice was sent twice by a client. A
test whose program is not installed is skipped; `.ci/run` installs all of them.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

START_S = 15.0  # they listen within a second, unless the machine is very busy
MAX_BACKLOG = 6000  # above the system's, which caddy takes
_UNANSWERED_S = 0.1  # loopback answers at once while there is room

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/said notice;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=256;
        location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_next_upstream off; }}
    }}
}}
"""
_HAPROXY = """
global
    nbthread 1
    maxconn 1000
defaults
    mode http
    retries 0
    option http-server-close
    timeout connect 10s
    timeout client 10s
    timeout server 10s
listen test
    bind 127.0.0.1:{port} backlog 256
    server origin 127.0.0.1:{origin}
"""
_CADDY = """
{{
    admin unix/{folder}/admin
    auto_https off
}}
http://:{port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{origin} {{
        transport http {{
            keepalive off
        }}
    }}
}}
"""
_SQUID = """
http_port 127.0.0.1:{port}
visible_hostname localhost
pid_filename none
access_log none
cache_log {folder}/said
cache deny all
max_filedescriptors 1024
shutdown_lifetime 0 seconds
pinger_enable off
server_persistent_connections off
forward_max_tries 1
http_access allow all
"""


@dataclass(frozen=True, slots=True)
class Program:
    """How to run one. reload: what it does so at: a signal, or a command. reloaded: what it says once it has, or
    has replaced a worker.

    is_seamless: a reload never refuses a connection.
    """

    name: str
    config: str
    command: tuple[str, ...]
    reload: signal.Signals | tuple[str, ...]
    reloaded: bytes
    is_proxy: bool = False
    is_seamless: bool = True


NGINX = Program(
    "nginx",
    _NGINX,
    ("-p", "{folder}", "-c", "{folder}/config", "-e", "{folder}/said"),
    signal.SIGHUP,
    b"start worker process ",
)
HAPROXY = Program("haproxy", _HAPROXY, ("-W", "-db", "-f", "{folder}/config"), signal.SIGUSR2, b"New worker")
_CADDY_CONFIG = ("--config", "{folder}/config", "--adapter", "caddyfile")
CADDY = Program(
    "caddy",
    _CADDY,
    ("run", *_CADDY_CONFIG),
    ("reload", "--force", "--address", "unix/{folder}/admin", *_CADDY_CONFIG),
    b'"load complete"',
)
SQUID = Program(
    "squid",
    _SQUID,
    ("-N", "-f", "{folder}/config"),
    signal.SIGHUP,
    b"Accepting HTTP Socket connections",
    is_proxy=True,
    is_seamless=False,
)


class Peer:
    """A program that runs. root, proxy: how to ask it."""

    def __init__(self, program: Program, folder: Path, origin: int) -> None:
        """folder: its own, not in pytest's, which are closed to others. origin: the port of what it stands before."""
        self.program = program
        folder.chmod(0o777)  # squid, if root starts it, writes as another user
        self._folder = folder
        self._path = _installed(program.name)
        with socket.create_server(("127.0.0.1", 0)) as with_port:
            self.port: int = with_port.getsockname()[1]
        user = "user root root;" if os.geteuid() == 0 else ""
        config = program.config.format(folder=folder, port=self.port, origin=origin, user=user)
        (folder / "config").write_text(config)
        self.root = f"http://127.0.0.1:{origin if program.is_proxy else self.port}"
        self.proxy = f"http://127.0.0.1:{self.port}" if program.is_proxy else None

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
        return [self._path, *(argument.format(folder=self._folder) for argument in arguments)]

    def _environment(self) -> dict[str, str]:
        folder = str(self._folder)
        return {**os.environ, "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}

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
