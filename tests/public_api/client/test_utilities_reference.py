"""Client Reference, "Utilities": cookie jars, forms, credentials, ETag and timeouts."""

import asyncio
import io
import pickle
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from multidict import MultiDict
from yarl import URL

from tests.public_api.client.httpbin import HttpBin
from trunkline import (
    BasicAuth,
    ClientConnectorError,
    ClientSession,
    ClientTimeout,
    CookieJar,
    DummyCookieJar,
    ETag,
    FormData,
    UploadAbortedError,
    UploadTracker,
    abc,
    encode_basic_auth,
)

SITE = URL("http://example.com/dir/page")

# CookieJar


async def test_a_jar_is_sized_and_iterable() -> None:
    jar = CookieJar()
    assert isinstance(jar, abc.AbstractCookieJar)
    jar.update_cookies({"a": "1", "b": "2"}, SITE)
    assert len(jar) == 2
    assert {(cookie.key, cookie["domain"]) for cookie in jar} == {("a", "example.com"), ("b", "example.com")}


@pytest.mark.parametrize("make", [dict, list, SimpleCookie])
async def test_cookies_are_a_mapping_or_pairs(make: Any) -> None:
    jar = CookieJar()
    jar.update_cookies(make({"a": "1"}.items() if make is list else {"a": "1"}), SITE)
    assert jar.filter_cookies(SITE)["a"].value == "1"


async def test_shared_cookies_go_everywhere_and_others_to_their_server() -> None:
    jar = CookieJar()
    jar.update_cookies({"shared": "1"})
    jar.update_cookies({"own": "2"}, SITE)
    assert isinstance(jar.filter_cookies(SITE), SimpleCookie)
    assert set(jar.filter_cookies(SITE)) == {"shared", "own"}
    assert set(jar.filter_cookies(URL("http://elsewhere.org/"))) == {"shared"}


@pytest.mark.parametrize(
    "trusted", [["http://example.com"], [URL("http://example.com")], "http://example.com", URL("http://example.com")]
)
async def test_secure_cookies_go_to_origins_that_are_treated_as_secure(trusted: Any) -> None:
    cookie = SimpleCookie("a=1; Secure")
    for jar, is_sent in [(CookieJar(), False), (CookieJar(treat_as_secure_origin=trusted), True)]:
        jar.update_cookies(cookie, URL("https://example.com/"))
        assert set(jar.filter_cookies(URL("https://example.com/"))) == {"a"}
        assert ("a" in jar.filter_cookies(URL("http://example.com/"))) == is_sent
    assert jar.treat_as_secure_origin == frozenset({URL("http://example.com")})


async def test_a_jar_is_saved_and_loaded(tmp_path: Path) -> None:
    jar = CookieJar()
    jar.update_cookies({"a": "1"}, SITE)
    for path in (tmp_path / "jar", str(tmp_path / "jar2")):
        jar.save(path)
        loaded = CookieJar()
        loaded.load(path)
        assert loaded.filter_cookies(SITE)["a"].value == "1"


async def test_a_broken_file_leaves_the_jar_as_it_was(tmp_path: Path) -> None:
    jar = CookieJar()
    jar.update_cookies({"a": "1"}, SITE)
    evil = pickle.dumps({("example.com", "/"): print})
    for content in (b"{", b"\x00", evil):
        (tmp_path / "jar").write_bytes(content)
        with pytest.raises(Exception):  # noqa: B017 - which one is not documented
            jar.load(tmp_path / "jar")
        assert [cookie.key for cookie in jar] == ["a"]


async def test_cookies_are_cleared_by_predicate_or_domain() -> None:
    def filled() -> CookieJar:
        jar = CookieJar()
        jar.update_cookies({"a": "1", "b": "2"}, SITE)
        jar.update_cookies({"c": "3"}, URL("http://sub.example.com/"))
        jar.update_cookies({"d": "4"}, URL("http://elsewhere.org/"))
        return jar

    def names(jar: CookieJar) -> str:
        return "".join(sorted(cookie.key for cookie in jar))

    jar = filled()
    assert names(jar) == "abcd"

    def is_a_or_d(morsel: "Morsel[str]") -> bool:
        return morsel.key in "ad"

    jar.clear(is_a_or_d)
    assert names(jar) == "bc"
    jar = filled()
    jar.clear_domain("example.com")
    assert names(jar) == "d"
    jar.clear()
    assert len(jar) == 0


async def test_the_views_of_a_jar() -> None:
    jar = CookieJar()
    jar.update_cookies({"a": "1"}, SITE)
    jar.update_cookies(SimpleCookie("b=2; Domain=example.com; Path=/"), SITE)
    assert isinstance(jar.cookies, MappingProxyType)
    assert {(domain, path or "/") for domain, path in jar.cookies} == {("example.com", "/dir"), ("example.com", "/")}
    assert jar.host_only_cookies == frozenset({("example.com", "/dir", "a")})


