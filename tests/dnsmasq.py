"""A real dnsmasq on loopback that answers for the zone `test`, from a table that a test may change.

Names of the zone that are not in the table do not exist (NXDOMAIN); names of other zones are refused. Its log tells how
often it was asked.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType

from trunkline.testing.ports import unused_port
from trunkline.transport.resolve import AsyncResolver

START_S = 10.0  # it listens within a few hundredths of a second, unless the machine is very busy
ANSWER_S = 1.0  # the resolver's patience; dnsmasq answers within a millisecond, unless the machine is very busy


class Dnsmasq:
    """Runs dnsmasq within its `with` block. ttl_s: of every record. 0 keeps c-ares from keeping answers itself."""

    def __init__(self, folder: Path, ttl_s: int = 0, **names: list[str]) -> None:
        self._hosts = folder / "hosts"
        self._log = folder / "log"
        self._ttl_s = ttl_s
        self._names = names
        self._port = unused_port()

    def __enter__(self) -> "Dnsmasq":
        program = shutil.which("dnsmasq", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program is not None, "dnsmasq is not installed; the tests need it (.ci/run shows how)"
        self._write()
        self._log.touch()
        self._process = subprocess.Popen(
            [
                program,
                *("--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--log-queries", "--bind-interfaces"),
                *("--no-resolv", "--no-hosts", "--local=/test/", "--listen-address=127.0.0.1"),
                *(f"--port={self._port}", f"--local-ttl={self._ttl_s}", f"--addn-hosts={self._hosts}"),
                *(f"--log-facility={self._log}", *(["--user=root"] if os.geteuid() == 0 else [])),
            ],
            stdin=subprocess.DEVNULL,
        )
        self._wait_until(lambda: self._reads() == 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resume()
        self._process.terminate()
        self._process.wait(START_S)

    def resolver(self) -> AsyncResolver:
        """A resolver that asks this server, and nobody else; its owner closes it."""
        return AsyncResolver(nameservers=[f"127.0.0.1:{self._port}"], timeout=ANSWER_S, tries=1)

    @asynccontextmanager
    async def resolving(self) -> AsyncIterator[AsyncResolver]:
        """The same, closed at the end."""
        resolver = self.resolver()
        yield resolver
        await resolver.close()

    def change(self, **names: list[str]) -> None:
        """Answer with these addresses from now on; a name without any is gone."""
        self._names |= names
        self._write()
        reads = self._reads()
        self._process.send_signal(signal.SIGHUP)
        self._wait_until(lambda: self._reads() > reads)

    def pause(self) -> None:
        """Answer nothing until `resume`."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def asked(self, name: str) -> int:
        """How often the IPv4 addresses of `name` were asked for."""
        return self._log.read_text().count(f"query[A] {name} from")

    def _write(self) -> None:
        lines = [f"{address} {name}.test\n" for name, addresses in self._names.items() for address in addresses]
        self._hosts.write_text("".join(lines))

    def _reads(self) -> int:
        return self._log.read_text().count(f"read {self._hosts} ")

    def _wait_until(self, is_so: Callable[[], bool]) -> None:
        give_up_at = time.monotonic() + START_S
        while not is_so():
            if time.monotonic() > give_up_at or self._process.poll() is not None:
                raise RuntimeError(f"dnsmasq does not do what it should: {self._log.read_text()}")
            time.sleep(0.005)
