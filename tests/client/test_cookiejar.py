"""The cookie jar against the rules of RFC 6265bis §5.7 and §5.8, and against those who would break them."""

import json
import logging
import os
import pickle
import stat
from collections import defaultdict
from http.cookies import BaseCookie, Morsel, SimpleCookie
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from yarl import URL

from trunkline.client.cookiejar import CookieJar, DummyCookieJar
from trunkline.wire.cookies import render_cookie_field
from trunkline.wire.limits import (
    KEPT_COOKIES,
    KEPT_COOKIES_PER_DOMAIN,
    MAX_COOKIE_FIELD_BYTES,
    MAX_COOKIE_SELECTIONS,
    MAX_COOKIES,
    MAX_COOKIES_PER_DOMAIN,
    MAX_COOKIES_PER_REQUEST,
)

SITE = URL("https://www.example.com/a/b")
START = 1_700_000_000.0


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        return self.time


def jar_with(*fields: str, url: URL = SITE, jar: CookieJar | None = None) -> CookieJar:
    jar = CookieJar() if jar is None else jar
    jar.update_cookies_from_headers(fields, url)
    return jar


def sent(jar: CookieJar, url: str) -> str:
    header = jar.cookie_header(URL(url))
    assert header == render_cookie_field(jar.filter_cookies(URL(url)).values())
    return header


def names(jar: CookieJar) -> list[str]:
    return sorted(morsel.key for morsel in jar)


def test_a_jar_needs_no_loop_and_is_empty_at_first() -> None:
    jar = CookieJar()
    assert (len(jar), list(jar), jar.cookie_header(SITE)) == (0, [], "")
    assert (jar.unsafe, jar.quote_cookie, jar.treat_as_secure_origin) == (False, True, frozenset())


@pytest.mark.parametrize(
    ("field", "url", "expected"),
    [
        # The host alone, or the hosts below the domain, too.
        ("a=1; Path=/", "https://www.example.com/", True),
        ("a=1; Path=/", "https://example.com/", False),
        ("a=1; Path=/", "https://sub.www.example.com/", False),
        ("a=1; Path=/; Domain=www.example.com", "https://sub.www.example.com/", True),
        ("a=1; Path=/; Domain=example.com", "https://other.example.com/", True),
        ("a=1; Path=/; Domain=.EXAMPLE.com", "https://example.com/", True),
        ("a=1; Path=/; Domain=example.com", "https://badexample.com/", False),
        ("a=1; Path=/; Domain=example.com; Domain=", "https://example.com/", False),
        ("a=1; Path=/", "https://www.example.com:8443/", True),
        # Path, and the default path, here /a.
        ("a=1", "https://www.example.com/a/other", True),
        ("a=1", "https://www.example.com/a", True),
        ("a=1", "https://www.example.com/ab", False),
        ("a=1", "https://www.example.com/", False),
        ("a=1; Path=/x%20y", "https://www.example.com/x y/z", True),
        # Secure.
        ("a=1; Path=/; Secure", "https://www.example.com/", True),
        ("a=1; Path=/; Secure", "wss://www.example.com/", True),
        ("a=1; Path=/; Secure", "http://www.example.com/", False),
        ("a=1; Path=/; Secure", "ws://www.example.com/", False),
        ("a=1; Path=/; HttpOnly; SameSite=Strict", "http://www.example.com/", True),
    ],
)
def test_where_a_cookie_is_sent(field: str, url: str, expected: bool) -> None:
    assert bool(sent(jar_with(field), url)) is expected


