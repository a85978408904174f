"""Digest authentication against a server that verifies everything by its own computation."""

import asyncio
import hashlib
import io
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.client.digest_server import Demand, DigestServer
from trunkline import (
    ClientError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    TCPConnector,
    web,
)
from trunkline.client.digest import DigestAuthMiddleware

LOGIN = "user"
ALGORITHMS = ["", "MD5", "MD5-sess", "SHA", "SHA-sess", "SHA-256", "SHA-256-sess", "SHA-512", "SHA-512-sess"]
if "sha512_256" in hashlib.algorithms_available:
    ALGORITHMS += ["SHA-512-256", "SHA-512-256-sess"]


def session(password: str = "pass", *, preemptive: bool = True, login: str = LOGIN) -> ClientSession:
    return ClientSession(middlewares=(DigestAuthMiddleware(login, password, preemptive=preemptive),))


async def post(client: ClientSession, url: str, data: Any = b"body", **options: Any) -> tuple[int, bytes]:
    async with client.post(url, data=data, **options) as response:
        return response.status, await response.read()


@pytest.mark.parametrize("qop", ["", "auth", "auth-int", "auth,auth-int"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_algorithm_and_quality_gets_in_with_one_challenge(algorithm: str, qop: str) -> None:
    async with DigestServer(Demand((algorithm,), qop)) as server, session() as client:
        for path in ("/a", "/b?c=d%20e&f=%C3%BC"):
            assert await post(client, server.url(path)) == (200, b"in: body")
    assert server.verdicts == ["none", "", ""]
    assert server.seen[-1].parameters.get("qop", "") == qop.rpartition(",")[2]  # integrity, where it is offered


async def test_the_connection_is_kept_when_a_challenge_is_answered() -> None:
    async with DigestServer() as server, session() as client:
        await post(client, server.url())
    assert len(server.connections) == 1


async def test_the_strongest_challenge_is_answered_wherever_it_stands() -> None:
    async with DigestServer(Demand(("MD5", "SHA-256", "SHA"))) as server, session() as client:
        assert await post(client, server.url()) == (200, b"in: body")
    assert server.seen[-1].parameters["algorithm"] == "SHA-256"


@pytest.mark.parametrize(
    ("login", "password"), [('us"er\\', 'pa"ss:\\'), ("üser", "пароль"), ("", ""), ("a b,c=d", "x")]
)
async def test_any_login_and_password_survive_their_quoting(login: str, password: str) -> None:
    demand = Demand(("SHA-256",), realm='the "realm", of \\')
    async with DigestServer(demand, login, password) as server, session(password, login=login) as client:
        assert (await post(client, server.url()))[0] == 200


async def test_the_login_is_hashed_for_a_server_that_asks_for_it() -> None:
    async with DigestServer(Demand(("SHA-256",), userhash=True)) as server, session() as client:
        assert (await post(client, server.url()))[0] == 200
    assert LOGIN not in server.seen[-1].parameters["username"]


# What goes wrong.


async def test_a_wrong_password_is_tried_once_and_not_remembered() -> None:
    async with DigestServer() as server, session("wrong") as client:
        for _ in range(2):
            status, body = await post(client, server.url())
            assert (status, body[:12]) == (401, b"who are you?")
    assert server.verdicts == ["none", "response"] * 2


@pytest.mark.parametrize("preemptive", [True, False])
async def test_a_stale_nonce_is_replaced(preemptive: bool) -> None:
    async with DigestServer(Demand(uses=2)) as server, session(preemptive=preemptive) as client:
        assert [(await post(client, server.url()))[0] for _ in range(4)] == [200] * 4
    wanted = ["none", "", "", "stale", "", ""] if preemptive else ["none", ""] * 4
    assert server.verdicts == wanted


async def test_a_nonce_stale_from_the_start_is_replaced_once() -> None:
    async with DigestServer(Demand(uses=0)) as server, session() as client:
        assert (await post(client, server.url()))[0] == 401
    assert server.verdicts == ["none", "stale", "stale"]


async def test_a_changed_nonce_is_answered_without_being_called_stale() -> None:
    async with DigestServer() as server, session() as client:
        await post(client, server.url())
        server.counts.clear()  # as after a restart of the server
        assert (await post(client, server.url()))[0] == 200
    assert server.verdicts == ["none", "", "nonce", ""]


async def test_without_preemption_every_request_is_challenged() -> None:
    async with DigestServer() as server, session(preemptive=False) as client:
        for _ in range(2):
            await post(client, server.url())
    assert server.verdicts == ["none", "", "none", ""]


async def test_the_next_nonce_is_used_from_then_on() -> None:
    async with DigestServer() as server, session() as client:
        fresh = server.nonce()
        escaped = fresh.replace("\\", "\\\\").replace('"', '\\"')
        server.answer_fields["Authentication-Info"] = f'nextnonce="{escaped}"'
        for _ in range(3):
            assert (await post(client, server.url()))[0] == 200
    assert server.verdicts == ["none", "", "", ""]
    assert [(seen.parameters["nonce"] == fresh, seen.parameters["nc"]) for seen in server.seen[1:]] == [
        (False, "00000001"),
        (True, "00000001"),
        (True, "00000002"),
    ]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ('Digest nonce="n"', "Malformed Digest auth challenge: Missing 'realm' parameter"),
        ('Digest realm="r", nonce="n", algorithm=FOO', "Digest auth error: Unsupported hash algorithm: FOO"),
        ('Digest realm="r", nonce="n", qop="x"', "Digest auth error: Unsupported Quality of Protection"),
    ],
)
async def test_a_challenge_that_cannot_be_answered_is_an_error(field: str, text: str) -> None:
    async with DigestServer() as server, session() as client:
        server.routes["/"] = web.HTTPUnauthorized(headers={"WWW-Authenticate": field})
        with pytest.raises(ClientError, match=text):
            await client.get(server.url())


