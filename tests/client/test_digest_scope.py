"""Who is sent Digest credentials: the first origin, what it names in `domain`, and nobody else."""

from tests.client.digest_server import Demand, DigestServer
from trunkline import ClientSession, web
from trunkline.client.digest import DigestAuthMiddleware


def session() -> ClientSession:
    return ClientSession(middlewares=(DigestAuthMiddleware("user", "pass"),))


async def get(client: ClientSession, url: str) -> int:
    async with client.get(url) as response:
        return response.status


async def test_a_redirect_takes_no_credentials_to_another_origin() -> None:
    async with DigestServer() as good, DigestServer() as evil, session() as client:
        good.routes["/away"] = web.HTTPFound(evil.url("/"))
        assert await get(client, good.url("/")) == 200
        assert await get(client, good.url("/away")) == 401
    assert evil.verdicts == ["none"]


async def test_a_redirect_back_is_signed_again() -> None:
    async with DigestServer() as good, DigestServer() as evil, session() as client:
        good.routes["/away"] = web.HTTPFound(evil.url("/back"))
        evil.routes["/back"] = web.HTTPFound(good.url("/in"))
        assert await get(client, good.url("/")) == 200
        assert await get(client, good.url("/away")) == 200
    assert evil.seen == []
    assert good.verdicts == ["none", "", ""]


async def test_the_first_origin_stays_the_one() -> None:
    async with DigestServer() as first, DigestServer() as second, session() as client:
        first.routes["/open"] = web.HTTPOk()
        assert await get(client, first.url("/open")) == 200
        assert await get(client, second.url("/")) == 401
        assert await get(client, first.url("/")) == 200
    assert second.verdicts == ["none"]


async def test_within_an_origin_the_domain_says_what_is_signed_unasked() -> None:
    async with DigestServer(Demand(extra='domain="/x /y/"')) as server, session() as client:
        for path in ("/x/1", "/x/2", "/x", "/xx", "/y/z", "/z"):
            assert await get(client, server.url(path)) == 200
    asked = [seen.target for seen in server.seen if seen.verdict == "none"]
    assert asked == ["/x/1", "/xx", "/z"]


async def test_a_domain_may_name_another_origin_which_may_not_name_a_third() -> None:
    async with DigestServer() as third, DigestServer() as other, DigestServer() as anchor, session() as client:
        other.demand = Demand(extra=f'domain="{other.url("/p")} {third.url("/")}"')
        anchor.demand = Demand(extra=f'domain="/ {other.url("/p")}"')
        for server, path, status in [
            (anchor, "/", 200),
            (other, "/p/1", 200),
            (other, "/p/2", 200),
            (other, "/outside", 401),
            (third, "/", 401),
            (anchor, "/", 200),
        ]:
            assert await get(client, server.url(path)) == status
    assert anchor.verdicts == ["none", "", ""]
    assert other.verdicts == ["nonce", "", "", "none"]  # signed with the anchor's nonce at first
    assert third.verdicts == ["none"]


async def test_realms_of_one_origin_keep_their_own_nonces() -> None:
    async with DigestServer(Demand(realm="x", extra='domain="/x"')) as server, session() as client:
        assert await get(client, server.url("/x")) == 200
        server.demand = Demand(realm="y", extra='domain="/y"')
        assert await get(client, server.url("/y")) == 200
        server.demand = Demand(realm="x", extra='domain="/x"')
        assert await get(client, server.url("/x")) == 200
    assert server.verdicts == ["none", "", "none", "", ""]
