"""curl against the running application."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from tests.web.peers.foreign import curl
from tests.web.peers.process import Served
from tests.web.peers.recording import BYTES

RECORDING = "/files/long.wav"
NO_BODY = ("--output", os.devnull)


def _write_out(*names: str) -> tuple[str, str]:
    """Make curl write these of its variables, one line for each URL."""
    return ("--write-out", " ".join(f"%{{{name}}}" for name in names) + "\n")


async def test_get_and_head(served: Served) -> None:
    url = f"{served.url}{RECORDING}"
    assert await curl(f"{served.url}/hello") == "hello"
    head = await curl("--head", url)
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert f"\r\nContent-Length: {BYTES}\r\n" in head
    assert head.endswith("\r\n\r\n")


async def test_forms(served: Served) -> None:
    url = f"{served.url}/form"
    urlencoded = await curl("--data", "a=1&b=x+y", "--data-urlencode", "c=ü&", url)
    assert json.loads(urlencoded) == [["a", "1"], ["b", "x y"], ["c", "ü&"]]
    file = f"file=@{served.recording};type=audio/x-noise;filename=lärm.wav"
    multipart = await curl("--form", "a=ü", "--form", file, "--form", f"note=<{served.note}", url)
    digest = sha256(served.recording.read_bytes()).hexdigest()
    assert json.loads(multipart) == [["a", "ü"], ["file", "lärm.wav", "audio/x-noise", digest], ["note", "a note\n"]]


async def test_json(served: Served) -> None:
    assert json.loads(await curl("--json", '{"a": [1, null]}', f"{served.url}/json")) == {"a": [1, None]}


async def test_a_form_that_is_answered_elsewhere(served: Served) -> None:
    told = await curl(
        "--location", "--form", "a=b", *_write_out("num_redirects", "num_connects"), f"{served.url}/form-then-hello"
    )
    assert told == "hello1 1\n"


@pytest.mark.parametrize(
    ("options", "method", "coding"),
    [
        (("--data-binary", "@long.wav"), "POST", None),
        (("--upload-file", "long.wav"), "PUT", None),
        (("--header", "Transfer-Encoding: chunked", "--upload-file", "long.wav"), "PUT", "chunked"),
    ],
)
async def test_a_big_upload_is_sent_once_it_is_asked_for(
    served: Served, options: tuple[str, ...], method: str, coding: str | None
) -> None:
    told = await curl(
        "--dump-header",
        "-",
        "--header",
        "Expect: 100-continue",
        *options,
        f"{served.url}/upload",
        cwd=served.recording.parent,
    )
    interim, final, body = told.split("\r\n\r\n")
    assert interim == "HTTP/1.1 100 Continue"
    assert final.startswith("HTTP/1.1 200 OK\r\n")
    assert json.loads(body) == [method, coding, sha256(served.recording.read_bytes()).hexdigest()]


async def test_an_upload_whose_length_is_not_known(served: Served) -> None:
    sent = b"x" * 1_000_000
    told = await curl("--upload-file", "-", f"{served.url}/upload", standard_input=sent)
    assert json.loads(told) == ["PUT", "chunked", sha256(sent).hexdigest()]


async def test_an_upload_that_is_refused_is_not_sent(served: Served) -> None:
    told = await curl(
        *("--header", "Expect: 100-continue", "--upload-file", "long.wav", *NO_BODY),
        *_write_out("http_code", "size_upload"),
        f"{served.url}/refused",
        cwd=served.recording.parent,
    )
    assert told == "413 0\n"


@pytest.mark.parametrize(
    ("wanted", "status", "positions"),
    [
        ("0-99", 206, slice(100)),
        ("1234567-30000000", 206, slice(1234567, 30000001)),
        ("39999944-", 206, slice(39999944, None)),
        ("-100", 206, slice(-100, None)),
        ("0-1,4-5", 200, slice(None)),  # several ranges: the whole is a valid answer (RFC 9110 §14.2)
        (f"{BYTES}-", 416, slice(0)),
    ],
)
async def test_ranges(served: Served, tmp_path: Path, wanted: str, status: int, positions: slice) -> None:
    part = tmp_path / "part"
    part.touch()
    told = await curl("--range", wanted, "--output", str(part), *_write_out("http_code"), f"{served.url}{RECORDING}")
    assert told == f"{status}\n"
    assert part.read_bytes() == served.recording.read_bytes()[positions]


async def test_a_download_goes_on_where_it_was_cut(served: Served, tmp_path: Path) -> None:
    whole = served.recording.read_bytes()
    part = tmp_path / "part"
    part.write_bytes(whole[:10_000_000])
    await curl("--continue-at", "-", "--output", str(part), f"{served.url}{RECORDING}")
    assert part.read_bytes() == whole


async def test_compression(served: Served) -> None:
    plain = await curl(f"{served.url}/text")
    compressed = await curl("--compressed", *_write_out("size_download"), f"{served.url}/text")
    text, size = compressed[: len(plain)], int(compressed[len(plain) :])
    assert text == plain
    assert size < len(plain) / 100


async def test_one_connection_carries_all_that_one_run_asks(served: Served) -> None:
    paths = ["/hello", "/nothing", "/nowhere", "/stream", "/text", RECORDING, "/hello"]
    told = await curl(
        *NO_BODY * len(paths), *_write_out("http_code", "num_connects"), *(served.url + path for path in paths)
    )
    assert told.splitlines() == ["200 1", "204 0", "404 0", "200 0", "200 0", "200 0", "200 0"]


async def test_one_connection_carries_one_method_after_the_other(served: Served) -> None:
    each = (*NO_BODY, *_write_out("method", "http_code", "num_connects"))
    told = await curl(
        *("--head", *each, f"{served.url}{RECORDING}"),
        *("--next", "--form", "a=1", *each, f"{served.url}/form"),
        *("--next", "--upload-file", str(served.recording), *each, f"{served.url}/upload"),
        # Not a form in parts: curl sends these behind the head, and closes when it hears of an error before that.
        *("--next", "--data", "a=1", *each, f"{served.url}/nowhere"),
        *("--next", "--silent", *each, f"{served.url}/hello"),
    )
    assert told.splitlines() == ["HEAD 200 1", "POST 200 0", "PUT 200 0", "POST 404 0", "GET 200 0"]


@pytest.mark.parametrize("path", ["/hello", "/stream", "/nothing", "/files/note.txt"])
async def test_http_1_0_gets_what_http_1_1_gets_and_the_connection_ends(served: Served, path: str) -> None:
    url = f"{served.url}{path}"
    wanted = await curl(url)
    told = await curl("--http1.0", *_write_out("num_connects"), url, url)
    assert told == f"{wanted}1\n" * 2


async def test_a_unix_socket(served: Served) -> None:
    assert await curl("--unix-socket", str(served.socket), "http://here/hello") == "hello"


async def test_what_has_not_changed_is_not_sent_again(served: Served, tmp_path: Path) -> None:
    url = f"{served.url}/files/note.txt"
    tag, file = str(tmp_path / "tag"), str(tmp_path / "file")
    await curl("--etag-save", tag, "--remote-time", "--output", file, url)
    for condition in (("--etag-compare", tag), ("--time-cond", file)):
        assert await curl(*condition, *_write_out("http_code", "size_download"), url) == "304 0\n"
    assert await curl("--header", 'If-None-Match: "another"', url) == "a note\n"


async def test_cookies(served: Served, tmp_path: Path) -> None:
    jar = str(tmp_path / "jar")
    url = f"{served.url}/cookies"
    assert json.loads(await curl("--cookie", "own=1", "--cookie-jar", jar, url)) == {"own": "1"}
    assert json.loads(await curl("--cookie", jar, url)) == {"open": "from the server", "hidden": "secret"}


async def test_tls(served_by_tls: Served) -> None:
    url = served_by_tls.url
    assert url.startswith("https://")
    told = await curl(
        *("--cacert", str(served_by_tls.authority), *NO_BODY * 3, *_write_out("http_code", "num_connects")),
        *("--range", "5-30000000", f"{url}/hello", f"{url}{RECORDING}", f"{url}/stream"),
    )
    assert told.splitlines() == ["200 1", "206 0", "200 0"]