@pytest.mark.parametrize(
    ("field", "url"),
    [
        ("a=1; Domain=other.com", "https://www.example.com/"),
        ("a=1; Domain=sub.www.example.com", "https://www.example.com/"),
        ("a=1; Domain=ample.com", "https://www.example.com/"),
        ("a=1; Domain=com", "https://www.example.com/"),
        ("a=1; Domain=co.uk", "https://www.example.co.uk/"),
        ("a=1; Domain=.CO.UK", "https://www.example.co.uk/"),
        ("a=1; Domain=co.uk.", "https://www.example.co.uk./"),
        ("a=1; Domain=github.io", "https://me.github.io/"),
        ("a=1; Domain=xn--55qx5d.cn", "https://me.xn--55qx5d.cn/"),
        ("a=1; Domain=unlisted", "https://host.unlisted/"),
        ("a=1; Domain=..example.com", "https://www.example.com/"),
        ("a=1; Domain=exämple.com", "https://www.exämple.com/"),
        ("a=1", "http://127.0.0.1/"),
        ("a=1; Domain=0.0.1", "http://127.0.0.1/"),
        ("a=1", "http://[::1]/"),
        ("a=1; Secure", "http://www.example.com/"),
        ("__Secure-a=1", "https://www.example.com/"),
        ("__SECURE-a=1; Path=/", "https://www.example.com/"),
        ("__Secure-a=1; Secure", "http://www.example.com/"),
        ("__Host-a=1; Path=/", "https://www.example.com/"),
        ("__Host-a=1; Secure", "https://www.example.com/"),
        ("__Host-a=1; Secure; Path=/a", "https://www.example.com/"),
        ("__Host-a=1; Secure; Path=/; Domain=www.example.com", "https://www.example.com/"),
        ("__hOsT-a=1; Secure; Path=/; Domain=example.com", "https://www.example.com/"),
        ("a=1; Max-Age=0", "https://www.example.com/"),
        ("a=1; Max-Age=-1", "https://www.example.com/"),
        ("a=1; Max-Age=-" + "9" * 1000, "https://www.example.com/"),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "https://www.example.com/"),
        ("=1", "https://www.example.com/"),
        ("a=\x01", "https://www.example.com/"),
    ],
)
def test_a_cookie_that_its_server_may_not_set_is_dropped(field: str, url: str) -> None:
    assert len(jar_with(field, url=URL(url))) == 0


@pytest.mark.parametrize(
    "field",
    [
        "__Secure-a=1; Secure; Domain=example.com",
        "__Host-a=1; Secure; Path=/",
        "__host-a=1; Secure; Path=/; Domain=",
    ],
)
def test_prefixes_are_accepted_when_their_promise_is_kept(field: str) -> None:
    assert len(jar_with(field)) == 1


def test_a_public_suffix_may_set_a_cookie_for_itself_alone() -> None:
    jar = jar_with("a=1; Domain=github.io", url=URL("https://github.io/"))
    assert sent(jar, "https://github.io/") == "a=1"
    assert sent(jar, "https://me.github.io/") == ""
    assert sent(jar_with("a=1; Domain=localhost", url=URL("http://localhost/")), "http://localhost/") == "a=1"


def test_an_unsafe_jar_keeps_cookies_of_addresses_for_that_address() -> None:
    jar = CookieJar(unsafe=True)
    for url in (URL("http://127.0.0.1/"), URL("http://[::1]/")):
        jar_with("a=1", "b=2; Domain=127.0.0.1", url=url, jar=jar)
        assert sent(jar, str(url)).startswith("a=1")
    assert sent(jar, "http://127.0.0.1:8080/x") == "a=1; b=2"
    assert sent(jar, "http://10.127.0.0.1.example.com/") == ""
    assert names(jar) == ["a", "a", "b"]


def test_plain_http_cannot_touch_a_secure_cookie() -> None:
    jar = jar_with("sid=good; Secure; Path=/login; Domain=example.com")
    for field, url in (
        ("sid=evil; Path=/login", "http://www.example.com/"),
        ("sid=evil; Path=/login/x; Domain=example.com", "http://www.example.com/"),
        ("sid=evil; Path=/login", "http://sub.www.example.com/"),
        ("sid=; Path=/login; Domain=example.com; Max-Age=0", "http://example.com/"),
    ):
        jar_with(field, url=URL(url), jar=jar)
    assert [morsel.value for morsel in jar] == ["good"]
    # It shadows nothing where the Secure cookie is not sent.
    jar_with("sid=other; Path=/", url=URL("http://www.example.com/"), jar=jar)
    assert len(jar) == 2


@pytest.mark.parametrize(
    "origins",
    ["http://www.example.com", URL("http://www.example.com/x"), ["http://x.test", "http://www.example.com"]],
)
def test_treat_as_secure_origin_counts_for_that_origin(origins: str | URL | list[str | URL]) -> None:
    jar = CookieJar(treat_as_secure_origin=origins)
    assert URL("http://www.example.com") in jar.treat_as_secure_origin
    jar_with("a=1; Secure", url=URL("http://www.example.com/"), jar=jar)
    assert sent(jar, "http://www.example.com/") == "a=1"
    assert sent(jar, "http://www.example.com:81/") == ""


