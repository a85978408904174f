"""The short ways of `RequestFactory` send what the general way sends, whatever the defaults and the options."""

import asyncio
from typing import Any

from hypothesis import given, settings, strategies as st
from yarl import URL

from tests.client.recording import credentials
from trunkline import ClientRequest, ClientSession, CookieJar, HttpVersion10, HttpVersion11, TCPConnector
from trunkline.wire.h1.render import render_request_head


class General(ClientRequest):
    """Another class than the usual one: sessions take no short way for it."""


HEADERS = st.dictionaries(
    st.sampled_from(["X-A", "accept", "User-Agent", "Authorization", "Content-Type", "Cookie", "Connection", "hOST"]),
    st.sampled_from(["one", "a=b", "text/plain", "close", "keep-alive"]),
    max_size=3,
)
SKIPPED = st.lists(st.sampled_from(["User-Agent", "accept", "Accept-Encoding", "content-type"]), max_size=2)
DEFAULTS = st.fixed_dictionaries(
    {},
    optional={
        "headers": HEADERS,
        "skip_auto_headers": SKIPPED,
        "cookies": st.just({"c": "1", "d": "x y"}),
        "auth": st.just(credentials()),
        "base_url": st.sampled_from(["http://example.com/base/", "https://other.example/"]),
        "version": st.sampled_from([HttpVersion11, HttpVersion11, HttpVersion10]),
    },
)
# Any: the options have values of many types.
ANY_OPTIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "headers": HEADERS,
        "json": st.sampled_from([None, 0, {"k": "v"}, []]),
        "data": st.none(),
        "params": st.sampled_from([None, {}, {"q": "1"}]),
        "cookies": st.sampled_from([None, {}, {"c": "2"}]),
        "ssl": st.sampled_from([True, False]),
        "allow_redirects": st.booleans(),
    },
)
SHORT: list[dict[str, Any]] = [
    {"allow_redirects": True},
    {"json": {"k": "v"}},
    {"json": 0, "data": None},
    {"ssl": False},
]
OPTIONS = st.sampled_from(SHORT) | ANY_OPTIONS  # those that take the short ways often enough to meet all defaults
URLS = st.sampled_from(["http://example.com/", "http://example.com/a?b=c#d", "http://u:p@example.com/", "http://a./"])


def sent(session: ClientSession, method: str, url: str, options: dict[str, Any]) -> tuple[bytes, list[bytes]] | str:
    """The request line and the sorted rest, twice: the second time the target is known. Or the error's class."""
    factory = session._factory
    try:
        seen = []
        for _ in range(2):
            request = factory.build_plain(method, url) if options == {"allow_redirects": True} else None
            request = request or factory.build(method, url, options)
            lines = render_request_head(request, request.small_body).split(b"\r\n")
            seen.append((lines[0], sorted(lines[1:])))
    except (ValueError, TypeError) as error:
        return type(error).__name__
    assert seen[0] == seen[1]
    return seen[0]


async def compare(
    defaults: dict[str, Any], changed: dict[str, str], method: str, url: str, options: dict[str, Any], *, closes: bool
) -> None:
    results = []
    for request_class in (ClientRequest, General):
        jar = CookieJar()
        jar.update_cookies({"j": "1"}, URL("http://example.com/"))
        connector = TCPConnector(force_close=closes)
        async with ClientSession(
            request_class=request_class, cookie_jar=jar, connector=connector, **defaults
        ) as session:
            first = sent(session, method, url, options)
            session.headers.update(changed)  # what was rendered holds no longer
            results.append((first, sent(session, method, url, options)))
    assert results[0] == results[1]


@settings(max_examples=500, deadline=None)
@given(DEFAULTS, HEADERS, st.sampled_from(["GET", "HEAD", "POST", "DELETE"]), URLS, OPTIONS, st.booleans())
def test_the_short_ways_send_what_the_general_way_sends(
    defaults: dict[str, Any], changed: dict[str, str], method: str, url: str, options: dict[str, Any], closes: bool
) -> None:
    asyncio.run(compare(defaults, changed, method, url, options, closes=closes))
