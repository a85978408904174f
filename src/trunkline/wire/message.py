"""What an outgoing request consists of: a target and blocks of fields, shared by every protocol version.

A block is checked and rendered once and then used by many requests: a session's default fields are one block.
HTTP/1.1's bytes are kept beside the values, and HTTP/2's fields once they are asked for.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from multidict import CIMultiDict

from trunkline.wire.fields import check_field_name, check_field_value
from trunkline.wire.limits import MAX_CACHED_LINES
from trunkline.wire.version import HttpVersion, HttpVersion11

# What HTTP/1.1 says of a connection and HTTP/2 in frames, or not at all (RFC 9113 §8.2.2).
CONNECTION_FIELDS: Final = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
_UNSENT: Final = CONNECTION_FIELDS | {"host"}  # `:authority` is it (§8.3.1)

_checked_names: set[str] = set()
_lower_names: dict[str, str] = {}  # of HTTP/2; empty for those that are not sent there
_PATH: Final = re.compile(r"[!-~]+")  # no space, control or non-ASCII character may reach the request line


class FieldBlock:
    """Some fields of a head, in order, that are safe to send.

    pairs: names and values. h1: the same as HTTP/1.1 field lines, each with its CRLF. h2: the same as HTTP/2 has them.
    """

    __slots__ = ("_h2", "h1", "pairs")

    _h2: list[tuple[str, str]]

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Raises ValueError for a name that is no token or a value with control characters, TypeError for no str."""
        self.pairs: Final = tuple(pairs)
        for name, value in self.pairs:
            if name not in _checked_names:
                _check_new_name(name)
            # A cheap yes for nearly all; the real rule is in `fields`.
            if type(value) is not str or not value.isprintable():
                check_field_value(value)
        lines = "".join([f"{name}: {value}\r\n" for name, value in self.pairs])
        self.h1: Final = lines.encode("utf-8", "surrogateescape")

    @property
    def h2(self) -> list[tuple[str, str]]:
        """The fields for HTTP/2, made once."""
        try:
            return self._h2
        except AttributeError:
            self._h2 = lower_case_fields(self.pairs)
            return self._h2


def lower_case_fields(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return fields as HTTP/2 has them (RFC 9113 §8.2): without those of a connection, and without Host.

    Raises ValueError for a name that is no token or a value with control characters, TypeError for no str.
    """
    fields = []
    for name, value in pairs:
        lower = _lower_names.get(name)
        if lower is None:
            lower = _lower_new_name(name)
        if type(value) is not str or not value.isprintable():
            check_field_value(value)
        if lower == "te":  # nothing else of it is left in HTTP/2 (§8.2.2)
            value = "trailers" if "trailers" in value.lower() else ""
            lower = lower if value else ""
        if lower:
            fields.append((lower, value.strip(" \t")))
    return fields


def _lower_new_name(name: str) -> str:
    check_field_name(name)
    lower = str(name).lower()
    if lower in _UNSENT:
        lower = ""
    if len(_lower_names) >= MAX_CACHED_LINES:
        _lower_names.clear()
    _lower_names[name] = lower
    return lower


def _check_new_name(name: str) -> None:
    check_field_name(name)
    if len(_checked_names) >= MAX_CACHED_LINES:
        _checked_names.clear()
    _checked_names.add(name)


class Target:
    """Where a request goes, in the parts that every version needs (RFC 9110 §7.1).

    scheme: `http` or `https`. authority: the value of Host. path: origin form, with the query, percent-encoded.
    origin: what a proxy needs before the path, such as `http://example.com` (absolute form, RFC 9112 §3.2.2).
    """

    __slots__ = ("authority", "h1", "origin", "path", "scheme")

    def __init__(self, scheme: str, authority: str, path: str, origin: str = "") -> None:
        """Raises ValueError when a part could end its line or become several parts."""
        if _PATH.fullmatch(path) is None:
            raise ValueError(f"path {path[:60]!r} has a space, control or non-ASCII character; percent-encode it")
        check_field_value(authority)
        if origin and _PATH.fullmatch(origin) is None:
            raise ValueError(f"origin {origin[:60]!r} has a space, control or non-ASCII character")
        self.scheme: Final = scheme
        self.authority: Final = authority
        self.path: Final = path
        self.origin: Final = origin
        # The rest of an HTTP/1.1 request line and the Host field, which comes first (RFC 9110 §7.2).
        self.h1: Final = f" {origin}{path} HTTP/1.1\r\nHost: {authority}\r\n".encode("ascii")


class RequestHead:
    """The control data and fields of one request.

    blocks: all fields but Host, which the target has. is_last: the request says `Connection: close`.
    proxy_headers: fields for the proxy that opens a tunnel, or None.
    """

    version: HttpVersion = HttpVersion11
    is_last: bool = False
    protocol: str | None = None  # to be spoken in a stream of HTTP/2, if the request gets one (RFC 8441)
    proxy_headers: "CIMultiDict[str] | None" = None

    def __init__(self, method: str, target: Target, blocks: Sequence[FieldBlock]) -> None:
        self.method = method
        self.target = target
        self.blocks = blocks
