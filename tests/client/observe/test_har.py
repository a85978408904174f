"""HAR files: that they are what the format's text says, what they tell of exchanges, and what they do not."""

import gzip
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.client.recording import Recording, credentials, redirect
from tests.nginx import Nginx
from tests.raw_server import Peer, RawServer, replying
from trunkline import ClientConnectorError, ClientSession, TCPConnector
from trunkline.client.observe.har import REDACTED, HarRecorder
from trunkline.testing.loopback import LoopbackResponse

Json = dict[str, Any]  # Any: what JSON holds

COOKIE = "id=secret-cookie; Path=/; Domain=127.0.0.1; Expires=Wed, 21 Oct 2099 07:28:00 GMT; HttpOnly"
ANSWERS = {
    "/cookie": LoopbackResponse(body=b"ok", headers=(("Set-Cookie", COOKIE), ("Content-Type", "text/plain"))),
    "/302": redirect(302, "//u:secret-word@127.0.0.1/%s"),
    "/binary": LoopbackResponse(body=b"\xff\x00\xfe"),
    "/text": LoopbackResponse(body="grüße".encode(), headers=(("Content-Type", "text/plain"),)),
}

# The objects of the format, http://www.softwareishard.com/blog/har-12-spec/: a name that ends in "?" is optional.
NAME_VALUE = {"name": str, "value": str, "comment?": str}
COOKIES = NAME_VALUE | {"path?": str, "domain?": str, "expires?": str, "httpOnly?": bool, "secure?": bool}
REQUEST = {
    "method": str,
    "url": str,
    "httpVersion": str,
    "cookies": [COOKIES],
    "headers": [NAME_VALUE],
    "queryString": [NAME_VALUE],
    "postData?": {"mimeType": str, "text": str, "comment?": str},
    "headersSize": int,
    "bodySize": int,
}
RESPONSE = {
    "status": int,
    "statusText": str,
    "httpVersion": str,
    "cookies": [COOKIES],
    "headers": [NAME_VALUE],
    "content": {"size": int, "mimeType": str, "text?": str, "encoding?": str, "comment?": str},
    "redirectURL": str,
    "headersSize": int,
    "bodySize": int,
    "_error?": str,
}
NUMBER = (int, float)
TIMINGS = dict.fromkeys(("blocked", "dns", "connect", "send", "wait", "receive", "ssl"), NUMBER)
ENTRY = {
    "startedDateTime": str,
    "time": NUMBER,
    "request": REQUEST,
    "response": RESPONSE,
    "cache": {},
    "timings": TIMINGS,
    "serverIPAddress?": str,
    "connection?": str,
    "comment?": str,
}
HAR = {
    "log": {"version": str, "creator": {"name": str, "version": str}, "entries": [ENTRY], "comment?": str},
}


def check(value: Any, form: Any, where: str = "har") -> None:  # Any: JSON, and the tables above
    """Raise AssertionError unless `value` has the form, and nothing besides."""
    if isinstance(form, list):
        for number, each in enumerate(value):
            check(each, form[0], f"{where}[{number}]")
    elif isinstance(form, dict):
        needed = {name for name in form if not name.endswith("?")}
        allowed = {name.removesuffix("?") for name in form}
        assert needed <= set(value) <= allowed, where
        for name, part in value.items():
            check(part, form.get(name, form.get(f"{name}?")), f"{where}.{name}")
    else:
        assert isinstance(value, form), where


def checked(recorder: HarRecorder) -> list[Json]:
    """The entries of a recorder, after a look at all that the format asks for."""
    har = json.loads(json.dumps(recorder.har()))
    check(har, HAR)
    assert har["log"]["version"] == "1.2"
    entries: list[Json] = har["log"]["entries"]
    for entry in entries:
        timings = entry["timings"]
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo is not None
        assert min(timings[name] for name in ("send", "wait", "receive")) >= 0
        # "This is the sum of all timings available in the timings object", of which `connect` includes `ssl`.
        total = sum(part for name, part in timings.items() if part != -1 and name != "ssl")
        assert entry["time"] == pytest.approx(total, abs=0.001)
        assert timings["ssl"] <= max(timings["connect"], 0)
    return entries


def headers(message: Json) -> dict[str, str]:
    return {each["name"]: each["value"] for each in message["headers"]}


@pytest.fixture
async def server() -> AsyncIterator[Recording]:
    async with Recording(ANSWERS) as recording:
        yield recording


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx")) as running:
        yield running


async def get(recorder: HarRecorder, url: str, **options: Any) -> None:  # Any: of `ClientSession.request`
    async with (
        ClientSession(trace_configs=[recorder]) as session,
        session.get(url, **options) as response,
    ):
        await response.read()


# What an entry tells.


