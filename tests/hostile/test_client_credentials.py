"""Servers that would have credentials and cookies which are another's, and hosts that would be read as another."""

from pathlib import Path

import pytest
from yarl import URL

from tests.hostile.nearby import Nearby
from tests.memory import MIB, peak_below
from tests.raw_server import OK, Peer, RawServer, replying
from tests.tunnels import TunnelProxy
from trunkline import ClientSession, InvalidURL, TCPConnector
from trunkline.testing.throwaway_ca import ThrowawayCA
from trunkline.wire.limits import MAX_COOKIE_FIELD_BYTES, MAX_COOKIES, MAX_COOKIES_PER_DOMAIN


class Setting:
    """Answers each path of `plan` with its further fields, and keeps the heads that it received."""

    def __init__(self, plan: dict[str, list[str]] | None = None) -> None:
        self.plan = plan or {}
        self.heads: list[str] = []

    async def __call__(self, peer: Peer) -> None:
        while True:
            head = (await peer.request()).decode()
            self.heads.append(head)
            lines = self.plan.get(head.split(" ")[1], [])
            status = "302 Found" if any(line.startswith("Location:") for line in lines) else "200 OK"
            await peer.send("\r\n".join((f"HTTP/1.1 {status}", "Content-Length: 0", *lines, "", "")).encode())

    def cookies(self, at: int = -1) -> str:
        """Return the Cookie field of a head, "" without one."""
        return next((line[8:] for line in self.heads[at].split("\r\n") if line.startswith("Cookie: ")), "")


def nearby_session() -> ClientSession:
    return ClientSession(connector=TCPConnector(resolver=Nearby()))


async def get(session: ClientSession, url: str | URL) -> None:
    async with session.get(url) as response:
        await response.read()


# Credentials.


@pytest.mark.parametrize("url", ["http://good:@evil.test:{port}/", "http://good.test@evil.test:{port}/"])
async def test_what_stands_before_the_at_sign_is_no_host_and_goes_to_the_host_behind_it_alone(url: str) -> None:
    setting = Setting({"/": ["Location: http://good.test:{port}/2"]})
    resolver = Nearby()
    async with RawServer(setting) as server, ClientSession(connector=TCPConnector(resolver=resolver)) as session:
        setting.plan = {"/": [f"Location: http://good.test:{server.port}/2"]}
        await get(session, url.format(port=server.port))
    assert resolver.asked == ["evil.test", "good.test"]
    assert ["Authorization: Basic" in head for head in setting.heads] == [True, False]


@pytest.mark.parametrize("there", ["other name", "other port", "other scheme"])
async def test_a_redirect_to_another_origin_takes_no_credentials_and_neither_does_the_way_back(there: str) -> None:
    authority = ThrowawayCA()
    first, second = Setting(), Setting()
    connector = TCPConnector(resolver=Nearby(), ssl=authority.client_context())
    secrets = {"Authorization": "Bearer secret", "Cookie": "secret=1", "Proxy-Authorization": "Basic secret"}
    async with (
        RawServer(first) as plain,
        RawServer(second, ssl=authority.server_context() if there == "other scheme" else None) as other,
        ClientSession(connector=connector, headers=secrets) as session,
    ):
        away = {
            "other name": f"http://evil.test:{plain.port}/2",
            "other port": f"http://localhost:{other.port}/2",
            "other scheme": f"https://localhost:{other.port}/2",
        }[there]
        first.plan = {"/1": [f"Location: {away}"], "/2": [f"Location: http://localhost:{plain.port}/3"]}
        second.plan = first.plan
        await get(session, f"http://localhost:{plain.port}/1")
    heads = first.heads + second.heads
    assert len(heads) == 3
    assert ["secret" in head for head in heads] == [True, False, False]


async def test_connect_carries_what_is_for_the_proxy_and_the_origin_gets_the_rest() -> None:
    authority = ThrowawayCA()
    setting = Setting()
    async with (
        RawServer(setting, ssl=authority.server_context()) as origin,
        TunnelProxy() as proxy,
        ClientSession(connector=TCPConnector(ssl=authority.client_context())) as session,
    ):
        url = URL(origin.url()).with_user("origin").with_password("word")
        via = URL(proxy.url()).with_user("proxy").with_password("word")
        async with session.get(url, proxy=via, headers={"Cookie": "secret=1"}) as response:
            assert response.status == 200
        [question] = proxy.heads
    assert b"Proxy-Authorization: Basic" in question
    assert b"\r\nAuthorization:" not in question
    assert b"Cookie" not in question
    assert "\r\nAuthorization: Basic" in setting.heads[0]
    assert "Proxy-Authorization" not in setting.heads[0]


async def test_netrc_gives_credentials_to_the_host_that_it_names_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine good.test login user password word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    setting = Setting()
    async with (
        RawServer(setting) as server,
        ClientSession(connector=TCPConnector(resolver=Nearby()), trust_env=True) as session,
    ):
        setting.plan = {"/1": [f"Location: http://evil.test:{server.port}/2"]}
        for host in ("good.test", "evil.test", "good.test.evil.test", "sub.good.test"):
            await get(session, f"http://{host}:{server.port}/1")
    assert ["Authorization" in head for head in setting.heads] == [True] + [False] * 7