def test_longer_paths_go_first_then_older_cookies() -> None:
    jar = jar_with("old=1; Path=/", "deep=1; Path=/a/b", "mid=1; Path=/a", "new=1; Path=/")
    jar_with("old=2; Path=/", jar=jar)  # a replaced cookie keeps its age
    assert sent(jar, "https://www.example.com/a/b") == "deep=1; mid=1; old=2; new=1"


def test_of_one_name_the_most_specific_is_sent() -> None:
    jar = jar_with("a=domain; Path=/; Domain=example.com", "a=host; Path=/", "a=path; Path=/a/b")
    jar.update_cookies({"a": "shared"})
    assert sent(jar, "https://www.example.com/a/b") == "a=path"
    assert sent(jar, "https://www.example.com/") == "a=host"
    assert sent(jar, "https://example.com/") == "a=domain"
    assert sent(jar, "https://elsewhere.net/") == "a=shared"


def test_values_go_back_as_the_server_sent_them() -> None:
    jar = jar_with("a=b c", 'j={"x": "y, z"}', 'q="x\\054y"', "u=żółw", "n[0]=1")
    assert sent(jar, "https://www.example.com/a") == 'a=b c; j={"x": "y, z"}; q="x\\054y"; u=żółw; n[0]=1'
    assert jar.filter_cookies(SITE)["q"].value == "x,y"


def test_an_unquoting_jar_sends_bare_values_in_a_base_cookie() -> None:
    jar = CookieJar(quote_cookie=False)
    jar.update_cookies({"a": "x=y z"}, SITE)
    jar_with('b="q r"', 'c="x\\073y"', jar=jar)
    assert sent(jar, "https://www.example.com/a") == 'a=x=y z; b=q r; c="x\\073y"'
    assert type(jar.filter_cookies(SITE)) is BaseCookie
    assert type(CookieJar().filter_cookies(SITE)) is SimpleCookie


# Users' cookies


def test_shared_cookies_go_everywhere_but_secure_ones_only_over_tls() -> None:
    jar = CookieJar()
    jar.update_cookies(SimpleCookie("a=1; b=2; secure"))
    assert sent(jar, "http://anywhere.test/x") == "a=1"
    assert sent(jar, "https://anywhere.test/") == "a=1; b=2"
    assert sent(jar, "http://127.0.0.1/") == "a=1"
    assert sent(jar, "") == "a=1"
    assert jar.host_only_cookies == frozenset()


def test_cookies_of_users_belong_to_the_url_they_name() -> None:
    jar = CookieJar()
    jar.update_cookies([("a", "1"), ("b", "x y")], URL("http://example.com/p/q"))
    jar.update_cookies({"any": SimpleCookie("c=3; Domain=example.com; Path=/")["c"]}, URL("http://example.com/"))
    assert sent(jar, "http://example.com/p") == 'a=1; b="x y"; c=3'
    assert sent(jar, "http://sub.example.com/p") == "c=3"


def test_a_morsel_with_a_domain_needs_no_url() -> None:
    jar = CookieJar()
    jar.update_cookies({"a": SimpleCookie("a=1; Domain=.example.com")["a"]})
    assert sent(jar, "http://sub.example.com/") == "a=1"
    assert sent(jar, "http://elsewhere.net/") == ""


@pytest.mark.parametrize("cookies", [{"a": "1\r\nX: y"}, {"a\n": "1"}, {"": "1"}, {"a": "\0"}, [("a b", "1")]])
def test_a_cookie_that_cannot_be_sent_is_an_error_and_none_is_taken(
    cookies: dict[str, str] | list[tuple[str, str]],
) -> None:
    jar = CookieJar()
    pairs = list(cookies.items()) if isinstance(cookies, dict) else cookies
    with pytest.raises(ValueError, match="cookie"):
        jar.update_cookies([("good", "1"), *pairs], SITE)
    assert len(jar) == 0


def test_a_subclass_sees_the_cookies_of_headers_in_update_cookies() -> None:
    seen: list[object] = []

    class Watching(CookieJar):
        def update_cookies(self, cookies: object, response_url: URL = URL()) -> None:  # noqa: B008 - immutable
            seen.append(cookies)

    Watching().update_cookies_from_headers(["a=1"], SITE)
    assert len(seen) == 1


