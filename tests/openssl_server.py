"""`openssl s_server` on loopback: a TLS server with none of nginx's session cache, for one version of TLS at a time.

It answers each request with a page that tells whether the handshake was a full one, and closes.
"""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 10.0  # it listens at once, unless the machine is very busy


@contextmanager
def openssl_server(certificate: Path, version: str, *options: str, port: int = 0) -> Iterator[str]:
    """Run a server for `version`, "1.2" or "1.3"; yields its URL. certificate: a file with the key and the chain."""
    port = port or free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(certificate), "-www", "-quiet"]
    process = subprocess.Popen(
        [*command, "-cert_chain", str(certificate), f"-tls{version.replace('.', '_')}", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_listens(process, port)
        yield f"https://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int) -> None:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"{process.args!r} does not listen")
