"""`BaseRequest` and `Request`: the body in all its readings, clones, and what stands around a request."""

import asyncio
import json
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.web.serving import serving
from trunkline.body.multipart_reader import MultipartReader
from trunkline.body.part_reader import BodyPartReader
from trunkline.conn.errors import PayloadAccessError, RequestPayloadError
from trunkline.web.app import Application
from trunkline.web.exceptions import HTTPRequestEntityTooLarge
from trunkline.web.keys import AppKey, RequestKey
from trunkline.web.request import BaseRequest, Request
from trunkline.web.response import Response
from trunkline.web.stream_response import StreamResponse

Look = Callable[[BaseRequest], Awaitable[Any]]  # Any: what it saw
COUNT = RequestKey("count", int)
NAME = AppKey("name", str)
COLOUR = AppKey("colour", str)


async def see(look: Look, data: bytes, **server: Any) -> Any:  # Any: as above, and for the server
    """Return what `look` returns of the request that `data` is; an error that it raises is raised here."""
    seen: list[Any] = []

    async def handler(request: BaseRequest) -> Response:
        try:
            seen.append(await look(request))
        except Exception as error:
            seen.append(error)
        return Response()

    async with serving(handler, **server) as serve:
        await serve.ask(data)
    if isinstance(seen[0], Exception):
        raise seen[0]
    return seen[0]


