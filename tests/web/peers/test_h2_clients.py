"""Clients of HTTP/2 against the running application: curl and nghttp (nghttp2), h2load, and httpx (the h2 library)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.web.peers.foreign import curl, program, run
from tests.web.peers.process import Served
from tests.web.peers.recording import BYTES

RECORDING = "/files/long.wav"
NO_BODY = ("--output", os.devnull)


def _write_out(*names: str) -> tuple[str, str]:
    """Make curl write these of its variables, one line for each URL."""
    return ("--write-out", " ".join(f"%{{{name}}}" for name in names) + "\n")


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


# curl, which chooses HTTP/2 over TLS when the server does.


async def _curl(served: Served, *arguments: str, cwd: Path | None = None) -> str:
    return await curl("--http2", "--cacert", str(served.authority), *arguments, cwd=cwd)


async def test_curl_gets_all_that_one_run_asks_by_one_connection(served_by_tls: Served) -> None:
    paths = ["/hello", "/nothing", "/nowhere", "/stream", "/text", RECORDING, "/hello"]
    told = await _curl(
        served_by_tls,
        *NO_BODY * len(paths),
        *_write_out("http_version", "http_code", "num_connects"),
        *(served_by_tls.url + path for path in paths),
    )
    rest = ["2 204 0", "2 404 0", "2 200 0", "2 200 0", "2 200 0", "2 200 0"]
    assert told.splitlines() == ["2 200 1", *rest]


async def test_curl_gets_many_at_a_time(served_by_tls: Served) -> None:
    url = served_by_tls.url
    told = await _curl(
        served_by_tls, "--parallel", "--no-progress-meter", *NO_BODY, *_write_out("http_code"), f"{url}/stream?n=[1-50]"
    )
    assert told.split().count("200") == 50


async def test_curl_asks_for_a_head(served_by_tls: Served) -> None:
    head = await _curl(served_by_tls, "--head", f"{served_by_tls.url}{RECORDING}")
    assert head.startswith("HTTP/2 200 \r\n")
    assert f"\r\ncontent-length: {BYTES}\r\n" in head


async def test_curl_sends_forms(served_by_tls: Served) -> None:
    url = f"{served_by_tls.url}/form"
    file = f"file=@{served_by_tls.recording};type=audio/x-noise;filename=lärm.wav"
    told = await _curl(served_by_tls, "--form", "a=ü", "--form", file, url)
    assert json.loads(told) == [["a", "ü"], ["file", "lärm.wav", "audio/x-noise", _digest(served_by_tls.recording)]]
    told = await _curl(served_by_tls, "--location", "--form", "a=b", f"{served_by_tls.url}/form-then-hello")
    assert told == "hello"


@pytest.mark.parametrize("options", [("--data-binary", "@long.wav"), ("--upload-file", "long.wav")])
async def test_curl_sends_a_big_upload(served_by_tls: Served, options: tuple[str, ...]) -> None:
    folder = served_by_tls.recording.parent
    told = await _curl(
        served_by_tls, "--header", "Expect: 100-continue", *options, f"{served_by_tls.url}/upload", cwd=folder
    )
    assert json.loads(told)[2] == _digest(served_by_tls.recording)


async def test_curl_is_told_why_its_upload_is_refused(served_by_tls: Served) -> None:
    for path, option in ("/refused", "Expect: 100-continue"), ("/nowhere", "Expect:"):
        told = await _curl(
            served_by_tls,
            *("--header", option, "--upload-file", "note.txt", *NO_BODY, *_write_out("http_code")),
            f"{served_by_tls.url}{path}",
            cwd=served_by_tls.recording.parent,
        )
        assert told == ("413\n" if path == "/refused" else "404\n")


async def test_curl_gets_a_part(served_by_tls: Served, tmp_path: Path) -> None:
    part = tmp_path / "part"
    url = f"{served_by_tls.url}{RECORDING}"
    told = await _curl(
        served_by_tls, "--range", "1234567-30000000", "--output", str(part), *_write_out("http_code"), url
    )
    assert told == "206\n"
    assert part.read_bytes() == served_by_tls.recording.read_bytes()[1234567:30000001]


async def test_curl_speaks_it_by_prior_knowledge(served_by_h2c: Served) -> None:
    told = await curl("--http2-prior-knowledge", *_write_out("http_version"), f"{served_by_h2c.url}/hello")
    assert told == "hello2\n"
    assert await curl(*_write_out("http_version"), f"{served_by_h2c.url}/hello") == "hello1.1\n"
    told = await curl("--http2", *_write_out("http_version"), f"{served_by_h2c.url}/hello")
    assert told == "hello1.1\n"  # an Upgrade to h2c, which RFC 9113 has dropped


# nghttp, which shows what else the protocol has.


async def _nghttp(*arguments: str) -> str:
    return await run(program("nghttp"), *arguments)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--padding=255",),
        ("--continuation",),
        ("--header-table-size=0",),
        ("--header-table-size=100", "--encoder-header-table-size=0"),
        ("--window-bits=10", "--connection-window-bits=16"),
        ("--no-dep", "--trailer=x-trailer: 1"),
        ("--expect-continue",),
    ],
    ids=str,
)
async def test_nghttp_gets_and_sends_whatever_it_does_to_the_frames(
    served_by_h2c: Served, options: tuple[str, ...]
) -> None:
    url = served_by_h2c.url
    if options != ("--expect-continue",):
        told = await _nghttp(*options, f"{url}/text")
        assert told == "a line that compresses well\n" * 1000
    told = await _nghttp(*options, "--data", str(served_by_h2c.note), f"{url}/upload")
    assert json.loads(told) == ["POST", None, _digest(served_by_h2c.note)]


async def test_nghttp_has_a_hundred_streams_at_a_time(served_by_h2c: Served) -> None:
    told = await _nghttp("--null-out", "--stat", "--multiply=100", f"{served_by_h2c.url}/text")
    assert len(re.findall(r" 200 +\S+ /text", told)) == 100


@pytest.mark.parametrize("kind", ["plain", "tls"])
async def test_h2load_gets_nothing_but_good_answers(
    request: pytest.FixtureRequest, served_by_h2c: Served, served_by_tls: Served, kind: str
) -> None:
    served = served_by_h2c if kind == "plain" else served_by_tls
    for path, count in ("/hello", "5000"), ("/text", "500"), (RECORDING, "20"):
        told = await run(program("h2load"), "-n", count, "-c", "5", "-m", "32", f"{served.url}{path}")
        assert f"{count} done, {count} succeeded, 0 failed, 0 errored, 0 timeout" in told
        assert "Application protocol: h2" in told
    upload = ("-n", "200", "-c", "4", "-m", "16", "-d", str(served.note))
    told = await run(program("h2load"), *upload, f"{served.url}/upload")
    assert "200 done, 200 succeeded, 0 failed, 0 errored, 0 timeout" in told


# httpx.


async def test_httpx_gets_and_sends(served_by_tls: Served) -> None:
    context = ssl.create_default_context(cafile=str(served_by_tls.authority))
    async with httpx.AsyncClient(http2=True, verify=context, base_url=served_by_tls.url, trust_env=False) as client:
        response = await client.get("/hello")
        assert (response.http_version, response.text) == ("HTTP/2", "hello")
        responses = await asyncio.gather(*(client.get("/stream") for _ in range(50)))
        assert {response.text.count("piece") for response in responses} == {5}
        content = served_by_tls.recording.read_bytes()
        assert (await client.put("/upload", content=content)).json()[2] == sha256(content).hexdigest()
        assert (await client.get(RECORDING)).content == content
        assert (await client.post("/nowhere", content=b"x" * 100_000)).status_code == 404
        assert (await client.post("/json", json={"a": [1, None]})).json() == {"a": [1, None]}
        await client.get("/cookies")
        assert (await client.get("/cookies")).json() == {"open": "from the server", "hidden": "secret"}
