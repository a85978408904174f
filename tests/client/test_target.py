import pytest
from yarl import URL

from trunkline.client.errors import InvalidUrlClientError, NonHttpUrlClientError
from trunkline.client.target import prepare


@pytest.mark.parametrize(
    ("url", "host", "port", "is_ssl", "authority", "path"),
    [
        ("http://example.com", "example.com", 80, False, "example.com", "/"),
        ("http://example.com:80/a?b=c", "example.com", 80, False, "example.com", "/a?b=c"),
        ("http://example.com:8080/", "example.com", 8080, False, "example.com:8080", "/"),
        ("https://EXAMPLE.com?q=1", "example.com", 443, True, "example.com", "/?q=1"),
        ("https://example.com:444/", "example.com", 444, True, "example.com:444", "/"),
        ("ws://example.com/", "example.com", 80, False, "example.com", "/"),
        ("wss://example.com/", "example.com", 443, True, "example.com", "/"),
        ("http://[::1]:81/", "::1", 81, False, "[::1]:81", "/"),
        ("http://[fe80::1%25eth0]/", "fe80::1%eth0", 80, False, "[fe80::1]", "/"),
        ("http://127.0.0.1/", "127.0.0.1", 80, False, "127.0.0.1", "/"),
        ("http://köln.example/ä?ö=ü", "xn--kln-sna.example", 80, False, "xn--kln-sna.example", "/%C3%A4?%C3%B6=%C3%BC"),
        ("http://a_b.example/", "a_b.example", 80, False, "a_b.example", "/"),
        ("http://1.2.3.example/", "1.2.3.example", 80, False, "1.2.3.example", "/"),
    ],
)
def test_a_url_is_prepared_to_key_and_target(
    url: str, host: str, port: int, is_ssl: bool, authority: str, path: str
) -> None:
    prepared = prepare(URL(url))
    assert prepared.key[:3] == (host, port, is_ssl)
    assert (prepared.target.authority, prepared.target.path) == (authority, path)
    assert prepared.target.scheme == ("https" if is_ssl else "http")


def test_the_fragment_stays_in_real_url_only() -> None:
    prepared = prepare(URL("http://example.com/a#b"))
    assert (str(prepared.url), str(prepared.real_url)) == ("http://example.com/a", "http://example.com/a#b")
    assert prepared.target.path == "/a"


def test_an_encoded_url_is_sent_as_it_is() -> None:
    assert prepare(URL("http://example.com/%30%2f?a=%31", encoded=True)).target.path == "/%30%2f?a=%31"


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/ä", "/a\x7f"])
def test_an_encoded_url_that_would_break_the_request_line_is_refused(path: str) -> None:
    with pytest.raises(InvalidUrlClientError, match="quote it"):
        prepare(URL("http://example.com" + path, encoded=True))


@pytest.mark.parametrize(
    "host", ["0x7f.1", "2130706433", "127.1", "1.2.3.4.5", "999.1.1.1", "example.0x1", "1.2.3.04", "1.2.3.4."]
)
def test_a_host_that_some_resolvers_read_as_an_address_is_refused(host: str) -> None:
    with pytest.raises(InvalidUrlClientError, match="looks like an IP address but is none"):
        prepare(URL(f"http://{host}/"))


@pytest.mark.parametrize("host", ["a b", "a\x00b", "a%00b", "a%2fb"])
def test_a_host_with_characters_that_no_host_has_is_refused(host: str) -> None:
    with pytest.raises(InvalidUrlClientError):
        prepare(URL(f"http://{host}/", encoded=True))


@pytest.mark.parametrize("url", ["", "abc", "/abc", "//", "?a=b", "http:/x", "http://.:4/"])
def test_a_url_without_a_scheme_or_a_host_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrlClientError, match=r"it has no scheme|it names no host") as caught:
        prepare(URL(url))
    assert caught.value.url == URL(url)


@pytest.mark.parametrize("url", ["ftp://example.com/", "mailto:a@example.com"])
def test_a_scheme_that_is_not_http_is_refused_by_its_own_error(url: str) -> None:
    with pytest.raises(NonHttpUrlClientError, match=f"^{url} - its scheme is .*; wanted http"):
        prepare(URL(url))


def test_tls_settings_make_another_key() -> None:
    plain = prepare(URL("https://example.com/"))
    other = plain.with_tls(False, "other.example")
    assert (other.key.ssl, other.key.server_hostname) == (False, "other.example")
    assert other.key != plain.key
    assert other.target is plain.target