async def test_exchanges_with_nginx_are_entries(nginx: Nginx) -> None:
    recorder = HarRecorder()
    before = datetime.now(UTC)
    connector = TCPConnector(ssl=nginx.client_context())
    async with (
        ClientSession(trace_configs=[recorder], connector=connector) as session,
        session.get(nginx.url("/moved?a=1&b=%26&a=2", tls="1.3", host="localhost")) as response,
    ):
        await response.read()
    moved, small = checked(recorder)
    assert moved["request"]["queryString"] == [
        {"name": "a", "value": "1"},
        {"name": "b", "value": "&"},
        {"name": "a", "value": "2"},
    ]
    assert (moved["request"]["method"], moved["request"]["httpVersion"]) == ("GET", "HTTP/1.1")
    assert headers(moved["request"])["Host"].startswith("localhost:")
    assert (moved["response"]["status"], moved["response"]["statusText"]) == (302, "Moved Temporarily")
    assert moved["response"]["redirectURL"].endswith("/small")
    assert small["request"]["url"] == nginx.url("/small", tls="1.3", host="localhost")
    assert small["response"]["content"]["size"] == small["response"]["bodySize"] == 5
    assert {entry["serverIPAddress"] for entry in (moved, small)} == {"127.0.0.1"}
    assert moved["connection"] == small["connection"]
    assert min(moved["timings"][name] for name in ("dns", "connect", "ssl")) > 0
    assert {small["timings"][name] for name in ("dns", "connect", "ssl")} == {-1}
    assert before.timestamp() - 0.001 <= datetime.fromisoformat(moved["startedDateTime"]).timestamp()


async def test_a_coded_body_has_two_sizes() -> None:
    coded = gzip.compress(b"aaaaaaaaaa")
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    recorder = HarRecorder(max_body_bytes=99)
    async with RawServer(replying(answer + coded)) as server:
        await get(recorder, server.url())
    (entry,) = checked(recorder)
    assert entry["response"]["bodySize"] == len(coded)
    assert entry["response"]["content"]["size"] == 10
    assert entry["response"]["content"]["text"] == "aaaaaaaaaa"


