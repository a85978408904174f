"""Heads that hypothesis makes, well formed and damaged, for the parsers of both roles and their oracles."""

import re
from collections.abc import Callable, Sequence

import h11
import httptools
from hypothesis import strategies as st

_TCHARS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# The oracles act on these as well.
_FRAMING_NAMES = {"content-length", "transfer-encoding", "connection", "upgrade", "host", "proxy-connection"}
_VCHARS = bytes([*range(0x21, 0x7F), *range(0x80, 0x100)])
_DANGEROUS = [bytes([byte]) for byte in b"\0\t\n\r :,;+-_0159abx/\\@[\x7f\x80\xff"] + [b"\r\n", b"\r\n ", b", "]
# 010 and 10 are the same decimal value (RFC 9110 §8.6), which the oracles compare as text.
_PADDED_LENGTH = re.compile(rb"(?i)\ncontent-length:(?:.*,)?[ \t]*0[0-9]")
_REFUSALS = (h11.RemoteProtocolError, httptools.HttpParserError)

names = st.text(_TCHARS, min_size=1, max_size=12).filter(lambda name: name.lower() not in _FRAMING_NAMES)
texts = st.lists(st.sampled_from(_VCHARS + b" \t"), max_size=20).map(bytes)
values = texts.map(lambda text: text.strip(b" \t"))
head_fields = st.lists(st.tuples(names, values), max_size=6)
paddings = st.sampled_from([b"", b" ", b"\t "])
_changes = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 2), st.sampled_from([b"", *_DANGEROUS])), min_size=1, max_size=3
)


def damaged(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Make heads from `seeds` with up to three changes, cut out as a connection does it."""
    heads = st.builds(_damage, st.sampled_from(seeds), _changes)
    return heads.filter(lambda head: _PADDED_LENGTH.search(head) is None)


def _damage(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for position, removed, inserted in changes:
        data = data[:position] + inserted + data[position + removed :]
    return data.partition(b"\r\n\r\n")[0]


def field_lines(pairs: list[tuple[str, bytes]], padding: bytes) -> list[bytes]:
    return [b"%b:%b%b%b" % (name.encode(), padding, value, padding) for name, value in pairs]


def is_refused_by(oracle: Callable[[bytes], object], data: bytes) -> bool:
    try:
        oracle(data + b"\r\n\r\n")
    except httptools.HttpParserUpgrade:
        return False
    except _REFUSALS:
        return True
    except AssertionError:  # h11 waits for more
        return False
    return False
