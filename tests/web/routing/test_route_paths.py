"""The forms of a path: one per purpose, and the same whether it came percent-encoded or not."""

import pytest
from yarl import URL

from trunkline.web.routing.route_paths import (
    decoded_value,
    encoded_form,
    matching_form,
    raw_requested_path,
    requested_path,
)
from trunkline.wire.received import ReceivedHead
from trunkline.wire.version import HttpVersion11

# as registered or received, to compare, to write into a link
FORMS = [
    ("/plain", "/plain", "/plain"),
    ("", "", ""),
    ("/café", "/café", "/caf%C3%A9"),
    ("/caf%c3%a9", "/café", "/caf%C3%A9"),
    ("/a b", "/a b", "/a%20b"),
    ("/a%20b", "/a b", "/a%20b"),
    ("/a+b", "/a+b", "/a+b"),
    ("/a%2bb", "/a+b", "/a+b"),
    ("/a%2fb", "/a%2Fb", "/a%2Fb"),
    ("/a%2Fb", "/a%2Fb", "/a%2Fb"),
    ("/100%", "/100%25", "/100%25"),
    ("/100%25", "/100%25", "/100%25"),
    ("/a%252Fb", "/a%252Fb", "/a%252Fb"),
    ("/%zz", "/%25zz", "/%25zz"),
    ("/%FF", "/%FF", "/%FF"),
    ("/%61", "/a", "/a"),
    ("/a?b#c", "/a?b#c", "/a%3Fb%23c"),
    ("/%3Fb", "/?b", "/%3Fb"),
    ("//a//b", "//a//b", "//a//b"),
    ("//%61", "//a", "//a"),
    ("/a/../b/.", "/a/../b/.", "/a/../b/."),
    ("/%2e%2e/", "/../", "/../"),
    ("/%7Bx%7D", "/{x}", "/%7Bx%7D"),
    ("/a:b@c;d=e,f&g$h!'()*~", "/a:b@c;d=e,f&g$h!'()*~", "/a:b@c;d=e,f&g$h!'()*~"),
    ('/"\\|', '/"\\|', "/%22%5C%7C"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "matching", "encoded"), FORMS)
def test_a_path_has_one_form_to_compare_and_one_to_write(path: str, matching: str, encoded: str) -> None:
    assert matching_form(path) == matching
    assert encoded_form(path) == encoded
    assert matching_form(encoded) == matching


TARGETS = [
    ("/a", "/a"),
    ("/a?x=1", "/a"),
    ("/a?x=1?y=%2F", "/a"),
    ("/a?", "/a"),
    ("/a#f", "/a"),
    ("/a#f?x", "/a"),
    ("/a%23f", "/a#f"),
    ("/%61?%61", "/a"),
    ("//a", "//a"),
    ("http://h/a?x=1", "/a"),
    ("http://h/a%2fb", "/a%2Fb"),
    ("http://h", "/"),
    ("http://h?x", "/"),
    ("*", "*"),
    ("plain", "plain"),
]


@pytest.mark.parametrize(("target", "path"), TARGETS)
def test_the_path_of_a_target_is_without_query_scheme_and_host(target: str, path: str) -> None:
    assert requested_path(ReceivedHead("GET", target, HttpVersion11, True)) == path


def test_an_authority_is_no_path() -> None:
    assert requested_path(ReceivedHead("CONNECT", "h:80", HttpVersion11, True)) == "h:80"


def test_the_raw_path_keeps_its_encoding() -> None:
    assert raw_requested_path(ReceivedHead("GET", "/%61%2f?x", HttpVersion11, True)) == "/%61%2f"


@pytest.mark.parametrize("value", ["a/b", "100%", "%2F", "%252F", "é ", "a+b", "%", ""])
def test_a_value_survives_a_link_and_its_request(value: str) -> None:
    sent = URL.build(path=value).raw_path.replace("/", "%2F")
    assert decoded_value(matching_form(sent)) == value