async def test_the_head_s_size_is_that_of_its_bytes() -> None:
    heads: list[bytes] = []

    async def answer(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        await peer.wait_closed_by_client()

    recorder = HarRecorder()
    async with RawServer(answer) as server:
        await get(recorder, server.url("/a?b=c"), headers={"X-A": "b"})
    (entry,) = checked(recorder)
    assert entry["request"]["headersSize"] == len(heads[0])
    assert [f"{name}: {value}" for name, value in headers(entry["request"]).items()] == (
        heads[0].decode().split("\r\n")[1:-2]
    )


async def test_a_failure_is_an_entry_with_its_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    recorder = HarRecorder()
    with pytest.raises(ClientConnectorError):
        await get(recorder, f"http://127.0.0.1:{port}/")
    (entry,) = checked(recorder)
    response = entry["response"]
    assert (response["status"], response["bodySize"], response["httpVersion"]) == (0, -1, "")
    assert response["_error"].startswith("ClientConnectorError: Cannot connect to host 127.0.0.1")
    assert "serverIPAddress" not in entry


async def test_nothing_is_known_before_it_has_happened() -> None:
    recorder = HarRecorder()

    async def look(peer: Peer) -> None:
        await peer.head()
        (entry,) = checked(recorder)
        assert entry["comment"] == "still under way"
        assert entry["response"]["status"] == 0
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        await peer.wait_closed_by_client()

    async with RawServer(look) as server:
        await get(recorder, server.url())
    assert "comment" not in checked(recorder)[0]


# Bodies.


async def test_bodies_are_not_kept_unless_asked_for(server: Recording) -> None:
    recorder = HarRecorder()
    async with (
        ClientSession(trace_configs=[recorder]) as session,
        session.post(server.url("/text"), data={"password": "secret-word"}) as response,
    ):
        await response.read()
    (entry,) = checked(recorder)
    assert entry["request"]["postData"] == {
        "mimeType": "application/x-www-form-urlencoded",
        "text": "",
        "comment": "0 of 20 bytes were kept",
    }
    assert entry["response"]["content"] == {"size": 7, "mimeType": "text/plain"}


@pytest.mark.parametrize(
    ("path", "limit", "content"),
    [
        ("/text", 99, {"text": "grüße"}),
        ("/text", 3, {"text": "gr", "comment": "3 of 7 bytes were kept"}),  # half of the ü is not told
        ("/binary", 99, {"text": "/wD+", "encoding": "base64"}),
        ("/binary", 1, {"text": "/w==", "encoding": "base64", "comment": "1 of 3 bytes were kept"}),
    ],
)
async def test_bodies_are_kept_up_to_a_bound(server: Recording, path: str, limit: int, content: Json) -> None:
    recorder = HarRecorder(max_body_bytes=limit)
    await get(recorder, server.url(path))
    (entry,) = checked(recorder)
    kept = entry["response"]["content"]
    assert {name: kept[name] for name in kept if name not in ("size", "mimeType")} == content


async def test_two_recorders_keep_what_each_was_told_to(server: Recording) -> None:
    little, much = HarRecorder(max_body_bytes=1), HarRecorder(max_body_bytes=99)
    async with (
        ClientSession(trace_configs=[little, much]) as session,
        session.post(server.url("/text"), data=b"abc") as response,
    ):
        await response.read()
    texts = [
        (entry["request"]["postData"]["text"], entry["response"]["content"]["text"])
        for recorder in (little, much)
        for entry in checked(recorder)
    ]
    assert texts == [("a", "g"), ("abc", "grüße")]


# Credentials.


async def send_secrets(recorder: HarRecorder, server: Recording) -> None:
    async with ClientSession(trace_configs=[recorder], cookies={"session": "secret-session"}) as session:
        fields = {"Proxy-Authorization": "Basic secret-proxy", "X-Api-Key": "secret-key"}
        for path in ("/cookie", "/302"):
            url = server.url(path).replace("://", "://user:secret-password@")
            async with session.get(url, headers=fields, allow_redirects=False) as response:
                await response.read()


async def test_credentials_are_not_told(server: Recording) -> None:
    recorder = HarRecorder(max_body_bytes=99, secret_fields=["x-api-key"])
    await send_secrets(recorder, server)
    cookie, moved = checked(recorder)
    assert "secret-" not in json.dumps(recorder.har())
    assert headers(cookie["request"])["Authorization"] == REDACTED
    assert cookie["request"]["cookies"] == [{"name": "session", "value": REDACTED}]
    assert cookie["response"]["cookies"] == [
        {
            "name": "id",
            "value": REDACTED,
            "path": "/",
            "domain": "127.0.0.1",
            "expires": "2099-10-21T07:28:00+00:00",
            "httpOnly": True,
            "secure": False,
        }
    ]
    assert moved["response"]["redirectURL"] == "//127.0.0.1/%s"


async def test_keys_in_queries_are_not_told(server: Recording) -> None:
    recorder = HarRecorder()
    url = server.url("/text?access_token=secret-1&page=2&X-Amz-Signature=secret-3")
    async with ClientSession(trace_configs=[recorder]) as session, session.get(url) as response:
        await response.read()
    [entry] = checked(recorder)
    assert "secret-" not in json.dumps(recorder.har())
    assert entry["request"]["queryString"] == [
        {"name": "access_token", "value": REDACTED},
        {"name": "page", "value": "2"},
        {"name": "X-Amz-Signature", "value": REDACTED},
    ]
    assert "page=2" in entry["request"]["url"]


async def test_credentials_are_told_to_who_wants_them(server: Recording) -> None:
    recorder = HarRecorder(redact=False)
    await send_secrets(recorder, server)
    told = json.dumps(recorder.har())
    for secret in (
        "secret-session",
        "secret-proxy",
        "secret-key",
        "secret-cookie",
        credentials("user", "secret-password").encode(),
    ):
        assert secret in told


# Bounds and files.


async def test_the_newest_entries_are_kept(server: Recording) -> None:
    recorder = HarRecorder(max_entries=2)
    for number in range(5):
        await get(recorder, server.url(f"/{number}"))
    assert [entry["request"]["url"][-2:] for entry in checked(recorder)] == ["/3", "/4"]
    assert recorder.har()["log"]["comment"] == "3 older entries were dropped (max_entries=2)"
    recorder.clear()
    assert checked(recorder) == []
    assert "comment" not in recorder.har()["log"]


async def test_it_is_saved_as_json(server: Recording, tmp_path: Path) -> None:
    recorder = HarRecorder(max_body_bytes=99)
    await get(recorder, server.url("/text"))
    recorder.save(tmp_path / "a.har")
    assert json.loads((tmp_path / "a.har").read_bytes()) == recorder.har()


async def test_bytes_that_are_no_text_do_not_hinder_saving(tmp_path: Path) -> None:
    recorder = HarRecorder()
    async with RawServer(replying(b"HTTP/1.1 200 \xff\r\nX: \xfe\r\nContent-Length: 0\r\n\r\n")) as server:
        await get(recorder, server.url())
    recorder.save(os.fspath(tmp_path / "a.har"))
    text = (tmp_path / "a.har").read_text("utf-8")
    check(json.loads(text), HAR)
    assert "\\ud" not in text  # a lone surrogate, which strict readers refuse
