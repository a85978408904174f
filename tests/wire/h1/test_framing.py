import pytest
from hypothesis import given, strategies as st

from trunkline.wire.errors import BadFraming
from trunkline.wire.h1.framing import CHUNKED, UNTIL_CLOSE, must_be_empty_body, request_framing, response_framing
from trunkline.wire.h1.head import ResponseHead, parse_response_head
from trunkline.wire.h1.request_head import parse_request_head
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS, MAX_LINE_BYTES
from trunkline.wire.received import ReceivedHead

LENGTH_5 = b"Content-Length: 5"
IN_CHUNKS = b"Transfer-Encoding: chunked"

# Rule of RFC 9112 §6.3, method, status, fields: the framing, and whether the connection may be used again.
RULES: dict[str, tuple[str, int, list[bytes], int, bool]] = {
    "1: HEAD": ("HEAD", 200, [], 0, True),
    "1: HEAD with a length": ("HEAD", 200, [LENGTH_5], 0, True),
    "1: HEAD with chunks": ("HEAD", 200, [IN_CHUNKS], 0, True),
    "1: HEAD that failed": ("HEAD", 404, [LENGTH_5], 0, True),
    "1: 204": ("GET", 204, [], 0, True),
    "1: 204 with a length": ("GET", 204, [LENGTH_5], 0, True),
    "1: 304": ("GET", 304, [], 0, True),
    "1: 304 with a length": ("GET", 304, [LENGTH_5], 0, True),
    "1: 304 with chunks": ("GET", 304, [IN_CHUNKS], 0, True),
    "1: 100": ("GET", 100, [], 0, True),
    "1: 103 with a length": ("GET", 103, [LENGTH_5], 0, True),
    "1: 199": ("POST", 199, [], 0, True),
    "1: 101 hands the connection over": ("GET", 101, [], UNTIL_CLOSE, False),
    "1: 101 with a length": ("GET", 101, [LENGTH_5], UNTIL_CLOSE, False),
    "1: 101 in answer to HEAD": ("HEAD", 101, [], UNTIL_CLOSE, False),
    "2: CONNECT": ("CONNECT", 200, [], UNTIL_CLOSE, False),
    "2: CONNECT with a length": ("CONNECT", 200, [LENGTH_5], UNTIL_CLOSE, False),
    "2: CONNECT with chunks": ("CONNECT", 299, [IN_CHUNKS], UNTIL_CLOSE, False),
    "2: CONNECT that was refused": ("CONNECT", 407, [LENGTH_5], 5, True),
    "3: chunks win over a length": ("GET", 200, [IN_CHUNKS, LENGTH_5], CHUNKED, False),
    "3: in either order": ("GET", 200, [LENGTH_5, IN_CHUNKS], CHUNKED, False),
    "4: chunks": ("GET", 200, [IN_CHUNKS], CHUNKED, True),
    "4: in any case": ("GET", 200, [b"TRANSFER-ENCODING:\tCHUNKED "], CHUNKED, True),
    "4: chunks, then close": ("GET", 200, [IN_CHUNKS, b"Connection: close"], CHUNKED, False),
    "5: equal lengths": ("GET", 200, [LENGTH_5, LENGTH_5], 5, True),
    "5: list of equal lengths": ("GET", 200, [b"Content-Length: 5, 5"], 5, True),
    "6: length": ("GET", 200, [LENGTH_5], 5, True),
    "6: no bytes": ("POST", 200, [b"Content-Length: 0"], 0, True),
    "6: length, then close": ("GET", 200, [LENGTH_5, b"Connection: close"], 5, False),
    "6: an error has a body": ("GET", 500, [LENGTH_5], 5, True),
    "6: 205 is nothing special": ("GET", 205, [LENGTH_5], 5, True),
    "8: until close": ("GET", 200, [], UNTIL_CLOSE, False),
    "8: keep-alive cannot help": ("GET", 200, [b"Connection: keep-alive"], UNTIL_CLOSE, False),
}

REFUSED = {
    "xchunked": [b"Transfer-Encoding: xchunked"],
    "chunkedx": [b"Transfer-Encoding: chunkedx"],
    "identity": [b"Transfer-Encoding: identity"],
    "empty": [b"Transfer-Encoding:"],
    "empty, with a length": [b"Transfer-Encoding:", LENGTH_5],
    "gzip": [b"Transfer-Encoding: gzip"],
    "gzip, chunked": [b"Transfer-Encoding: gzip, chunked"],
    "gzip and chunked in two lines": [b"Transfer-Encoding: gzip", IN_CHUNKS],
    "chunked, identity": [b"Transfer-Encoding: chunked, identity"],
    "chunked, chunked": [b"Transfer-Encoding: chunked, chunked"],
    "chunked twice": [IN_CHUNKS, IN_CHUNKS],
    "comma before": [b"Transfer-Encoding: ,chunked"],
    "comma behind": [b"Transfer-Encoding: chunked,"],
    "quoted": [b'Transfer-Encoding: "chunked"'],
    "with a parameter": [b"Transfer-Encoding: chunked;q=1"],
    "vertical tab before": [b"Transfer-Encoding: \x0bchunked"],
    "no-break space before": ["Transfer-Encoding: \xa0chunked".encode()],
    "Kelvin sign": ["Transfer-Encoding: chun\u212aed".encode()],
    "fullwidth letters": ["Transfer-Encoding: ｃhunked".encode()],
}


