"""A real nginx in a folder of its own: http, https for two TLS versions, and a Unix socket.

Each access is one line of JSON in its log, so that tests count from the server's side what clients did. `X-Worker` on
every response names the worker process, so that a test can tell when a reload has been done.
"""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.request import urlopen

import trustme

START_S = 10.0  # nginx listens within a tenth of a second, unless the machine is very busy
_LAST = "/nothing?last"  # our own request

_CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 512; }}
http {{
    log_format accesses escape=json '{{"method": "$request_method", "uri": "$request_uri", "status": $status,'
        ' "connection": $connection, "protocol": "$server_protocol", "resumed": "$ssl_session_reused",'
        ' "tls": "$ssl_protocol"}}';
    access_log {folder}/access.log accesses;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 32m;
    server {{
        listen 127.0.0.1:{http};
        listen unix:{folder}/nginx.sock;
        {locations}
    }}
    server {{ listen 127.0.0.1:{tls12} ssl; ssl_protocols TLSv1.2; {tls} {locations} }}
    server {{ listen 127.0.0.1:{tls13} ssl{http2}; ssl_protocols TLSv1.3; {tls} {locations} }}
}}
"""

_TLS = """
ssl_certificate {folder}/server.pem;
ssl_certificate_key {folder}/server.pem;
ssl_session_cache shared:{name}:1m;
"""

_LOCATIONS = """
root {folder}/www;
add_header X-Worker $pid always;
{settings}
location /gzip/ {{ alias {folder}/www/; gzip on; gzip_types *; gzip_min_length 1; }}
location /chunked/ {{ alias {folder}/www/; ssi on; ssi_types *; }}
location /stored/ {{ alias {folder}/stored/; dav_methods PUT; }}
location /nothing {{ return 204; }}
location /created {{ return 201 created; }}
location /moved {{ return 302 /small; }}
"""


@dataclass(frozen=True, slots=True)
class Access:
    """One line of the log. connection: nginx's serial number of it. resumed: 'r' for a resumed TLS session."""

    method: str
    uri: str
    status: int
    connection: int
    protocol: str
    resumed: str
    tls: str


class Nginx:
    """Runs nginx within its `with` block. settings: directives for every server, such as keepalive_requests.

    speaks_h2: over TLS 1.3, with clients that do.

    `www` holds what it serves, `stored` what was PUT under /stored/.
    """

    def __init__(self, folder: Path, settings: str = "keepalive_timeout 60s;", *, speaks_h2: bool = False) -> None:
        self._http2 = " http2" if speaks_h2 else ""
        self.folder = folder
        self.www = folder / "www"
        self.stored = folder / "stored"
        self.socket_path = str(folder / "nginx.sock")
        self._settings = settings
        self._authority = trustme.CA()
        self._ports = _free_ports(3)

    def __enter__(self) -> "Nginx":
        program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program is not None, "nginx is not installed; the tests need it (.ci/run shows how)"
        self.www.mkdir()
        self.stored.mkdir()
        (self.www / "small").write_bytes(b"hello")
        self._authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            self.folder / "server.pem"
        )
        config = self.folder / "nginx.conf"
        config.write_text(self._config())
        self._process = subprocess.Popen(
            [program, "-p", str(self.folder), "-c", str(config), "-e", str(self.folder / "error.log")],
            stdin=subprocess.DEVNULL,
        )
        self._wait_until_it_listens()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(START_S)

    def url(self, path: str = "/small", *, tls: str = "", host: str = "127.0.0.1") -> str:
        """The URL of `path`. tls: "" for http, or "1.2" or "1.3"."""
        port = self._ports[("", "1.2", "1.3").index(tls)]
        return f"http{'s' if tls else ''}://{host}:{port}{path}"

    def client_context(self) -> ssl.SSLContext:
        """A context that trusts this server and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._authority.configure_trust(context)
        return context

    def reload(self) -> None:
        """Let it start new workers and end the old ones; it returns at once."""
        self._process.send_signal(signal.SIGHUP)

    def accesses(self) -> list[Access]:
        """What was requested so far, in the order in which it was answered."""
        # A response may be read before its line is written. But a worker writes it before it answers anybody else.
        with urlopen(self.url(_LAST)) as response:
            response.read()
        lines = (self.folder / "access.log").read_text().splitlines()
        accesses = [Access(**json.loads(line)) for line in lines]
        return [access for access in accesses if access.uri != _LAST]

    def _config(self) -> str:
        http, tls12, tls13 = self._ports
        return _CONFIG.format(
            folder=self.folder,
            user="user root root;" if os.geteuid() == 0 else "",
            locations=_LOCATIONS.format(folder=self.folder, settings=self._settings),
            tls=_TLS.format(folder=self.folder, name="sessions"),
            http=http,
            tls12=tls12,
            tls13=tls13,
            http2=self._http2,
        )

    def _wait_until_it_listens(self) -> None:
        give_up_at = time.monotonic() + START_S
        while time.monotonic() < give_up_at and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._ports[-1]), timeout=1).close()
                return
            except OSError:
                time.sleep(0.01)
        self._process.kill()
        self._process.wait()
        raise RuntimeError(f"nginx does not listen: {(self.folder / 'error.log').read_text()}")


def _free_ports(count: int) -> list[int]:
    with_port = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [sock.getsockname()[1] for sock in with_port]
    for sock in with_port:
        sock.close()
    return ports
