"""FileResponse over real sockets; what it decides is tested in test_file_answer."""

import asyncio
import os
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.web.serving import Serving, parse_head, serving
from trunkline.web.app import Application
from trunkline.web.file_answer import SMALL_BYTES
from trunkline.web.file_response import FileResponse
from trunkline.web.request import BaseRequest, Request

TEXT = b"0123456789"
LARGE = os.urandom(3 * SMALL_BYTES + 1)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.txt"
    path.write_bytes(TEXT)
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(LARGE)
    return path


def answering_with(response: FileResponse) -> AbstractAsyncContextManager[Serving]:
    """Serve one response, once."""

    async def handler(request: BaseRequest) -> FileResponse:
        return response

    return serving(handler)


def open_descriptors(path: Path) -> int:
    return sum(os.path.realpath(f"/proc/self/fd/{number}") == str(path) for number in os.listdir("/proc/self/fd"))


async def test_a_small_file_arrives(small: Path) -> None:
    async with answering_with(FileResponse(small)) as served:
        status, fields, body = await served.get("/")
    assert (status, body) == (200, TEXT)
    assert (fields["content-length"], fields["content-type"]) == ("10", "text/plain")


async def test_a_large_file_arrives_and_is_closed(large: Path) -> None:
    async with answering_with(FileResponse(str(large))) as served:
        assert (await served.get("/"))[2] == LARGE
    assert open_descriptors(large) == 0


async def test_an_empty_file_arrives(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    async with answering_with(FileResponse(tmp_path / "empty")) as served:
        status, fields, body = await served.get("/")
    assert (status, fields["content-length"], body) == (200, "0", b"")


async def test_a_large_part_arrives(large: Path) -> None:
    async with answering_with(FileResponse(large)) as served:
        status, fields, body = await served.get("/", "Range: bytes=1000-180000")
    assert (status, body) == (206, LARGE[1000:180001])
    assert fields["content-range"] == f"bytes 1000-180000/{len(LARGE)}"


async def test_head_sends_no_byte_of_a_large_file(large: Path) -> None:
    async with answering_with(FileResponse(large)) as served, await served.talk() as talk:
        talk.send(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        _, fields = parse_head(await talk.head())
        assert (fields["content-length"], await talk.rest()) == (str(len(LARGE)), b"")


async def test_a_client_that_has_it_gets_no_body(small: Path) -> None:
    async with answering_with(FileResponse(small)) as served:
        status, fields, body = await served.get("/", "If-None-Match: *")
    assert (status, body) == (304, b"")
    assert "etag" in fields
    assert "content-length" not in fields
    assert "content-type" not in fields


@pytest.mark.parametrize(("name", "refusal"), [("nothing", 404), (".", 403)])
async def test_a_file_that_cannot_be_served_is_an_error_without_a_body(tmp_path: Path, name: str, refusal: int) -> None:
    async with answering_with(FileResponse(tmp_path / name)) as served:
        status, fields, body = await served.get("/")
    assert (status, fields["content-length"], body) == (refusal, "0", b"")


async def test_a_status_of_the_handler_stays(small: Path) -> None:
    async with answering_with(FileResponse(small, status=404, reason="Gone fishing")) as served:
        status, _, body = await served.get("/", "If-None-Match: *", "Range: bytes=0-1")
    assert (status, body) == (404, TEXT)


async def test_fields_of_the_handler_stay(small: Path) -> None:
    small.with_suffix(".txt.gz").write_bytes(b"GZIP")
    headers = {"Content-Type": "text/x-own", "Vary": "Cookie", "X-Own": "1"}
    async with answering_with(FileResponse(small, headers=headers)) as served:
        _, fields, body = await served.get("/", "Accept-Encoding: gzip")
    assert body == b"GZIP"
    assert (fields["content-type"], fields["content-encoding"]) == ("text/x-own", "gzip")
    assert (fields["vary"], fields["x-own"]) == ("Cookie, Accept-Encoding", "1")


async def test_a_large_file_can_be_compressed_on_its_way(large: Path) -> None:
    response = FileResponse(large, chunk_size=1000)
    response.enable_compression()
    async with answering_with(response) as served:
        _, fields, body = await served.get("/", "Accept-Encoding: deflate")
    assert fields["content-encoding"] == "deflate"
    assert fields["etag"].startswith('W/"')
    assert zlib.decompress(body) == LARGE


async def test_a_large_file_can_be_chunked(large: Path) -> None:
    response = FileResponse(large)
    response.enable_chunked_encoding()
    async with answering_with(response) as served:
        _, fields, body = await served.get("/")
    assert fields["transfer-encoding"] == "chunked"
    assert body == LARGE


async def test_a_response_that_the_handler_sent_itself_is_sent_once(small: Path) -> None:
    async def handler(request: BaseRequest) -> FileResponse:
        response = FileResponse(small)
        await response.prepare(request)
        return response

    async with serving(handler) as served:
        assert (await served.get("/"))[2] == TEXT


async def test_a_file_that_shrinks_never_passes_for_whole(large: Path) -> None:
    async def shrink(request: Request, response: object) -> None:
        os.truncate(large, SMALL_BYTES)

    async def handler(request: Request) -> FileResponse:
        return FileResponse(large)

    app = Application()
    app.on_response_prepare.append(shrink)
    app.router.add_get("/", handler)
    async with serving(app) as served:
        with pytest.raises(asyncio.IncompleteReadError):
            await served.get("/")
    assert open_descriptors(large) == 0


async def test_a_file_opened_for_a_cancelled_request_is_closed(large: Path) -> None:
    is_released = threading.Event()
    is_started = asyncio.Event()
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[object]] = []

    async def handler(request: BaseRequest) -> FileResponse:
        response = FileResponse(large)
        tasks.append(asyncio.ensure_future(response.prepare(request)))
        is_started.set()
        await asyncio.wait(tasks)
        return FileResponse(large.parent / "nothing")

    with ThreadPoolExecutor(max_workers=1) as one_thread:
        blocked = one_thread.submit(is_released.wait)  # so that the file is opened after the cancellation
        loop.set_default_executor(one_thread)
        async with serving(handler) as served:
            answer = asyncio.ensure_future(served.get("/"))
            await is_started.wait()
            await asyncio.sleep(0)  # lets prepare() begin
            tasks[0].cancel()
            is_released.set()
            assert (await answer)[0] == 404
        assert blocked.result()
    assert open_descriptors(large) == 0
