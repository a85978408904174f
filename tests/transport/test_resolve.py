import socket
import subprocess
import sys

import pytest

from trunkline.transport.resolve import AsyncResolver, ThreadedResolver, is_ip_address, numeric_address


async def test_the_system_resolver_knows_localhost() -> None:
    (result,) = await ThreadedResolver().resolve("localhost", 8080)
    assert (result["hostname"], result["host"], result["port"]) == ("localhost", "127.0.0.1", 8080)
    assert (result["family"], result["proto"]) == (socket.AF_INET, socket.IPPROTO_TCP)
    assert result["flags"] & socket.AI_NUMERICHOST


@pytest.mark.parametrize("host", ["no-such-name.invalid", "a" * 64 + ".invalid", "a..b.invalid", ".invalid"])
async def test_a_name_without_addresses_is_an_os_error(host: str) -> None:
    with pytest.raises(OSError):
        await ThreadedResolver().resolve(host, 80)


@pytest.mark.parametrize(
    ("host", "family"),
    [
        ("127.0.0.1", socket.AF_INET),
        ("::1", socket.AF_INET6),
        ("fe80::1%eth0", socket.AF_INET6),
        ("fe80::1%2", socket.AF_INET6),
        ("::ffff:10.0.0.1", socket.AF_INET6),
    ],
)
def test_an_ip_address_is_its_own_answer(host: str, family: socket.AddressFamily) -> None:
    result = numeric_address(host, 80)
    assert result is not None
    assert (result["host"], result["port"], result["family"]) == (host, 80, family)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.1",
        "0x7f.1",
        "2130706433",
        "127.0.0.1%lo",
        "1.2.3.4.5",
        "[::1]",
        "",
        "\0",
        "::1\0",
        "é",
    ],
)
def test_what_is_not_an_ip_address_is_a_name(host: str) -> None:
    assert numeric_address(host, 80) is None


def test_async_resolver_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiodns", None)
    with pytest.raises(RuntimeError, match="needs aiodns, which is not here: pip install aiodns"):
        AsyncResolver()


async def test_async_resolver_resolves() -> None:
    pytest.importorskip("aiodns")
    resolver = AsyncResolver()
    try:
        results = await resolver.resolve("localhost", 8080)
        assert ("127.0.0.1", 8080) in [(one["host"], one["port"]) for one in results]
        with pytest.raises(OSError):
            await resolver.resolve("a..b.invalid", 80)
    finally:
        await resolver.close()


def test_importing_the_resolvers_does_not_import_aiodns() -> None:
    program = "import sys, trunkline.transport.resolve; sys.exit('aiodns' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_what_is_an_ip_address() -> None:
    assert all(map(is_ip_address, ("192.0.2.1", "::1", "fe80::1%eth0")))
    assert not any(map(is_ip_address, ("host", "", "[::1]", "192.0.2.1.example", None)))
