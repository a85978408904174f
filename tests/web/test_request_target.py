"""Where a request goes and comes from, of all forms of a target, with what `clone` replaces."""

from typing import Any

import pytest

from trunkline.web.request_target import RequestTarget
from trunkline.wire.received import ReceivedHead
from trunkline.wire.version import HttpVersion11


class Target(RequestTarget):
    def __init__(self, target: str, method: str = "GET", host: str | None = "h", **extra: Any) -> None:
        self._message = ReceivedHead(method, target, HttpVersion11, keep_alive=True)
        self._message.host = host
        self._extra = extra

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._extra.get(name, default)


@pytest.mark.parametrize(
    ("target", "url", "path", "path_qs", "query_string"),
    [
        ("/", "http://h/", "/", "/", ""),
        ("/a/b?x=1&y=%20", "http://h/a/b?x=1&y=%20", "/a/b", "/a/b?x=1&y=%20", "x=1&y= "),
        ("/a%2Fb%7Cc", "http://h/a%2Fb%7Cc", "/a/b|c", "/a%2Fb%7Cc", ""),
        ("/a+b?c+d", "http://h/a+b?c+d", "/a+b", "/a+b?c+d", "c d"),
        ("/a:b/c", "http://h/a:b/c", "/a:b/c", "/a:b/c", ""),
        ("//evil/x", "http://h//evil/x", "//evil/x", "//evil/x", ""),
        ("/?", "http://h/", "/", "/?", ""),
        ("http://x:81/p?q", "http://x:81/p?q", "/p", "/p?q", "q"),
        ("http://x", "http://x/", "/", "/", ""),
        ("*", "http://h/*", "*", "*", ""),
    ],
)
def test_the_parts_of_a_target(target: str, url: str, path: str, path_qs: str, query_string: str) -> None:
    request = Target(target)
    assert str(request.url) == url
    assert (request.path, request.path_qs, request.query_string) == (path, path_qs, query_string)
    assert request.raw_path == target
    assert not request.rel_url.absolute
    assert (request.rel_url.path, request.rel_url.raw_query_string) == (path, request.url.raw_query_string)


def test_the_query_is_a_multidict_of_decoded_values() -> None:
    query = Target("/?a=1&b=%C3%A9+x&a=2&c").query
    assert list(query.items()) == [("a", "1"), ("b", "é x"), ("a", "2"), ("c", "")]
    assert not hasattr(query, "add")


def test_the_target_of_connect_is_an_authority() -> None:
    request = Target("x:443", method="CONNECT", host="x:443")
    assert (str(request.url), request.host, request.raw_path) == ("//x:443", "x:443", "x:443")


@pytest.mark.parametrize(("sslcontext", "scheme"), [(None, "http"), (object(), "https")])
@pytest.mark.parametrize("target", ["/", "http://x/", "https://x/"])
def test_the_scheme_is_that_of_the_transport_whatever_the_target_says(
    sslcontext: object, scheme: str, target: str
) -> None:
    request = Target(target, sslcontext=sslcontext)
    assert (request.scheme, request.secure, request.url.scheme) == (scheme, scheme == "https", scheme)


@pytest.mark.parametrize(
    ("target", "host", "sockname", "expected"),
    [
        ("/", "h:8080", None, "h:8080"),
        ("http://x:81/", "h", None, "x:81"),  # RFC 9112 §3.2.2
        ("/", None, ("127.0.0.1", 80), "127.0.0.1"),
        ("/", None, "/run/socket", ""),
        ("/", None, None, ""),
    ],
)
def test_the_host_is_the_targets_the_fields_or_our_own_address(
    target: str, host: str | None, sockname: object, expected: str
) -> None:
    assert Target(target, host=host, sockname=sockname).host == expected


@pytest.mark.parametrize(
    ("peername", "remote"),
    [(("10.0.0.1", 5), "10.0.0.1"), (["::1", 5, 0, 0], "::1"), ("/run/x", "/run/x"), (None, None)],
)
def test_the_remote_address_is_the_peers(peername: object, remote: str | None) -> None:
    assert Target("/", peername=peername).remote == remote


@pytest.mark.parametrize("target", ["/p?q", "http://x:81/p?q"])
def test_what_clone_replaced_comes_first(target: str) -> None:
    request = Target(target, peername=("10.0.0.1", 5))
    request._scheme, request._host, request._remote = "https", "other:1", "9.9.9.9"
    assert (request.scheme, request.secure, request.host, request.remote) == ("https", True, "other:1", "9.9.9.9")
    assert str(request.url) == "https://other:1/p?q"