def post(body: bytes, *lines: str, method: str = "POST") -> bytes:
    head = "\r\n".join((f"{method} /x?y=1 HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *lines))
    return head.encode() + b"\r\n\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    return b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks


# The body.


@pytest.mark.parametrize("data", [post(b"abc"), chunked(b"a", b"bc"), post(b"abc", method="GET")])
async def test_the_body_is_read_once_and_kept(data: bytes) -> None:
    async def look(request: BaseRequest) -> Any:
        assert (request.body_exists, request.can_read_body) == (True, True)
        first = await request.read()
        assert await request.read() is first
        assert (request.body_exists, request.can_read_body) == (True, False)
        return first, await request.text()

    assert await see(look, data) == (b"abc", "abc")


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: test\r\n\r\n", post(b"")])
async def test_a_request_without_a_body_reads_as_empty(data: bytes) -> None:
    async def look(request: BaseRequest) -> Any:
        assert (request.body_exists, request.can_read_body) == (False, False)
        request.clone()
        body = await request.read()
        request.clone()  # nothing that it could miss
        return body, await request.text(), await request.content.read()

    assert await see(look, data) == (b"", "", b"")


@pytest.mark.parametrize(
    ("body", "media", "text"),
    [
        ("é".encode(), "text/plain", "é"),
        (b"\xe9", "text/plain; charset=latin-1", "é"),
        ("é".encode(), 'text/plain; charset="UTF-8"', "é"),
    ],
)
async def test_text_is_decoded_with_the_charset_or_as_utf_8(body: bytes, media: str, text: str) -> None:
    assert await see(lambda request: request.text(), post(body, f"Content-Type: {media}")) == text


@pytest.mark.parametrize(
    ("body", "media", "error"),
    [(b"\xff", "text/plain", UnicodeDecodeError), (b"a", "text/plain; charset=klingon", LookupError)],
)
async def test_text_that_cannot_be_decoded_is_an_error(body: bytes, media: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await see(lambda request: request.text(), post(body, f"Content-Type: {media}"))


async def test_json_is_read_by_loads() -> None:
    assert await see(lambda request: request.json(), post(b'{"a": [1]}')) == {"a": [1]}
    assert await see(lambda request: request.json(loads=lambda text: text + "!"), post(b"a")) == "a!"
    with pytest.raises(json.JSONDecodeError):
        await see(lambda request: request.json(), post(b"a"))


async def test_what_content_gave_is_not_read_again() -> None:
    async def look(request: BaseRequest) -> Any:
        return await request.content.read(2), await request.read()

    assert await see(look, post(b"abcd")) == (b"ab", b"cd")


@pytest.mark.parametrize("data", [post(b"abcd"), chunked(b"ab", b"cd")])
async def test_a_body_above_client_max_size_is_refused(data: bytes) -> None:
    async def look(request: BaseRequest) -> Any:
        return await request.clone(client_max_size=3).read()

    with pytest.raises(HTTPRequestEntityTooLarge) as seen:
        await see(look, data)
    assert (seen.value.status, seen.value.text) == (413, "Maximum request body size 3 exceeded.")


@pytest.mark.parametrize("limit", [0, 4])
@pytest.mark.parametrize("data", [post(b"abcd"), chunked(b"ab", b"cd")])
async def test_a_body_within_client_max_size_is_read(data: bytes, limit: int) -> None:
    assert await see(lambda request: request.clone(client_max_size=limit).read(), data) == b"abcd"


async def test_the_limit_is_for_the_body_as_it_is_when_it_was_decoded() -> None:
    data = post(zlib.compress(b"a" * 1000), "Content-Encoding: deflate")
    assert await see(lambda request: request.read(), data) == b"a" * 1000
    with pytest.raises(HTTPRequestEntityTooLarge):
        await see(lambda request: request.clone(client_max_size=999).read(), data)


async def test_a_damaged_body_raises() -> None:
    data = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    with pytest.raises(RequestPayloadError):
        await see(lambda request: request.read(), data)


async def test_release_drops_the_rest_of_the_body() -> None:
    async def look(request: BaseRequest) -> Any:
        await request.content.read(1)
        await request.release()
        return request.can_read_body

    assert await see(look, post(b"abc")) is False


async def test_after_the_answer_the_body_cannot_be_read() -> None:
    requests: list[BaseRequest] = []

    async def handler(request: BaseRequest) -> Response:
        requests.append(request)
        return Response()

    async with serving(handler) as serve:
        await serve.ask(post(b"abc"))
        with pytest.raises(PayloadAccessError):
            await requests[0].read()


async def test_post_reads_a_form_once() -> None:
    async def look(request: BaseRequest) -> Any:
        assert not request.has_form
        form = await request.post()
        assert await request.post() is form
        assert request.has_form
        return list(form.items())

    data = post(b"a=1&b=%20+&a=2&c", "Content-Type: application/x-www-form-urlencoded")
    assert await see(look, data) == [("a", "1"), ("b", "  "), ("a", "2"), ("c", "")]


async def test_multipart_reads_parts_as_they_come() -> None:
    async def look(request: BaseRequest) -> Any:
        reader = await request.multipart()
        assert isinstance(reader, MultipartReader)
        return [await part.read() async for part in reader if isinstance(part, BodyPartReader)]

    body = b"--B\r\n\r\none\r\n--B\r\n\r\ntwo\r\n--B--\r\n"
    assert await see(look, post(body, "Content-Type: multipart/mixed; boundary=B")) == [b"one", b"two"]


# Clones.


async def test_a_clone_differs_in_what_was_given_and_shares_the_body() -> None:
    async def look(request: BaseRequest) -> Any:
        request[COUNT] = 1
        clone = request.clone(
            method="PUT",
            rel_url="/new?z=1",
            headers={"X-A": "1"},
            scheme="https",
            host="other:1",
            remote="9.9.9.9",
            client_max_size=5,
            client_max_fields=6,
        )
        assert (clone.method, clone.path_qs, dict(clone.headers)) == ("PUT", "/new?z=1", {"X-A": "1"})
        assert (str(clone.url), clone.secure, clone.remote) == ("https://other:1/new?z=1", True, "9.9.9.9")
        assert (clone.client_max_size, clone.client_max_fields) == (5, 6)
        clone[COUNT] += 1
        assert (request[COUNT], clone[COUNT]) == (1, 2)
        assert (request.method, request.path_qs, request.scheme) == ("POST", "/x?y=1", "http")
        return await clone.read()

    assert await see(look, post(b"abc")) == b"abc"


async def test_a_clone_of_nothing_else_is_a_copy() -> None:
    async def look(request: BaseRequest) -> Any:
        clone = request.clone()
        for name in ("method", "version", "url", "rel_url", "headers", "host", "remote", "content_length"):
            assert getattr(clone, name) == getattr(request, name), name
        return clone is request, clone == request, type(clone) is type(request)

    assert await see(look, post(b"abc")) == (False, False, True)


async def test_what_was_read_cannot_be_cloned() -> None:
    async def look(request: BaseRequest) -> None:
        await request.read()
        request.clone()

    with pytest.raises(RuntimeError, match="clone it before"):
        await see(look, post(b"abc"))


# Around it.


async def test_the_connection_of_a_request() -> None:
    async def look(request: BaseRequest) -> Any:
        assert request.transport is not None
        assert request.protocol.transport is request.transport
        assert request.task is asyncio.current_task()
        assert request.writer is request.writer
        assert request.get_extra_info("peername")[0] == request.remote == "127.0.0.1"
        return request.get_extra_info("nothing"), request.get_extra_info("nothing", 3)

    assert await see(look, post(b"")) == (None, 3)


@pytest.mark.parametrize("name", ["has_body", "loop", "message"])
async def test_old_names_are_deprecated(name: str) -> None:
    async def look(request: BaseRequest) -> Any:
        with pytest.warns(DeprecationWarning, match=rf"equest.{name}.* deprecated"):
            return getattr(request, name)

    assert await see(look, post(b"abc"))


async def test_after_the_connection_is_lost_nothing_is_known_of_it() -> None:
    requests: list[BaseRequest] = []

    async def handler(request: BaseRequest) -> Response:
        requests.append(request)
        return Response()

    async with serving(handler) as serve:
        await serve.ask(post(b""))
    assert (requests[0].transport, requests[0].get_extra_info("peername", 5), requests[0].remote) == (None, 5, None)


@pytest.mark.parametrize(("target", "shown"), [("/a?b", "/a"), ("/%C3%A9", "/%C3%A9")])
async def test_the_repr_has_method_and_path(target: str, shown: str) -> None:
    async def look(request: BaseRequest) -> str:
        return repr(request)

    data = f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode()
    assert await see(look, data) == f"<BaseRequest GET {shown} >"


async def test_a_request_of_an_application_knows_its_route_and_applications() -> None:
    seen: list[Any] = []

    async def handler(request: Request) -> Response:
        clone = request.clone(method="POST")
        seen.append((request.match_info["id"], request.app, type(request), clone.match_info is request.match_info))
        seen.append((request.config_dict[NAME], request.config_dict.get(COLOUR)))
        return Response()

    inner, outer = Application(), Application()
    inner[NAME], outer[NAME], outer[COLOUR] = "inner", "outer", "red"
    inner.router.add_get("/{id}", handler)
    outer.add_subapp("/in", inner)
    async with serving(outer) as serve:
        assert (await serve.get("/in/5"))[0] == 200
    assert seen == [("5", inner, Request, True), ("inner", "red")]


async def test_before_it_is_routed_a_request_has_no_application() -> None:
    async def look(request: BaseRequest) -> None:
        unrouted = Request(request._message, request.content, request.protocol, None, None, asyncio.get_running_loop())
        with pytest.raises(RuntimeError, match="has not been routed"):
            unrouted.match_info  # noqa: B018 - a property
        with pytest.raises(RuntimeError, match="has not been routed"):
            unrouted.app  # noqa: B018 - a property

    await see(look, post(b""))


@pytest.mark.parametrize("returned", ["same", "other"])
async def test_what_answers_a_clone_answers_the_request(returned: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: BaseRequest) -> StreamResponse:
        response = StreamResponse()
        await response.prepare(request.clone(scheme="https"))
        await response.write_eof(b"once")
        return response if returned == "same" else Response(text="twice")

    async with serving(handler) as serve, await serve.talk() as talk:
        talk.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answers = await talk.rest()
    assert answers.count(b"once") == answers.count(b"HTTP/1.1 200") == (2 if returned == "same" else 1)
    assert b"twice" not in answers
    assert ("answered in part" in caplog.text) is (returned == "other")
