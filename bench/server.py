"""The server of the benchmark: one nginx worker on free loopback ports, with a throw-away CA for TLS.

nginx runs in the foreground, without a master process, in a temporary folder, and is stopped by its process
id. A POST is proxied to a second listener over a unix socket: nginx's own `return` would answer before the
body has been read, while a proxy with buffering reads all of it first, for every client alike. Files are
sent from large buffers: on loopback that is quicker and steadier than sendfile, so that scenario e measures
the client.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.scenarios import LARGE_BYTES, MEDIUM_BYTES, SMALL_BODY

START_TIMEOUT_S = 5.0  # nginx is up within 50 ms; a loaded machine gets a hundred times that
STOP_TIMEOUT_S = 5.0

CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type text/plain;
    sendfile off;
    output_buffers 2 256k;
    open_file_cache max=16;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    client_body_buffer_size 64k;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream sink {{
        server unix:{folder}/sink.sock;
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen unix:{folder}/sink.sock;
        location / {{ return 200 "{small}"; }}
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{tls_port} ssl backlog=4096;
        listen 127.0.0.1:{http2_port} ssl http2 backlog=4096;
        ssl_certificate {folder}/leaf.pem;
        ssl_certificate_key {folder}/leaf.key;
        root {folder}/files;
        location = /small {{ return 200 "{small}"; }}
        location = /fresh {{ return 200 "$connection_requests $ssl_session_reused"; }}
        location = /post {{
            proxy_pass http://sink;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Content-Length "";
            proxy_pass_request_body off;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the running server listens, and the CA file that vouches for it."""

    http_url: str
    https_url: str
    http2_url: str
    ca_file: Path


@contextmanager
def running_server() -> Iterator[Server]:
    """Start nginx, yield its addresses, stop it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        port, tls_port, http2_port = free_ports(3)
        _make_certificates(folder)
        _make_files(folder / "files")
        small = SMALL_BODY.decode().replace("\n", "\\n")
        config = CONFIG.format(folder=folder, port=port, tls_port=tls_port, http2_port=http2_port, small=small)
        (folder / "nginx.conf").write_text(config)
        process = subprocess.Popen([_nginx(), "-p", name, "-c", f"{name}/nginx.conf", "-e", "stderr"])
        try:
            _wait_until_open(process, tls_port)
            tls, http2 = (f"https://127.0.0.1:{each}" for each in (tls_port, http2_port))
            yield Server(f"http://127.0.0.1:{port}", tls, http2, folder / "ca.pem")
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)


def nginx_version() -> str:
    """Return nginx's version, such as `1.22.1`."""
    answer = subprocess.run([_nginx(), "-v"], capture_output=True, text=True, check=True)
    return answer.stderr.rpartition("/")[2].split()[0]


def _nginx() -> str:
    # Debian keeps nginx in a folder that is not on every user's PATH.
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise SystemExit("the benchmark needs nginx, which was not found: apt-get install nginx")
    return found


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    with ExitStack() as open_sockets:
        found = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


def _make_certificates(folder: Path) -> None:
    """Make a CA and a leaf: some TLS libraries refuse a server that shows the CA's own certificate."""
    _openssl(
        folder, "ca", "/CN=trunkline benchmark CA",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    _openssl(
        folder, "leaf", "/CN=localhost",
        "-CA", "ca.pem", "-CAkey", "ca.key",
        "-addext", "basicConstraints=critical,CA:FALSE",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    )  # fmt: skip


def _openssl(folder: Path, name: str, subject: str, *options: str) -> None:
    command = [
        "openssl", "req", "-x509", "-days", "2", "-nodes",
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", subject,
    ]  # fmt: skip
    subprocess.run([*command, *options], cwd=folder, check=True, capture_output=True)


def _make_files(folder: Path) -> None:
    folder.mkdir()
    (folder / "medium").write_bytes(b"m" * MEDIUM_BYTES)
    (folder / "large").write_bytes(b"l" * LARGE_BYTES)


def _wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        if process.poll() is not None:
            raise SystemExit(f"nginx ended with status {process.returncode}; it says why above")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=START_TIMEOUT_S).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