def head_of(status: int, fields: list[bytes], version: bytes = b"1.1") -> ResponseHead:
    data = b"\r\n".join([b"HTTP/%b %d " % (version, status), *fields])
    return parse_response_head(data, MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)


@pytest.mark.parametrize(("method", "status", "fields", "framing", "keep_alive"), RULES.values(), ids=RULES)
def test_the_first_rule_that_applies_wins(
    method: str, status: int, fields: list[bytes], framing: int, keep_alive: bool
) -> None:
    head = head_of(status, fields)
    assert response_framing(head, method) == framing
    assert head.keep_alive is keep_alive


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_a_transfer_coding_other_than_chunked_is_refused(fields: list[bytes]) -> None:
    with pytest.raises(BadFraming, match="only 'chunked' is understood"):
        response_framing(head_of(200, fields), "GET")


@pytest.mark.parametrize("fields", [[IN_CHUNKS], [IN_CHUNKS, LENGTH_5], [b"Transfer-Encoding: gzip"]])
def test_a_transfer_coding_in_http_1_0_is_refused(fields: list[bytes]) -> None:
    with pytest.raises(BadFraming, match=r"HTTP/1\.0"):
        response_framing(head_of(200, fields, b"1.0"), "GET")


@pytest.mark.parametrize(
    ("fields", "framing", "keep_alive"),
    [
        ([LENGTH_5], 5, False),
        ([LENGTH_5, b"Connection: keep-alive"], 5, True),
        ([b"Connection: keep-alive"], UNTIL_CLOSE, False),
    ],
)
def test_http_1_0_keeps_the_connection_only_if_asked_and_if_the_end_is_told(
    fields: list[bytes], framing: int, keep_alive: bool
) -> None:
    head = head_of(200, fields, b"1.0")
    assert response_framing(head, "GET") == framing
    assert head.keep_alive is keep_alive


@given(
    st.integers(100, 599),
    st.sampled_from(["GET", "HEAD", "CONNECT", "DELETE"]),
    st.lists(st.sampled_from([LENGTH_5, IN_CHUNKS, b"Connection: keep-alive"]), max_size=3, unique=True),
)
def test_a_connection_is_kept_only_after_a_body_whose_end_is_told_once(
    status: int, method: str, fields: list[bytes]
) -> None:
    head = head_of(status, fields)
    framing = response_framing(head, method)
    if framing == UNTIL_CLOSE or (framing == CHUNKED and LENGTH_5 in fields):
        assert not head.keep_alive


# Requests.


def request_of(method: str, fields: list[bytes], version: bytes = b"1.1") -> ReceivedHead:
    data = b"\r\n".join([b"%b / HTTP/%b" % (method.encode(), version), b"Host: a", *fields])
    return parse_request_head(data, MAX_LINE_BYTES, MAX_FIELD_BYTES, MAX_FIELDS)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_request_has_a_body_only_if_it_says_so_whatever_its_method(method: str, version: bytes) -> None:
    assert request_framing(request_of(method, [], version)) == 0
    assert request_framing(request_of(method, [b"Content-Length: 0"], version)) == 0
    assert request_framing(request_of(method, [LENGTH_5], version)) == 5
    assert request_framing(request_of(method, [LENGTH_5, b"content-length: 5,5"], version)) == 5


@pytest.mark.parametrize("field", [IN_CHUNKS, b"TRANSFER-ENCODING:\tCHUNKED ", b"transfer-encoding:chunked"])
def test_a_request_in_chunks_ends_with_its_last_chunk(field: bytes) -> None:
    assert request_framing(request_of("POST", [field])) == CHUNKED


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_a_request_with_a_transfer_coding_other_than_chunked_is_refused(fields: list[bytes]) -> None:
    with pytest.raises(BadFraming, match="only 'chunked' is understood"):
        request_framing(request_of("POST", fields))


@pytest.mark.parametrize("length", [LENGTH_5, b"Content-Length: 0"])
def test_a_request_with_both_framings_is_refused_in_either_order(length: bytes) -> None:
    for fields in ([IN_CHUNKS, length], [length, IN_CHUNKS]):
        with pytest.raises(BadFraming, match="send one of them"):
            request_framing(request_of("POST", fields))


@pytest.mark.parametrize("fields", [[IN_CHUNKS], [IN_CHUNKS, LENGTH_5], [b"Transfer-Encoding: identity"]])
def test_a_transfer_coding_in_an_http_1_0_request_is_refused(fields: list[bytes]) -> None:
    with pytest.raises(BadFraming, match=r"HTTP/1\.0"):
        request_framing(request_of("POST", fields, b"1.0"))


@pytest.mark.parametrize(
    ("method", "status", "is_empty"),
    [
        ("GET", 200, False), ("HEAD", 200, True), ("GET", 204, True), ("POST", 304, True), ("GET", 101, True),
        ("GET", 199, True), ("CONNECT", 200, True), ("CONNECT", 404, False),
    ],
)  # fmt: skip
def test_which_responses_have_no_body_whatever_they_say(method: str, status: int, is_empty: bool) -> None:
    assert must_be_empty_body(method, status) is is_empty