@pytest.mark.parametrize("field", [None, "Basic realm=r", "Negotiate"])
async def test_a_401_without_a_digest_challenge_is_returned(field: str | None) -> None:
    async with DigestServer() as server, session() as client:
        server.routes["/"] = web.HTTPUnauthorized(headers={"WWW-Authenticate": field} if field else None)
        async with client.get(server.url()) as response:
            assert response.status == 401


async def test_a_weaker_algorithm_than_before_is_answered_but_not_silently(caplog: pytest.LogCaptureFixture) -> None:
    async with DigestServer(Demand(("SHA-256",))) as server, session() as client:
        await post(client, server.url())
        server.demand = Demand(("MD5",))
        with caplog.at_level(logging.WARNING, "trunkline.client"):
            assert (await post(client, server.url()))[0] == 200
    assert "went down from sha256 to md5" in caplog.text


@pytest.mark.parametrize(
    ("login", "password", "error"),
    [
        (None, "", ValueError),
        ("", None, ValueError),
        (b"u", "", TypeError),
        ("", b"p", TypeError),
        ("a:b", "", ValueError),
        ("a\r\nX-Injected: b", "", ValueError),
        ("a\x00", "", ValueError),
    ],
)
def test_credentials_that_cannot_be_sent_are_refused_at_once(login: Any, password: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        DigestAuthMiddleware(login, password)


# Bodies.


async def chunks() -> AsyncIterator[bytes]:
    yield b"once "
    yield b"only"


@pytest.mark.parametrize("qop", ["auth", "auth-int"])
@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: io.BytesIO(b"a file"), b"in: a file"),
        (lambda: b"x" * 1_000_000, b"in: " + b"x" * 1_000_000),
        (lambda: {"a": "1"}, b"in: a=1"),
        (lambda: "text", b"in: text"),
        (lambda: None, b"in: "),
    ],
)
async def test_bodies_that_can_be_read_again_are_sent_again(make: Callable[[], Any], wanted: bytes, qop: str) -> None:
    async with DigestServer(Demand(qop=qop)) as server, session() as client:
        assert await post(client, server.url(), make()) == (200, wanted)


async def test_a_body_that_can_be_read_only_once_gives_the_401(caplog: pytest.LogCaptureFixture) -> None:
    async with DigestServer() as server, session() as client:
        with caplog.at_level(logging.WARNING, "trunkline.client"):
            assert (await post(client, server.url(), chunks()))[0] == 401
    assert "its body can be read only once" in caplog.text
    assert server.verdicts == ["none"]


@pytest.mark.parametrize("qop", ["auth", "auth,auth-int"])
async def test_a_body_that_can_be_read_only_once_goes_out_signed_once_the_nonce_is_known(qop: str) -> None:
    async with DigestServer(Demand(qop=qop)) as server, session() as client:
        await post(client, server.url(), None)
        assert await post(client, server.url(), chunks()) == (200, b"in: once only")
    assert server.seen[-1].parameters["qop"] == "auth"


async def test_a_body_that_cannot_be_hashed_gives_the_401_of_a_server_that_insists() -> None:
    async with DigestServer(Demand(qop="auth-int")) as server, session() as client:
        await post(client, server.url(), None)
        assert (await post(client, server.url(), b"body" * 100, compress=True))[0] == 401
    assert server.verdicts == ["none", "", "none"]


# One middleware for many.


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256-sess"])
async def test_no_count_is_used_twice_by_requests_at_the_same_time(algorithm: str) -> None:
    async with DigestServer(Demand((algorithm,), uses=7)) as server, session() as client:
        results = await asyncio.gather(*(post(client, server.url()) for _ in range(20)))
        results += await asyncio.gather(*(post(client, server.url()) for _ in range(20)))
    assert {status for status, _ in results} == {200}
    assert set(server.verdicts) <= {"none", "", "stale"}


async def test_many_requests_with_one_nonce_count_up() -> None:
    async with DigestServer(Demand(qop="auth-int")) as server, session() as client:
        await post(client, server.url())
        await asyncio.gather(*(post(client, server.url()) for _ in range(20)))
    counts = sorted(int(seen.parameters["nc"], 16) for seen in server.seen[1:])
    assert counts == list(range(1, 22))
    assert set(server.verdicts[1:]) == {""}


async def test_one_connection_is_enough_also_when_an_answer_is_cancelled() -> None:
    cancelled: list[asyncio.Task[Any]] = []

    async def cancel_the_first_answer(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        task = asyncio.current_task()
        if "Authorization" in request.headers and not cancelled and task is not None:
            cancelled.append(task)
            task.cancel()
        return await handler(request)

    middlewares = (DigestAuthMiddleware(LOGIN, "pass", preemptive=False), cancel_the_first_answer)
    async with (
        DigestServer() as server,
        ClientSession(connector=TCPConnector(limit=1), middlewares=middlewares) as client,
    ):
        requests = [asyncio.ensure_future(post(client, server.url())) for _ in range(5)]
        results = await asyncio.gather(*requests, return_exceptions=True)
    assert [task.cancelled() for task in requests].count(True) == len(cancelled) == 1
    assert results.count((200, b"in: body")) == 4


async def test_a_middleware_serves_several_sessions() -> None:
    digest = DigestAuthMiddleware(LOGIN, "pass")
    async with DigestServer() as server:
        for _ in range(2):
            async with ClientSession(middlewares=(digest,)) as client:
                assert (await post(client, server.url()))[0] == 200
    assert server.verdicts == ["none", "", ""]
