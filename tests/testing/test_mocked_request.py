"""Requests without a connection: real ones, on mocks or on what the test brings."""

import asyncio
import ssl
from unittest import mock

import pytest
from multidict import CIMultiDict

from trunkline import hdrs
from trunkline.body.stream import StreamReader
from trunkline.ground.types import LooseHeaders
from trunkline.testing.mocked_request import make_mocked_coro, make_mocked_request
from trunkline.web.app import Application
from trunkline.web.request import Request
from trunkline.web.response import Response
from trunkline.web.stream_response import StreamResponse
from trunkline.wire.version import HttpVersion10


def test_a_request_of_two_arguments_is_whole() -> None:
    request = make_mocked_request("GET", "/a/b?x=1")
    assert type(request) is Request
    assert (request.method, request.path, request.query["x"]) == ("GET", "/a/b", "1")
    assert (request.scheme, request.host, str(request.url)) == ("http", "127.0.0.1", "http://127.0.0.1/a/b?x=1")
    assert (request.remote, request.keep_alive, request.body_exists) == (None, True, False)
    assert dict(request.match_info) == {}


@pytest.mark.parametrize(
    "headers", [{"Token": "x"}, [("token", "x")], CIMultiDict(TOKEN="x")], ids=["dict", "list", "multidict"]
)
def test_headers_come_in_every_form_that_a_multidict_takes(headers: LooseHeaders) -> None:
    assert make_mocked_request("GET", "/", headers).headers["token"] == "x"


def test_fields_mean_what_they_mean_on_a_server() -> None:
    request = make_mocked_request(
        "POST", "/", {"Host": "example.com", "Content-Length": "3", "Cookie": "a=b", "Content-Type": "text/plain"}
    )
    assert (request.host, request.content_length, request.content_type) == ("example.com", 3, "text/plain")
    assert request.cookies == {"a": "b"}


def test_an_upgrade_an_expectation_and_chunks_are_seen() -> None:
    fields = {"Connection": "Upgrade", "Expect": "100-Continue", "Transfer-Encoding": "chunked"}
    message = make_mocked_request("POST", "/", fields)._message
    assert (message.upgrade, message.expect, message.chunked) == (True, "100-continue", True)


def test_version_and_closing_decide_on_the_connection() -> None:
    request = make_mocked_request("GET", "/", version=HttpVersion10, closing=True)
    assert (request.version, request.keep_alive) == (HttpVersion10, False)


def test_values_of_the_path_are_taken() -> None:
    assert make_mocked_request("GET", "/", match_info={"id": "5"}).match_info["id"] == "5"


def test_the_application_is_the_tests_or_a_mock_that_looks_like_one() -> None:
    app = Application()
    assert make_mocked_request("GET", "/", app=app).app is app
    assert isinstance(make_mocked_request("GET", "/").app, Application)


def test_a_tls_context_makes_it_https() -> None:
    request = make_mocked_request("GET", "/", sslcontext=ssl.create_default_context())
    assert (request.scheme, request.secure) == ("https", True)


async def test_the_body_comes_from_the_payload() -> None:
    payload = StreamReader(mock.Mock(), 2**16, loop=asyncio.get_running_loop())
    payload.feed_data(b'{"a": 1}')
    payload.feed_eof()
    assert await make_mocked_request("POST", "/", payload=payload).json() == {"a": 1}


def test_what_stands_around_the_request_can_be_brought() -> None:
    writer, protocol, transport, loop = mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock()
    request = make_mocked_request("GET", "/", writer=writer, protocol=protocol, transport=transport, loop=loop)
    assert request.writer is writer
    assert request.protocol is protocol
    assert request.transport is transport
    assert request._loop is loop


def test_limits_of_the_body_are_taken() -> None:
    request = make_mocked_request("GET", "/", client_max_size=5, client_max_fields=6)
    assert (request.client_max_size, request.client_max_fields) == (5, 6)


async def test_a_response_to_it_can_be_prepared_and_sent() -> None:
    request = make_mocked_request("GET", "/")
    response = Response(text="hello")
    await response.prepare(request)
    await response.write_eof()
    assert response.prepared
    assert response.headers[hdrs.CONTENT_LENGTH] == "5"


async def test_a_stream_response_writes_to_the_mocked_writer() -> None:
    request = make_mocked_request("GET", "/")
    response = StreamResponse()
    await response.prepare(request)
    await response.write(b"x")
    writer = request.writer
    assert isinstance(writer, mock.Mock)
    writer.write.assert_awaited_once_with(b"x")


async def test_a_mocked_coroutine_function_records_its_calls() -> None:
    mocked = make_mocked_coro(1)
    assert await mocked(1, key=2) == 1
    mocked.assert_called_once_with(1, key=2)


async def test_a_mocked_coroutine_function_raises_what_it_was_told_to() -> None:
    with pytest.raises(KeyError, match="z"):
        await make_mocked_coro(raise_exception=KeyError("z"))()