# Time


def timed_jar(*fields: str) -> tuple[CookieJar, Clock]:
    jar = CookieJar()
    jar.now = clock = Clock()
    return jar_with(*fields, jar=jar), clock


def test_cookies_live_until_their_expiry_and_no_longer() -> None:
    jar, clock = timed_jar("a=1; Max-Age=10", "b=1; Expires=Tue, 14 Nov 2023 22:13:40 GMT", "c=1")
    assert sent(jar, str(SITE)) == "a=1; b=1; c=1"
    clock.time = START + 9.9
    assert len(jar) == 3
    clock.time = START + 10
    assert sent(jar, str(SITE)) == "b=1; c=1"
    clock.time = START + 20
    assert (sent(jar, str(SITE)), len(jar), names(jar)) == ("c=1", 1, ["c"])


def test_counting_cookies_leaves_no_expired_one_in_remembered_answers() -> None:
    jar, clock = timed_jar("a=1; Max-Age=10")
    assert jar.cookie_header(SITE) == "a=1"
    clock.time += 10
    assert len(jar) == 0
    jar.update_cookies({"other": "1"}, URL("https://elsewhere.net/"))
    assert sent(jar, str(SITE)) == ""


def test_an_expired_secure_cookie_is_no_rival() -> None:
    jar, clock = timed_jar("a=1; Secure; Max-Age=10")
    clock.time += 10
    jar_with("a=2", url=URL("http://www.example.com/a/b"), jar=jar)
    assert sent(jar, "http://www.example.com/a/b") == "a=2"


