"""Real proxies in folders of their own: squid, tinyproxy and dante, each a process on a free port of loopback.

Each runs within its `with` block, and is ended by its id. A test whose proxy is not installed is skipped; `.ci/run`
installs all of them.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trustme

START_S = 15.0  # they listen within a second, unless the machine is very busy
LOGIN, PASSWORD = "login", "secret"

_SQUID = """
http_port 127.0.0.1:{port}
https_port 127.0.0.1:{tls_port} tls-cert={folder}/proxy.pem
visible_hostname localhost
pid_filename none
access_log none
cache_log {folder}/log
cache deny all
max_filedescriptors 1024
shutdown_lifetime 0 seconds
http_upgrade_request_protocols websocket allow all
{access}
"""
_SQUID_AUTH = """
auth_param basic program {helper} {folder}/passwords
auth_param basic children 1 startup=1
auth_param basic realm proxy
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
"""
_TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 60
Allow 127.0.0.1
{access}
"""
_DANTE = """
logoutput: {folder}/log
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: {method}
user.privileged: {user}
user.unprivileged: {user}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
"""


_CADDY = """
{{
    admin off
    auto_https off
    storage file_system {folder}/storage
}}
https://127.0.0.1:{port} {{
    tls {folder}/server.pem {folder}/server.pem
    root * {folder}/www
    encode gzip
    respond /version {{http.request.proto}}
    file_server
}}
"""
_HAPROXY = """
global
    log stdout format raw local0
defaults
    mode http
    log global
    timeout client 10s
    timeout server 10s
    timeout connect 5s
frontend test
    bind 127.0.0.1:{port} ssl crt {folder}/server.pem alpn h2,http/1.1
    default_backend origin
backend origin
    server origin 127.0.0.1:{origin}
"""


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """Where a proxy listens. tls_port: for clients that speak TLS with it; 0 for none."""

    port: int
    tls_port: int = 0

    def url(self, scheme: str = "http", credentials: str = "") -> str:
        port = self.tls_port if scheme == "https" else self.port
        return f"{scheme}://{credentials}{'@' if credentials else ''}127.0.0.1:{port}"


@contextmanager
def squid(authority: trustme.CA, *, asks_for_password: bool = False) -> Iterator[RunningProxy]:
    """Run squid, which keeps its clients' connections, for http and https clients."""
    # Started by root, it reads and writes as another user, whom pytest's own folders are closed to.
    with TemporaryDirectory(prefix="squid-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o777)
        with _running_squid(folder, authority, asks_for_password) as proxy:
            yield proxy


@contextmanager
def _running_squid(folder: Path, authority: trustme.CA, asks_for_password: bool) -> Iterator[RunningProxy]:
    program = _installed("squid")
    port, tls_port = _free_ports(2)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "proxy.pem")
    hashed = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True)
    (folder / "passwords").write_text(f"{LOGIN}:{hashed.stdout}")
    helper = _installed("basic_ncsa_auth")
    access = _SQUID_AUTH.format(helper=helper, folder=folder) if asks_for_password else "http_access allow all"
    (folder / "config").write_text(_SQUID.format(port=port, tls_port=tls_port, folder=folder, access=access))
    with _running([program, "-N", "-f", str(folder / "config")], folder, tls_port):
        yield RunningProxy(port, tls_port)


@contextmanager
def tinyproxy(folder: Path, *, asks_for_password: bool = False) -> Iterator[RunningProxy]:
    """Run tinyproxy, which closes each connection after its response."""
    program = _installed("tinyproxy")
    (port,) = _free_ports(1)
    access = f"BasicAuth {LOGIN} {PASSWORD}" if asks_for_password else ""
    (folder / "config").write_text(_TINYPROXY.format(port=port, access=access))
    with _running([program, "-d", "-c", str(folder / "config")], folder, port):
        yield RunningProxy(port)


@contextmanager
def nghttpd(folder: Path, authority: trustme.CA, *options: str, uses_tls: bool = True) -> Iterator[RunningProxy]:
    """Run nghttpd, the server of nghttp2, which serves the files of `folder`/www over HTTP/2."""
    program = _installed("nghttpd")
    (port,) = _free_ports(1)
    (folder / "www").mkdir(exist_ok=True)
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    tls = [str(port), str(folder / "key.pem"), str(folder / "cert.pem")] if uses_tls else ["--no-tls", str(port)]
    with _running([program, "-d", str(folder / "www"), *options, *tls], folder, port):
        yield RunningProxy(port)


@contextmanager
def caddy(folder: Path, authority: trustme.CA) -> Iterator[RunningProxy]:
    """Run caddy, which serves the files of `folder`/www over HTTP/1.1 and HTTP/2."""
    program = _installed("caddy")
    (port,) = _free_ports(1)
    (folder / "www").mkdir(exist_ok=True)
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    (folder / "config").write_text(_CADDY.format(folder=folder, port=port))
    home = f"XDG_CONFIG_HOME={folder}"  # where it saves what it runs
    command = ["env", home, program, "run", "--adapter", "caddyfile", "--config", str(folder / "config")]
    with _running(command, folder, port):
        yield RunningProxy(port)


@contextmanager
def haproxy(folder: Path, authority: trustme.CA, origin_port: int) -> Iterator[RunningProxy]:
    """Run haproxy, which speaks HTTP/2 with its clients and HTTP/1.1 with the origin."""
    program = _installed("haproxy")
    (port,) = _free_ports(1)
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    (folder / "config").write_text(_HAPROXY.format(folder=folder, port=port, origin=origin_port))
    with _running([program, "-db", "-f", str(folder / "config")], folder, port):
        yield RunningProxy(port)


@contextmanager
def dante(folder: Path, *, asks_for_password: bool = False) -> Iterator[RunningProxy]:
    """Run dante, a SOCKS server of all versions. asks_for_password: of a user of the system."""
    program = _installed("danted")
    (port,) = _free_ports(1)
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    method = "username" if asks_for_password else "none"
    (folder / "config").write_text(_DANTE.format(port=port, folder=folder, user=user, method=method))
    with _running([program, "-f", str(folder / "config"), "-p", str(folder / "pid")], folder, port):
        yield RunningProxy(port)


def _installed(name: str) -> str:
    program = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/squid")
    if program is None:
        pytest.skip(f"{name} is not installed; .ci/run shows how")
    return program


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_it_listens(process, folder, port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", folder: Path, port: int) -> None:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    said = [path.read_text() for path in (folder / "output", folder / "log") if path.exists()]
    raise RuntimeError(f"{process.args!r} does not listen: {' '.join(said)}")


def _free_ports(count: int) -> list[int]:
    with_port = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [sock.getsockname()[1] for sock in with_port]
    for sock in with_port:
        sock.close()
    return ports