async def test_the_bounds_of_a_jar() -> None:
    jar = CookieJar()
    for number in range(200):
        jar.update_cookies({f"c{number}": "x"}, SITE)
    assert 150 <= len(jar) <= 180
    assert len(jar.filter_cookies(SITE)) <= 150


async def test_a_dummy_jar_takes_nothing() -> None:
    jar = DummyCookieJar()
    jar.update_cookies({"a": "1"}, SITE)
    assert (len(jar), list(jar), dict(jar.filter_cookies(SITE))) == (0, [], {})


# FormData


def form_of(fields: Any = (), **field: Any) -> FormData:
    form = FormData(fields)
    if field:
        form.add_field(**field)
    return form


@pytest.mark.parametrize(
    ("form", "content_type", "fields"),
    [
        (lambda: form_of({"a": "1"}), "application/x-www-form-urlencoded", {"a": ["1"]}),
        (lambda: form_of([("a", "1"), ("b", "2")]), "application/x-www-form-urlencoded", {"a": ["1"], "b": ["2"]}),
        (lambda: form_of(MultiDict(a="1")), "application/x-www-form-urlencoded", {"a": ["1"]}),
        (
            lambda: form_of(name="f", value=io.BytesIO(b"x"), filename="n"),
            "multipart/form-data",
            {"f": ["n", "application/octet-stream", "x"]},
        ),
        (lambda: form_of(name="f", value="x", content_type="text/x"), "multipart/form-data", {"f": ["x"]}),
        (
            lambda: form_of(name="f", value="x", content_type="text/x", filename="n"),
            "multipart/form-data",
            {"f": ["n", "text/x", "x"]},
        ),
    ],
)
async def test_forms_are_urlencoded_unless_a_field_needs_more(
    form: Any, content_type: str, fields: dict[str, list[str]], session: ClientSession, bin: HttpBin
) -> None:
    async with session.post(f"{bin.url}/form", data=form()) as response:
        assert await response.json() == {"content_type": content_type, "form": fields}


async def test_fields_are_added_in_three_ways(session: ClientSession, bin: HttpBin) -> None:
    form = FormData()
    form.add_fields(("a", "1"), MultiDict(b="2"))
    async with session.post(f"{bin.url}/form", data=form) as response:
        assert (await response.json())["form"] == {"a": ["1"], "b": ["2"]}


# Credentials


def test_credentials_are_encoded_and_decoded() -> None:
    assert encode_basic_auth("user", "pass") == "Basic dXNlcjpwYXNz"
    assert encode_basic_auth("ü", "é") == "Basic w7w6w6k="
    assert encode_basic_auth("ü", "é", "latin1") == "Basic /Drp"
    auth = BasicAuth.decode("Basic dXNlcjpwYXNz")
    assert (auth.login, auth.password, auth.encoding) == ("user", "pass", "latin1")
    assert auth.encode() == "Basic dXNlcjpwYXNz"
    assert BasicAuth.from_url(URL("http://user:pass@host/")) == auth
    assert BasicAuth.from_url(URL("http://host/")) is None
    with pytest.warns(DeprecationWarning, match="encode_basic_auth"):
        assert BasicAuth("user", "pass") == auth


# The rest


def test_values() -> None:
    assert (ETag("abc").value, ETag("abc").is_weak, ETag("abc", is_weak=True).is_weak) == ("abc", False, True)
    timeout = ClientTimeout()
    assert (timeout.total, timeout.connect, timeout.sock_connect, timeout.sock_read) == (None,) * 4


# UploadTracker


async def test_an_upload_is_tracked(session: ClientSession, bin: HttpBin) -> None:
    tracker = UploadTracker()
    async with session.post(bin.url, data=io.BytesIO(b"x" * 1_000_000), upload_tracker=tracker):
        pass
    await tracker.upload_complete
    assert (tracker.bytes_written, tracker.attempts) == (1_000_000, 1)


async def test_a_redirect_is_another_attempt(session: ClientSession, bin: HttpBin) -> None:
    for status, written in ((307, 4), (303, 0)):
        tracker = UploadTracker()
        async with session.post(f"{bin.url}/redirect?status={status}&to=/x", data=b"body", upload_tracker=tracker):
            pass
        await tracker.upload_complete
        assert (tracker.bytes_written, tracker.attempts) == (written, 2)


async def test_a_tracker_is_for_one_request(session: ClientSession, bin: HttpBin) -> None:
    tracker = UploadTracker()
    async with session.post(bin.url, data=b"x", upload_tracker=tracker):
        pass
    with pytest.raises(RuntimeError):
        await session.post(bin.url, data=b"x", upload_tracker=tracker)


async def test_an_upload_that_never_began_is_aborted(session: ClientSession, unused_tcp_port: int) -> None:
    tracker = UploadTracker()
    with pytest.raises(ClientConnectorError):
        await session.post(f"http://127.0.0.1:{unused_tcp_port}/", data=b"x", upload_tracker=tracker)
    with pytest.raises((UploadAbortedError, ClientConnectorError)):
        await asyncio.wait_for(tracker.upload_complete, 5)
