"""`ReceivedHead`: the control data and fields of one request, as a server received it, whatever the version.

Each protocol's parser fills one; what costs something, such as the multidict of the fields or the URL, is made when
somebody asks. The properties with aiohttp's names are those of its `RawRequestMessage`.
"""

from functools import cached_property

from multidict import CIMultiDict, CIMultiDictProxy, istr
from yarl import URL

from trunkline import hdrs
from trunkline.ground.types import RawHeaders
from trunkline.wire.fields import Field
from trunkline.wire.version import HttpVersion, HttpVersion11


class ReceivedHead:
    """One request's head.

    target: the request target as it came (RFC 9112 §3.2). fields: in wire order, names in the case received.
    keep_alive: the client lets the connection be used again. Requests with the same head share one: change a copy.
    """

    content_length: int | None = None
    transfer_codings: str | None = None  # lower case, in the order applied
    content_encoding: str | None = None
    host: str | None = None
    expect: str | None = None  # lower case
    is_upgrade = False  # `Connection: upgrade`
    is_last = False  # `Connection: close`
    is_secret = False  # has credentials or cookies
    protocol: str | None = None  # that an extended CONNECT asks for (RFC 8441 §4)

    def __init__(self, method: str, target: str, version: HttpVersion, keep_alive: bool) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.keep_alive = keep_alive
        self.fields: list[Field] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.target} {len(self.fields)} fields>"

    @cached_property
    def headers(self) -> "CIMultiDictProxy[str]":
        """The fields by name."""
        return CIMultiDictProxy(CIMultiDict(self.fields))

    @cached_property
    def raw_headers(self) -> RawHeaders:
        """The fields as bytes, in wire order."""
        return tuple((name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in self.fields)

    @cached_property
    def url(self) -> URL:
        """The target as a URL: absolute if it came so, else without scheme and host."""
        target = self.target
        if target.startswith("/"):
            # Not URL(target): `//evil/x` is a path here, and no authority.
            path, question_mark, query = target.partition("?")
            path, _, fragment = path.partition("#") if not question_mark else (path, "", "")
            return URL.build(path=path, query_string=query, fragment=fragment, encoded=True)
        if self.method == "CONNECT":
            return URL.build(authority=target, encoded=True)
        return URL(target, encoded=True)

    @property
    def authority(self) -> str | None:
        """The authority of a target in absolute form, as it came; None in the other forms (RFC 9112 §3.2.2)."""
        if self.target[:1] in ("/", "*") or "://" not in self.target:
            return None
        return self.target.partition("://")[2].partition("/")[0].partition("?")[0]

    @property
    def expects_continue(self) -> bool:
        """True when the client waits for a 100 before it sends the body (RFC 9110 §10.1.1: not in HTTP/1.0)."""
        return self.expect == "100-continue" and self.version >= HttpVersion11

    @property
    def path(self) -> str:
        """The request target."""
        return self.target

    @property
    def should_close(self) -> bool:
        """True when the client does not want to use the connection again."""
        return not self.keep_alive

    @property
    def compression(self) -> str | None:
        """The content coding of the body; None without one."""
        return self.content_encoding

    @property
    def upgrade(self) -> bool:
        """True when the client asks for another protocol."""
        return self.is_upgrade

    @property
    def chunked(self) -> bool:
        """True when the body comes in chunks."""
        return self.transfer_codings is not None


class RawRequestMessage(ReceivedHead):
    """A head that was not received but made of its parts, as test doubles do (aiohttp's constructor)."""

    def __init__(
        self,
        method: str,
        path: str,
        version: HttpVersion,
        headers: "CIMultiDictProxy[str] | CIMultiDict[str]",
        raw_headers: RawHeaders,
        should_close: bool,
        compression: str | None,
        upgrade: bool,
        chunked: bool,
        url: URL,
    ) -> None:
        super().__init__(method, path, version, keep_alive=not should_close)
        self.fields = [(istr(name), value) for name, value in headers.items()]
        length = headers.get(hdrs.CONTENT_LENGTH, "")
        self.content_length = int(length) if length.isdecimal() else None
        self.transfer_codings = "chunked" if chunked else None
        self.content_encoding = compression
        self.host = headers.get(hdrs.HOST)
        self.expect = headers.get(hdrs.EXPECT, "").lower() or None
        self.is_upgrade = upgrade
        self.is_last = should_close
        # What is made of the fields when somebody asks was given.
        self.__dict__.update(headers=CIMultiDictProxy(CIMultiDict(headers)), raw_headers=raw_headers, url=url)
