"""`TCPConnector(allow=…)`: who is not allowed gets no connection, whichever way the request would take."""

import asyncio
import copy
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.pool.tries import Tries
from tests.raw_server import OK, RawServer, replying
from tests.tunnels import TunnelProxy
from trunkline import BaseConnector, ClientConnectorError, ClientSession, TCPConnector, UnixConnector
from trunkline.abc import AbstractResolver, ResolveResult
from trunkline.errors import AddressNotAllowed, InvalidUrlClientError

ONE, TWO, THREE = "127.0.0.1", "127.0.0.2", "127.0.0.3"


class Names(AbstractResolver):
    """Answers each question for a name with the next of its lists of addresses, and the last one for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = answers
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        self.asked += 1
        answers = self._answers[host.partition(".")[0]]
        hosts = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ResolveResult(hostname=host, host=to, port=port, family=family, proto=0, flags=0) for to in hosts]

    async def close(self) -> None:
        pass


async def refusal(session: ClientSession, url: str, **options: Any) -> AddressNotAllowed:
    with pytest.raises(AddressNotAllowed) as caught:
        await session.get(url, **options)
    return caught.value


async def answer(session: ClientSession, url: str, **options: Any) -> str:
    async with session.get(url, **options) as response:
        return await response.text()


def redirecting(location: str) -> RawServer:
    return RawServer(replying(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()))


# Straight to the host.


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
async def test_however_loopback_is_spelled_it_is_not_public(host: str) -> None:
    async with RawServer(replying(OK)) as server, ClientSession(connector=TCPConnector(allow="public")) as session:
        error = await refusal(session, server.url(host=host))
        assert "loopback" in str(error)
        assert error.port == server.port
        assert server.connections == 0


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.1."])
@pytest.mark.parametrize("is_proxied", [False, True])
async def test_what_other_programs_take_for_loopback_is_no_host(host: str, is_proxied: bool) -> None:
    connector = TCPConnector(allow=lambda *_: True)
    async with TunnelProxy() as server, ClientSession(connector=connector) as session:
        with pytest.raises(InvalidUrlClientError, match="looks like an IP address"):
            await session.get(server.url(host=host), proxy=server.url() if is_proxied else None)
        assert server.connections == 0


async def test_the_error_tells_what_was_refused_and_why_and_travels() -> None:
    connector = TCPConnector(allow="public", resolver=Names(inside=[["10.0.0.1", "::1"]]))
    async with ClientSession(connector=connector) as session:
        error = await refusal(session, "https://inside.test/")
        assert isinstance(error, ClientConnectorError)
        assert isinstance(error.os_error, PermissionError)
        assert str(error) == (
            "Cannot connect to host inside.test:443 ssl:default [not allowed: 10.0.0.1 is private (RFC 1918); "
            "::1 is loopback (RFC 4291) (the connector's allow= decides; extend it if this is meant)]"
        )
        for copied in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert copied.refused == (("10.0.0.1", "is private (RFC 1918)"), ("::1", "is loopback (RFC 4291)"))
            assert str(copied) == str(error)
        assert session.stats().errors == {"AddressNotAllowed": 1}


@pytest.mark.parametrize("delay", [0.001, None])
async def test_of_mixed_answers_only_the_allowed_are_raced(delay: float | None) -> None:
    tries = Tries()
    connector = TCPConnector(
        allow=[ONE, THREE],
        resolver=Names(mixed=[[TWO, THREE, ONE, "::1"]]),
        socket_factory=tries,
        happy_eyeballs_delay=delay,
        force_close=True,
    )
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        for _ in range(4):  # each begins with another of the addresses
            assert await answer(session, server.url(host="mixed.test")) == "ok"
    assert set(tries.hosts) == {ONE, THREE}


async def test_if_none_of_the_allowed_answer_the_others_are_not_tried_either() -> None:
    connector = TCPConnector(allow=[TWO, THREE], resolver=Names(mixed=[[ONE, TWO], [THREE, ONE]]))
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        with pytest.raises(ClientConnectorError) as caught:
            await session.get(server.url(host="mixed.test"))
        assert not isinstance(caught.value, AddressNotAllowed)
        assert server.connections == 0


@pytest.mark.parametrize(("allow", "is_answered"), [([TWO], False), ([TWO, ONE], True)])
async def test_addresses_learnt_while_stale_ones_fail_are_judged_too(allow: list[str], is_answered: bool) -> None:
    names = Names(moved=[[TWO], [ONE]])
    connector = TCPConnector(allow=allow, resolver=names, ttl_dns_cache=300)
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        url = server.url(host="moved.test")
        assert connector._dns is not None
        await connector._dns.resolve("moved.test", server.port)
        connector._dns.refresh("moved.test", server.port)
        if is_answered:
            assert await answer(session, url) == "ok"
        else:
            with pytest.raises(ClientConnectorError, match=r"127\.0\.0\.2"):
                await session.get(url)
        assert (server.connections, names.asked) == (int(is_answered), 2)


async def test_a_name_that_moves_inside_after_it_was_judged_is_judged_again() -> None:
    names = Names(rebinding=[[ONE], [TWO]])
    connector = TCPConnector(allow=ONE, resolver=names, ttl_dns_cache=0, force_close=True)
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        url = server.url(host="rebinding.test")
        assert await answer(session, url) == "ok"
        assert names.asked == 1  # once for judging and connecting
        assert (await refusal(session, url)).refused == ((TWO, "is in none of the networks allowed"),)
        assert server.connections == 1


async def test_what_a_resolver_calls_an_address_is_not_resolved_again() -> None:
    connector = TCPConnector(allow=lambda *_: True, resolver=Names(odd=[["localhost"]]))
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        assert "localhost is not an IP address" in str(await refusal(session, server.url(host="odd.test")))
        assert server.connections == 0


async def test_connections_are_judged_when_they_are_opened_and_then_reused() -> None:
    asked: list[tuple[str, str, int]] = []

    def allow(host: str, ip: object, port: int) -> bool:
        asked.append((host, str(ip), port))
        return True

    async with RawServer(replying(OK)) as server, ClientSession(connector=TCPConnector(allow=allow)) as session:
        for _ in range(3):
            assert await answer(session, server.url()) == "ok"
        assert asked == [(ONE, ONE, server.port)]
        assert server.connections == 1


async def test_an_error_of_the_function_reaches_the_caller_and_frees_the_slot() -> None:
    def allow(host: str, ip: object, port: int) -> bool:
        raise LookupError("the list is not loaded")

    async with RawServer(replying(OK)) as server:
        async with ClientSession(connector=TCPConnector(allow=allow, limit=1)) as session:
            for _ in range(2):
                with pytest.raises(LookupError, match="not loaded"):
                    await session.get(server.url())
        assert server.connections == 0


async def test_after_a_refusal_the_slot_is_free_for_who_is_allowed() -> None:
    connector = TCPConnector(allow=ONE, limit=1, resolver=Names(inside=[["10.0.0.1"]]))
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        outcomes = await asyncio.gather(
            *(answer(session, server.url(host=host)) for host in ("inside.test", ONE, "inside.test", ONE)),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [AddressNotAllowed, str, AddressNotAllowed, str]


async def test_websockets_are_judged_like_other_requests() -> None:
    async with RawServer(replying(OK)) as server, ClientSession(connector=TCPConnector(allow="public")) as session:
        with pytest.raises(AddressNotAllowed):
            await session.ws_connect(f"ws://localhost:{server.port}/")
        assert server.connections == 0


# Redirects.


@pytest.mark.parametrize("host", [TWO, "inside.test", "[::ffff:127.0.0.2]", "[::1]"])
async def test_a_redirect_leads_to_nobody_who_is_not_allowed(host: str) -> None:
    names = Names(outside=[[ONE]], inside=[[TWO]])
    connector = TCPConnector(allow=ONE, resolver=names)
    async with (
        RawServer(replying(OK), host=TWO) as inside,
        redirecting(f"http://{host}:{inside.port}/") as outside,
        ClientSession(connector=connector) as session,
    ):
        with pytest.raises(AddressNotAllowed) as caught:
            await session.get(outside.url(host="outside.test"))
        assert caught.value.port == inside.port
        assert (outside.connections, inside.connections) == (1, 0)


async def test_a_redirect_to_who_is_allowed_is_followed() -> None:
    connector = TCPConnector(allow=[ONE, TWO], resolver=Names(inside=[[THREE, TWO]]))
    async with (
        RawServer(replying(OK), host=TWO) as inside,
        redirecting(inside.url(host="inside.test")) as outside,
        ClientSession(connector=connector) as session,
    ):
        assert await answer(session, outside.url()) == "ok"


# Through proxies.


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "https://8.8.8.8/"])
@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_is_not_allowed_is_not_connected_to(scheme: str, url: str) -> None:
    connector = TCPConnector(allow="public", resolver=Names(proxy=[["10.0.0.7"]]))
    async with ClientSession(connector=connector) as session:
        error = await refusal(session, url, proxy=f"{scheme}://proxy.test:3128")
        assert (error.host, error.port) == ("proxy.test", 3128)
        assert error.refused == (("10.0.0.7", "is private (RFC 1918)"),)


@pytest.mark.parametrize(
    ("host", "why"),
    [("10.0.0.1", "is private"), ("a.test", "is resolved by the proxy"), ("169.254.169.254", "is link-local")],
)
@pytest.mark.parametrize(
    ("scheme", "way"), [("http", "http"), ("https", "http"), ("http", "socks5"), ("http", "socks4")]
)
async def test_no_proxy_is_asked_for_who_is_not_allowed(scheme: str, way: str, host: str, why: str) -> None:
    async with TunnelProxy() as proxy, ClientSession(connector=TCPConnector(allow=["public", ONE])) as session:
        error = await refusal(session, f"{scheme}://{host}/", proxy=f"{way}://{ONE}:{proxy.port}")
        assert (error.host, error.refused[0][0]) == (host, host)
        assert why in str(error)
        assert proxy.connections == 0


async def test_a_function_may_trust_the_proxy_with_names() -> None:
    def by_proxy(host: str, ip: object, port: int) -> bool:
        return ip is None and host.endswith(".test")

    async with (
        TunnelProxy() as proxy,
        ClientSession(connector=TCPConnector(allow=["public", ONE, by_proxy])) as session,
    ):
        assert await answer(session, "http://a.test/", proxy=proxy.url()) == "forwarded"
        assert await answer(session, "http://8.8.8.8/", proxy=proxy.url()) == "forwarded"
        await refusal(session, "http://a.example/", proxy=proxy.url())
        await refusal(session, "http://10.0.0.1/", proxy=proxy.url())
    assert len(proxy.heads) == 2


async def test_a_proxy_of_the_environment_is_judged_like_a_given_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with TunnelProxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url())
        monkeypatch.delenv("no_proxy", raising=False)
        async with ClientSession(connector=TCPConnector(allow="public"), trust_env=True) as session:
            assert (await refusal(session, "http://8.8.8.8/")).host == ONE
        assert proxy.connections == 0


# Subclasses and other connectors.


async def test_addresses_of_a_replaced_resolve_host_are_judged() -> None:
    class Rewriting(TCPConnector):
        async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
            return await super()._resolve_host(ONE, port, traces)

    async with RawServer(replying(OK)) as server, ClientSession(connector=Rewriting(allow="public")) as session:
        await refusal(session, server.url(host="8.8.8.8"))
        assert server.connections == 0


async def test_a_replaced_connect_gets_the_allowed_addresses_alone() -> None:
    given: list[str] = []

    class Connecting(TCPConnector):
        async def _wrap_create_connection(self, *arguments: Any, **options: Any) -> Any:  # Any: handed on
            given.extend(info[4][0] for info in options["addr_infos"])
            return await super()._wrap_create_connection(*arguments, **options)

    connector = Connecting(allow=ONE, resolver=Names(mixed=[[TWO, ONE]]))
    async with RawServer(replying(OK)) as server, ClientSession(connector=connector) as session:
        assert await answer(session, server.url(host="mixed.test")) == "ok"
    assert given == [ONE]


async def test_a_subclass_that_opens_connections_itself_cannot_be_guarded_and_is_told_so() -> None:
    class Opening(TCPConnector):
        async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"Opening\._create_connection\(\) connects by itself"):
        Opening(allow="public")
    await Opening().close()


@pytest.mark.parametrize("make", [BaseConnector, UnixConnector])
async def test_other_connectors_have_no_addresses_to_judge(make: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="allow"):
        make(allow="public")


async def test_a_rule_that_is_none_is_refused_when_the_connector_is_made() -> None:
    with pytest.raises(ValueError, match="'internet', which is neither"):
        TCPConnector(allow="internet")


def test_the_policy_is_loaded_by_those_who_have_one() -> None:
    program = """
import asyncio, sys, trunkline

async def main() -> None:
    for allow in (None, "public"):
        async with trunkline.TCPConnector(allow=allow):
            print("trunkline.transport.policy" in sys.modules)

asyncio.run(main())
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split() == ["False", "True"]