# Cookies.

REFUSED_COOKIES = {
    "of a foreign domain": "a=1; Domain=other.com",
    "of a part of a name": "a=1; Domain=ample.co.uk",
    "of a public suffix": "a=1; Domain=co.uk",
    "secure, over http": "a=1; Secure",
    "__Secure- without Secure": "__Secure-a=1",
    "__Host- over http": "__Host-a=1; Secure; Path=/",
    "__Host- with a domain": "__Host-a=1; Secure; Path=/; Domain=www.example.co.uk",
    "with a control character": "a=\x01",
}


@pytest.mark.parametrize("field", REFUSED_COOKIES.values(), ids=REFUSED_COOKIES)
async def test_a_cookie_that_a_server_may_not_set_goes_nowhere(field: str) -> None:
    setting = Setting({"/set": [f"Set-Cookie: {field}"]})
    async with RawServer(setting) as server, nearby_session() as session:
        await get(session, f"http://www.example.co.uk:{server.port}/set")
        for host in ("www.example.co.uk", "other.com", "www.other.co.uk", "co.uk", "ample.co.uk"):
            await get(session, f"http://{host}:{server.port}/")
            assert setting.cookies() == ""
        assert len(session.cookie_jar) == 0


async def test_plain_http_overwrites_no_cookie_that_was_set_over_tls() -> None:
    authority = ThrowawayCA()
    secure, plain = Setting({"/": ["Set-Cookie: a=good; Secure"]}), Setting({"/": ["Set-Cookie: a=evil"]})
    connector = TCPConnector(resolver=Nearby(), ssl=authority.client_context())
    async with (
        RawServer(secure, ssl=authority.server_context()) as over_tls,
        RawServer(plain) as in_clear,
        ClientSession(connector=connector) as session,
    ):
        await get(session, f"https://localhost:{over_tls.port}/")
        await get(session, f"http://localhost:{in_clear.port}/")
        await get(session, f"http://localhost:{in_clear.port}/again")
        await get(session, f"https://localhost:{over_tls.port}/")
    assert plain.cookies() == ""
    assert secure.cookies() == "a=good"


async def test_20_000_cookies_leave_a_bounded_jar_a_bounded_field_and_a_bounded_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    setting = Setting(
        {f"/{n}": [f"Set-Cookie: c{n}-{i}={'v' * 20}; Domain=d{n % 50}.test" for i in range(100)] for n in range(200)}
    )
    async with RawServer(setting) as server, nearby_session() as session:
        with peak_below(32 * MIB):
            for n in range(200):
                await get(session, f"http://d{n % 50}.test:{server.port}/{n}")
            assert len(session.cookie_jar) <= MAX_COOKIES
            for n in range(50):
                await get(session, f"http://d{n}.test:{server.port}/")
                assert 0 < len(setting.cookies().split("; ")) <= MAX_COOKIES_PER_DOMAIN
                assert len(setting.cookies()) <= MAX_COOKIE_FIELD_BYTES
    assert sum(len(record.getMessage()) for record in caplog.records) < 200 * 300  # a line for each answer


# Hosts.

BAD_HOSTS = [  # tabs, CR and LF are left out by yarl, as browsers do (WHATWG URL §4.4)
    "%00", "a%00b", "a%2fb", "a%2Fb", "a%20b", "a ", "%20a", "a\0b", "0x7f.1", "0x7f000001",
    "2130706433", "127.1", "0177.0.0.1", "127.0.0.1.", "a_b%5c", "a\\b", "a<b", "a%23b", "a%3ab", "a%40b", "[::1",
    "[::1%25]", "[127.0.0.1]",
]  # fmt: skip


@pytest.mark.parametrize("host", BAD_HOSTS)
@pytest.mark.parametrize("encoded", [False, True])
async def test_a_host_that_is_none_is_an_invalid_url_and_no_name_is_looked_up(host: str, encoded: bool) -> None:
    resolver = Nearby()
    async with (
        RawServer(replying(OK)) as server,
        ClientSession(connector=TCPConnector(resolver=resolver)) as session,
    ):
        with pytest.raises(ValueError) as caught:  # yarl's own, where it makes no URL of it
            await get(session, URL(f"http://{host}:{server.port}/", encoded=encoded))
        assert len(str(caught.value)) > 5
        assert (resolver.asked, server.connections) == ([], 0)


@pytest.mark.parametrize("host", ["%00", "a%2fb", "a%20", "0x7f.1", "2130706433"])
async def test_the_same_in_a_redirect_is_an_error_and_no_name_is_looked_up(host: str) -> None:
    resolver = Nearby()
    setting = Setting()
    async with RawServer(setting) as server, ClientSession(connector=TCPConnector(resolver=resolver)) as session:
        setting.plan = {"/": [f"Location: http://{host}:{server.port}/2"]}
        with pytest.raises(InvalidURL):
            await get(session, server.url())
        assert (resolver.asked, server.connections, len(setting.heads)) == ([], 1, 1)
