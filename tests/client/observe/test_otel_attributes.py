"""What is told of requests: what must not be, and what is taken for an error."""

import pytest
from multidict import CIMultiDict
from yarl import URL

from trunkline.client.observe.otel_attributes import body_size, known_methods, redacted, server_attributes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://h/p?q=1#f", "http://h/p?q=1#f"),
        ("https://u:p@h/", "https://REDACTED:REDACTED@h/"),
        ("https://u@h/", "https://REDACTED:REDACTED@h/"),
        ("http://h/p@q?a=b@c", "http://h/p@q?a=b@c"),
        ("http://h/?color=blue&sig=abc", "http://h/?color=blue&sig=REDACTED"),
        ("http://h/?Signature=a%3D&AWSAccessKeyId=b&x=1", "http://h/?Signature=REDACTED&AWSAccessKeyId=REDACTED&x=1"),
        ("http://h/?X-Goog-Signature=a#f", "http://h/?X-Goog-Signature=REDACTED#f"),
        (
            "http://h/?access_token=a&API_KEY=b&apikey=c",
            "http://h/?access_token=REDACTED&API_KEY=REDACTED&apikey=REDACTED",
        ),
        ("http://h/?design=1&tokens=2", "http://h/?design=1&tokens=2"),
        ("GET http://u:p@h/?sig=1 failed: no route", "GET http://REDACTED:REDACTED@h/?sig=REDACTED failed: no route"),
    ],
)
def test_secrets_in_urls_are_replaced(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    ("url", "address", "port"),
    [
        ("http://example.com/", "example.com", 80),
        ("https://example.com/", "example.com", 443),
        ("http://[::1]:8080/", "::1", 8080),
        ("http://bücher.example/", "bücher.example", 80),
    ],
)
def test_the_server_is_that_of_the_url(url: str, address: str, port: int) -> None:
    attributes = server_attributes("GET", URL(url), known_methods())
    assert attributes == {"http.request.method": "GET", "server.address": address, "server.port": port}


@pytest.mark.parametrize(
    ("variable", "method", "told"),
    [
        (None, "PATCH", "PATCH"),
        (None, "PURGE", "_OTHER"),
        ("GET,PURGE", "PURGE", "PURGE"),
        ("GET,PURGE", "PUT", "_OTHER"),
    ],
)
def test_methods_that_are_not_known_are_one(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, method: str, told: str
) -> None:
    if variable is not None:
        monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", variable)
    assert server_attributes(method, URL("http://h/"), known_methods())["http.request.method"] == told


@pytest.mark.parametrize(("length", "size"), [("0", 0), ("12", 12), (None, None), ("many", None), ("9" * 19, None)])
def test_a_body_has_the_size_that_is_announced(length: str | None, size: int | None) -> None:
    assert body_size(CIMultiDict({} if length is None else {"content-length": length})) == size