@pytest.mark.parametrize(
    ("field", "lifetime_s"),
    [
        ("a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 10),
        ("a=1; Expires=Wed, 09 Jun 2100 10:18:14 GMT; Max-Age=10", 10),
        ("a=1; Max-Age=5; Max-Age=10", 10),
    ],
)
def test_max_age_wins_over_expires(field: str, lifetime_s: int) -> None:
    jar, clock = timed_jar(field)
    assert len(jar) == 1
    clock.time = START + lifetime_s
    assert len(jar) == 0


@pytest.mark.parametrize("field", ["a=1; Max-Age=" + "9" * 1000, "a=1; Max-Age=x", "a=1; Expires=never"])
def test_an_endless_or_broken_expiry_keeps_the_cookie(field: str) -> None:
    jar, clock = timed_jar(field)
    clock.time = CookieJar.SUB_MAX_TIME
    assert len(jar) == 1


def test_an_expired_cookie_deletes_its_namesake() -> None:
    jar = jar_with("a=1", "b=1")
    assert sent(jar, str(SITE)) == "a=1; b=1"
    jar_with("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", jar=jar)
    assert sent(jar, str(SITE)) == "b=1"


# Bounds


def test_twenty_thousand_cookies_leave_a_bounded_jar() -> None:
    jar = CookieJar()
    for start in range(0, 20_000, 50):
        jar_with(*[f"a{n}=1; Path=/" for n in range(start, start + 50)], jar=jar)
    assert KEPT_COOKIES_PER_DOMAIN <= len(jar) <= MAX_COOKIES_PER_DOMAIN
    assert sent(jar, str(SITE)).count("=") == MAX_COOKIES_PER_REQUEST
    for n in range(20_000):
        jar_with(f"a{n % 7}=1", url=URL(f"https://host{n}.example.com/"), jar=jar)
    assert KEPT_COOKIES <= len(jar) <= MAX_COOKIES


def test_the_field_line_is_bounded() -> None:
    jar = jar_with(*[f"a{n}={'x' * 1000}" for n in range(20)])
    assert len("Cookie: ") + len(sent(jar, str(SITE))) <= MAX_COOKIE_FIELD_BYTES
    assert len(jar.filter_cookies(SITE)) == 8


def test_a_full_domain_loses_expired_cookies_first_then_the_longest_unused() -> None:
    jar, clock = timed_jar()
    for n in range(MAX_COOKIES_PER_DOMAIN - 1):
        jar.update_cookies({f"a{n}": "1"}, SITE)
        clock.time += 1
    jar_with("brief=1; Max-Age=1", jar=jar)
    clock.time += 5
    jar.update_cookies({"new": "1"}, SITE)
    assert names(jar) == sorted(["new", *(f"a{n}" for n in range(MAX_COOKIES_PER_DOMAIN - 1))])
    jar.update_cookies({"newer": "1"}, SITE)
    latest = range(MAX_COOKIES_PER_DOMAIN - KEPT_COOKIES_PER_DOMAIN + 1, MAX_COOKIES_PER_DOMAIN - 1)
    assert names(jar) == sorted(["new", "newer", *(f"a{n}" for n in latest)])


def test_remembered_answers_count_as_use() -> None:
    jar, clock = timed_jar("precious=1; Path=/p")
    for n in range(MAX_COOKIES_PER_DOMAIN):
        clock.time += 1
        assert jar.cookie_header(URL("https://www.example.com/p")) == "precious=1"
        jar.update_cookies({f"a{n}": "1"}, SITE)
    assert "precious" in names(jar)


def test_secure_cookies_outlive_others_and_only_secure_ones_replace_them() -> None:
    jar = jar_with("first=1; Secure")
    for n in range(2 * MAX_COOKIES_PER_DOMAIN):
        jar.update_cookies({f"a{n}": "1"}, SITE)
    assert "first" in names(jar)
    jar = CookieJar()
    for n in range(MAX_COOKIES_PER_DOMAIN):
        jar_with(f"s{n}=1; Secure", jar=jar)
    jar_with("plain=1", jar=jar)
    assert "plain" not in names(jar)
    assert len(jar) == MAX_COOKIES_PER_DOMAIN
    jar_with("new=1; Secure", jar=jar)
    assert "new" in names(jar)
    assert len(jar) == KEPT_COOKIES_PER_DOMAIN


def test_remembered_answers_are_bounded_and_dropped_when_cookies_change() -> None:
    jar = jar_with("a=1; Path=/")
    for n in range(2 * MAX_COOKIE_SELECTIONS):
        assert jar.cookie_header(URL(f"https://www.example.com/{n}")) == "a=1"
    jar_with("a=2; Path=/", jar=jar)
    assert jar.cookie_header(SITE) == "a=2"
    jar.clear(lambda morsel: morsel.value == "2")
    assert jar.cookie_header(SITE) == ""


def test_refusals_are_logged_briefly_without_names_and_values(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="trunkline.client"):
        jar_with("hush=hush; Domain=com", "hush\x01=hush", "hush=" + "hush" * 2000, "__Host-hush=hush")
    assert len(caplog.messages) == 4
    assert all("www.example.com" in message and len(message) < 200 for message in caplog.messages)
    assert "hush" not in caplog.text


# Views and removal


def test_views_show_domain_path_and_what_is_host_only() -> None:
    jar = jar_with("a=1; Path=/", "b=2; Domain=example.com; Path=/x/")
    assert {key: list(group) for key, group in jar.cookies.items()} == {
        ("www.example.com", ""): ["a"],
        ("example.com", "/x"): ["b"],
    }
    assert jar.host_only_cookies == {("www.example.com", "", "a")}
    assert [(morsel.key, morsel["domain"], morsel["path"]) for morsel in jar] == [
        ("a", "www.example.com", "/"),
        ("b", "example.com", "/x/"),
    ]


def test_clear_takes_all_or_what_the_predicate_names() -> None:
    jar = jar_with("a=1", "b=2", "c=3; Domain=example.com", "d=4; Domain=example.com")
    jar.clear(lambda morsel: morsel.key == "a")
    assert names(jar) == ["b", "c", "d"]
    jar.clear_domain("www.example.com")
    assert names(jar) == ["c", "d"]
    jar_with("a=1", jar=jar)
    jar.clear_domain("example.com")
    assert len(jar) == 0
    jar = jar_with("a=1", "b=2")
    jar.clear()
    assert (len(jar), jar.cookie_header(SITE)) == (0, "")


# Files


def test_save_and_load_keep_everything(tmp_path: Path) -> None:
    jar, clock = timed_jar(
        "host=1; Path=/; Max-Age=100",
        "domain=2; Domain=example.com; Secure; HttpOnly; SameSite=Lax",
        'odd[0]="x y"',
        "deep=1; Path=/p",
        "deep=2; Path=/p/",
    )
    jar.update_cookies({"shared": "x,y"})
    jar.save(tmp_path / "jar")
    copy = CookieJar()
    copy.now = clock
    copy.update_cookies({"gone": "1"})
    copy.load(str(tmp_path / "jar"))
    for url in (
        "https://www.example.com/p/q",
        "http://example.com/a",
        "https://sub.example.com/a",
        "http://x.test/",
    ):
        assert sent(copy, url) == sent(jar, url)
    assert sorted(map(str, copy)) == sorted(str(morsel).replace("Max-Age=100; ", "") for morsel in jar)
    assert copy.host_only_cookies == jar.host_only_cookies
    clock.time += 100
    assert "host" not in names(copy)
    copy.load(tmp_path / "jar")
    assert "host" not in names(copy)


def test_a_new_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    CookieJar().save(tmp_path / "jar")
    assert stat.S_IMODE((tmp_path / "jar").stat().st_mode) == 0o600
    assert json.loads((tmp_path / "jar").read_text()) == {}


@pytest.mark.parametrize("protocol", range(3, pickle.HIGHEST_PROTOCOL + 1))
def test_a_legacy_pickle_of_cookies_is_read(protocol: int, tmp_path: Path) -> None:
    legacy: dict[tuple[str, str], SimpleCookie] = defaultdict(SimpleCookie)
    legacy["example.com", ""] = SimpleCookie("a=1; Path=/")
    legacy["", ""] = SimpleCookie("s=2")
    (tmp_path / "jar").write_bytes(pickle.dumps(legacy, protocol))
    jar = CookieJar()
    jar.load(tmp_path / "jar")
    assert sent(jar, "http://example.com/") == "a=1; s=2"
    assert sent(jar, "http://elsewhere.net/") == "s=2"


class Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'{"x": 1}',
        b'{"x": {"y": 1}}',
        b'{"x": {"y": {"key": "a"}}}',
        b'{"x": {"y": {"key": "a\\r\\nb", "value": "", "coded_value": ""}}}',
        b'{"x": {"y": {"key": "a", "value": "", "coded_value": "1\\n"}}}',
        b'{"x": {"y": {"key": "a", "value": "", "coded_value": "", "expires_timestamp": "soon"}}}',
        b"garbage\xff",
        pickle.dumps(5),
        pickle.dumps({("example.com", "/"): Exploit()}),
        pickle.dumps(URL("http://x.test")),
        pickle.dumps({("example.com", "/"): {"a": "1"}}),
    ],
)
def test_any_other_file_is_an_error_runs_nothing_and_changes_nothing(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jar").write_bytes(data)
    jar = jar_with("a=1")
    with pytest.raises(ValueError, match="jar"):
        jar.load("jar")
    assert names(jar) == ["a"]
    assert os.listdir() == ["jar"]


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        CookieJar().load(tmp_path / "none")


# Whatever a server sends

_fragments = st.sampled_from([
    "a", "b", "=", ";", '"', ",", ".", " ", "\t", "\n", "é", "\udce9", "[0]", "9", "com", "example.com",
    "__Host-", "Path=/", "Domain=", "Secure", "Max-Age=", "Expires=", "09 Jun 2031 10:18:14",
])  # fmt: skip


@given(st.lists(st.lists(_fragments, max_size=12).map("".join), max_size=5))
def test_no_set_cookie_field_raises_or_injects(fields: list[str]) -> None:
    jar = jar_with(*fields)
    header = sent(jar, str(SITE))
    assert not set(header) & set("\r\n\0")
    assert header.count(";") == max(len(jar.filter_cookies(SITE)) - 1, 0)


def test_the_dummy_jar_keeps_nothing() -> None:
    jar = DummyCookieJar()
    jar.update_cookies({"a": "1"}, SITE)
    jar.update_cookies_from_headers(["a=1"], SITE)
    jar.clear()
    jar.clear_domain("example.com")
    assert (len(jar), list(jar), len(jar.filter_cookies(SITE)), jar.quote_cookie) == (0, [], 0, True)


def test_filter_cookies_takes_a_string() -> None:
    assert list(jar_with("a=1").filter_cookies(str(SITE))) == ["a"]  # type: ignore[arg-type]  # as old code does


def test_a_morsel_of_filter_cookies_is_a_copy() -> None:
    jar = jar_with("a=1")
    morsel: Morsel[str] = jar.filter_cookies(SITE)["a"]
    morsel.set("a", "2", "2")
    assert sent(jar, str(SITE)) == "a=1"
