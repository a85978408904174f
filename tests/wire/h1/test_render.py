import h11
import pytest
from hypothesis import given, strategies as st

from trunkline.wire.h1.render import check_method, render_request_head
from trunkline.wire.message import FieldBlock, RequestHead, Target
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

TARGET = Target("http", "example.org:8080", "/a?b=c")


def request(
    method: str, *blocks: FieldBlock, target: Target = TARGET, version: HttpVersion = HttpVersion11
) -> RequestHead:
    head = RequestHead(method, target, blocks)
    head.version = version
    return head


METHODS = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "M-S!",
]
BAD_METHODS = ["", " ", "GET ", "G T", "GET\r\n", "GET\n", "GET\0", "GET:", "G/T", "GÉT", "GET\x7f", "ＧＥＴ"]

RENDERED: dict[str, tuple[RequestHead, bytes, bytes]] = {
    "no block": (
        request("GET"),
        b"",
        b"GET /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\n\r\n",
    ),
    "empty block": (
        request("GET", FieldBlock([])),
        b"",
        b"GET /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\n\r\n",
    ),
    "one block": (
        request("GET", FieldBlock([("A", "b"), ("a", "")])),
        b"",
        b"GET /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nA: b\r\na: \r\n\r\n",
    ),
    "blocks in their order": (
        request("DELETE", FieldBlock([("A", "b")]), FieldBlock([]), FieldBlock([("C", "d")])),
        b"",
        b"DELETE /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nA: b\r\nC: d\r\n\r\n",
    ),
    "body behind one block": (
        request("POST", FieldBlock([("Content-Length", "2")])),
        b"hi",
        b"POST /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nContent-Length: 2\r\n\r\nhi",
    ),
    "body behind two blocks": (
        request("POST", FieldBlock([("A", "b")]), FieldBlock([("Content-Length", "2")])),
        b"hi",
        b"POST /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nA: b\r\nContent-Length: 2\r\n\r\nhi",
    ),
    "unusual method": (
        request("M-SEARCH", FieldBlock([])),
        b"",
        b"M-SEARCH /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\n\r\n",
    ),
    "HTTP/1.0": (
        request("POST", FieldBlock([("Content-Length", "2")]), version=HttpVersion10),
        b"hi",
        b"POST /a?b=c HTTP/1.0\r\nHost: example.org:8080\r\nContent-Length: 2\r\n\r\nhi",
    ),
    "an equal but other version": (
        request("GET", FieldBlock([("A", "b")]), version=HttpVersion(1, 1)),
        b"",
        b"GET /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nA: b\r\n\r\n",
    ),
    "not ASCII": (
        request("GET", FieldBlock([("A", "grün"), ("B", "gr\udcfcn")])),
        b"",
        b"GET /a?b=c HTTP/1.1\r\nHost: example.org:8080\r\nA: gr\xc3\xbcn\r\nB: gr\xfcn\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("head", "body", "expected"), RENDERED.values(), ids=RENDERED)
def test_a_head_is_rendered_to_exactly_these_bytes(head: RequestHead, body: bytes, expected: bytes) -> None:
    assert render_request_head(head, body) == expected


@pytest.mark.parametrize("method", METHODS)
def test_a_token_is_a_method(method: str) -> None:
    check_method(method)


@pytest.mark.parametrize("method", BAD_METHODS)
def test_a_method_that_is_no_token_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="is not a token"):
        check_method(method)


_TCHARS = "!#$%&'*+-.^_`|~09azAZ"
names = st.text(_TCHARS, min_size=1, max_size=8).map("X-{}".format)
values = st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=12)


@given(
    st.text(_TCHARS, min_size=1, max_size=8),
    st.text("/?&=%az09", max_size=10).map("/{}".format),
    st.lists(st.lists(st.tuples(names, values), max_size=3), max_size=3),
    st.sampled_from([HttpVersion10, HttpVersion11]),
)
def test_h11_reads_what_was_rendered(
    method: str, path: str, blocks: list[list[tuple[str, str]]], version: HttpVersion
) -> None:
    target = Target("https", "a", path)
    head = request(method, *map(FieldBlock, blocks), target=target, version=version)
    server = h11.Connection(h11.SERVER)
    server.receive_data(render_request_head(head))
    received = server.next_event()
    assert isinstance(received, h11.Request)
    assert (received.method, received.target) == (method.encode(), path.encode())
    assert received.http_version == b"%d.%d" % version
    pairs = [("Host", "a"), *[pair for block in blocks for pair in block]]
    expected = [(name.encode(), value.encode().strip(b" \t")) for name, value in pairs]
    assert received.headers.raw_items() == expected
    assert isinstance(server.next_event(), h11.EndOfMessage)
