"""`RawRequestMessage`: a head made of its parts."""

from multidict import CIMultiDict
from yarl import URL

from trunkline.wire.received import RawRequestMessage
from trunkline.wire.version import HttpVersion11


def test_the_parts_that_were_given_are_told_as_those_of_a_received_head() -> None:
    fields = CIMultiDict({"Host": "test", "Content-Length": "3", "Expect": "100-Continue"})
    raw_fields = ((b"Host", b"test"),)
    head = RawRequestMessage(
        "POST", "/a?b", HttpVersion11, fields, raw_fields, True, "gzip", False, False, URL("/a?b")
    )  # fmt: skip
    assert (head.method, head.path, head.version) == ("POST", "/a?b", HttpVersion11)
    assert (head.host, head.content_length, head.expect) == ("test", 3, "100-continue")
    assert (head.should_close, head.compression, head.upgrade, head.chunked) == (True, "gzip", False, False)
    assert dict(head.headers) == dict(fields)
    assert head.raw_headers is raw_fields
    assert head.url == URL("/a?b")
