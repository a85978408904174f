"""`ClientRequest`: everything about one request before it is sent.

Two ways lead here. `plain` is for requests that add nothing to the session's default fields: it shares their
rendered block and decides nothing. The constructor is for all others: each `update_…` step settles one part, in
the order of the constructor, and `seal` renders the result. Sending is `attempt`'s part.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from http.cookies import Morsel
from typing import Any, ClassVar, Final

from multidict import CIMultiDict, CIMultiDictProxy, istr
from yarl import URL

from trunkline import hdrs
from trunkline.body.payload import Payload
from trunkline.client.auth import BasicAuth
from trunkline.client.request_body import (
    add_payload_fields,
    announced_length,
    as_payload,
    check_codings,
    small_bytes,
)
from trunkline.client.request_info import RequestInfo
from trunkline.client.target import Prepared, prepare
from trunkline.conn.key import ConnectionKey
from trunkline.ground.product import SERVER_SOFTWARE
from trunkline.ground.types import LooseHeaders, Query
from trunkline.wire.coding import accept_encoding
from trunkline.wire.cookies import render_cookie_field
from trunkline.wire.h1.render import check_method
from trunkline.wire.message import FieldBlock, RequestHead, Target
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11

IDEMPOTENT_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})  # RFC 9110 §9.2.2


class ClientRequest(RequestHead):
    """One request. Its `headers` may be changed until it is sent.

    body: a Payload, or b"" for none. chunked, compress: how the body is sent; None is decided by the body.
    session: the session that makes the request, or None. The other arguments are those of `ClientSession.request`.
    """

    GET_METHODS: ClassVar[set[str]] = {hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS, hdrs.METH_TRACE}
    POST_METHODS: ClassVar[set[str]] = {hdrs.METH_PATCH, hdrs.METH_POST, hdrs.METH_PUT}
    ALL_METHODS: ClassVar[set[str]] = GET_METHODS | POST_METHODS | {hdrs.METH_DELETE}
    DEFAULT_HEADERS: ClassVar[Mapping[str, str]] = {
        hdrs.ACCEPT: "*/*",
        hdrs.ACCEPT_ENCODING: accept_encoding(),
    }

    method: str

    # What holds for a plain request; class attributes, so that it sets none of them.
    _headers: "CIMultiDict[str] | None" = None
    body: "Payload | bytes" = b""
    small_body: bytes = b""
    upload_length: int | None = None
    chunked: bool | None = None
    compress: str | None = None
    expects_continue: bool = False
    uploads: bool = False  # the body is written apart from the head
    closes_body: bool = False  # the body will not be sent again
    auth: BasicAuth | None = None
    skip_auto_headers: frozenset[str] = frozenset()
    response: Any = None  # the response, once it has come; Any: response classes are the user's
    session: Any = None  # Any: the session's module is above this one
    loop: asyncio.AbstractEventLoop | None = None

    def __init__(
        self,
        method: str,
        url: URL,
        *,
        params: Query = None,
        headers: LooseHeaders | None = None,
        skip_auto_headers: Iterable[str] | None = None,
        data: Any = None,  # Any: whatever the payload registry knows
        cookies: "Iterable[Morsel[str]] | None" = None,
        auth: BasicAuth | None = None,
        version: HttpVersion = HttpVersion11,
        compress: str | bool | None = None,
        chunked: bool | None = None,
        expect100: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        response_class: type[Any] | None = None,  # Any: response classes are above this module
        session: Any = None,
        ssl: Any = True,  # Any: compared by the connection key, read by the connector
        server_hostname: str | None = None,
        prepared: Prepared | None = None,
    ) -> None:
        """Raises ValueError or TypeError for arguments that cannot be sent; prepared: what `url` was prepared to."""
        method = method.upper()
        check_method(method)
        if prepared is None:
            prepared = prepare(url.extend_query(params) if params else url)
            if ssl is not True or server_hostname is not None:
                prepared = prepared.with_tls(ssl, server_hostname)
        super().__init__(method, prepared.target, ())
        self.prepared = prepared
        self.session = session
        self.loop = loop
        self.response_class = response_class
        self.chunked = chunked
        self.update_version(version)
        self.update_headers(headers)
        self.update_auto_headers(skip_auto_headers)
        self.update_cookies(cookies)
        self.update_auth(auth)
        self.compress = "deflate" if compress is True else compress or None
        check_codings(self.headers, chunked, self.compress)
        self.update_body_from_data(data)
        self.update_expect_continue(expect100)

    @classmethod
    def plain(cls, method: str, prepared: Prepared, blocks: Sequence[FieldBlock], session: Any) -> "ClientRequest":
        """Make a request without a body whose fields are all in `blocks`."""
        request = cls.__new__(cls)
        request.method = method
        request.target = prepared.target
        request.blocks = blocks
        request.prepared = prepared
        request.session = session
        return request

    def attach(self, payload: Payload) -> bool:
        """Give a plain request a small body that needs no choices; False when it is not one."""
        data = small_bytes(payload)
        if data is None:
            return False
        self.body = payload
        self.small_body = data
        self.upload_length = len(data)
        fields = ((hdrs.CONTENT_LENGTH, str(len(data))), (hdrs.CONTENT_TYPE, payload.content_type))
        self.blocks = (*self.blocks, FieldBlock(fields))
        return True

    # What users read.

    @property
    def url(self) -> URL:
        """The URL without its fragment."""
        return self.prepared.url

    @property
    def original_url(self) -> URL:
        """The URL as it was given."""
        return self.prepared.real_url

    @property
    def host(self) -> str:
        """The host of the URL."""
        return self.prepared.key.host

    @property
    def port(self) -> int | None:
        """The port of the URL, by default its scheme's."""
        return self.prepared.key.port

    @property
    def ssl(self) -> Any:
        """The TLS setting."""
        return self.prepared.key.ssl

    @property
    def server_hostname(self) -> str | None:
        """The name that certificates are checked against, when it is not the host."""
        return self.prepared.key.server_hostname

    @property
    def connection_key(self) -> ConnectionKey:
        """Which connections may carry the request."""
        return self.prepared.key

    def is_ssl(self) -> bool:
        """True for https."""
        return self.prepared.key.is_ssl

    @property
    def headers(self) -> "CIMultiDict[str]":
        """The fields that will be sent; a live mapping."""
        if self._headers is None:
            self._headers = CIMultiDict([(hdrs.HOST, self.target.authority)])
            for block in self.blocks:
                self._headers.extend(block.pairs)
        return self._headers

    @headers.setter
    def headers(self, headers: "CIMultiDict[str]") -> None:
        self._headers = headers

    @property
    def request_info(self) -> RequestInfo:
        """What errors and responses tell of the request."""
        return RequestInfo(self.url, self.method, CIMultiDictProxy(self.headers), self.original_url)

    @property
    def can_repeat(self) -> bool:
        """True when sending it twice has the effect of sending it once, and its body can be sent again."""
        return self.method in IDEMPOTENT_METHODS and self.can_replay

    @property
    def can_replay(self) -> bool:
        """True when its body can be sent again."""
        return not isinstance(self.body, Payload) or self.body.can_replay

    # The steps of the constructor.

    def update_version(self, version: HttpVersion | str) -> None:
        """Set the protocol version, also given as '1.1'."""
        if isinstance(version, str):
            major, _, minor = version.strip().partition(".")
            if not (major.isdigit() and minor.isdigit()):
                raise ValueError(f"Can not parse http version number: {version}")
            version = HttpVersion(int(major), int(minor))
        if version != HttpVersion11:
            self.version = version

    def update_headers(self, headers: LooseHeaders | None) -> None:
        """Begin the fields: Host, then the caller's."""
        result = self._headers = CIMultiDict([(hdrs.HOST, self.target.authority)])
        if not headers:
            return
        pairs = headers.items() if isinstance(headers, (Mapping, CIMultiDictProxy)) else headers
        for name, value in pairs:
            if name in hdrs.HOST_ALL:
                result[hdrs.HOST] = value
            else:
                result.add(name, value)

    def update_auto_headers(self, skip_auto_headers: Iterable[str] | None) -> None:
        """Add Accept, Accept-Encoding and User-Agent, unless they are given or to be skipped."""
        if skip_auto_headers is not None:
            self.skip_auto_headers = frozenset(name.lower() for name in skip_auto_headers)
        headers = self.headers
        for name, value in (*self.DEFAULT_HEADERS.items(), (hdrs.USER_AGENT, SERVER_SOFTWARE)):
            if name not in headers and name.lower() not in self.skip_auto_headers:
                headers.add(name, value)

    def update_cookies(self, cookies: "Iterable[Morsel[str]] | None") -> None:
        """Add cookies to those that the caller's Cookie field has; of the same name, the new one counts."""
        if not cookies:
            return
        morsels = list(cookies)
        parts = [render_cookie_field(morsels)]
        given = self.headers.get(hdrs.COOKIE)
        if given:
            names = {morsel.key for morsel in morsels}
            old = [part.strip(" \t") for part in given.split(";")]
            parts += [part for part in old if part and part.partition("=")[0] not in names]
        self.headers[hdrs.COOKIE] = "; ".join(parts)

    def update_auth(self, auth: BasicAuth | None, trust_env: bool = False) -> None:
        """Add Authorization. trust_env: accepted; .netrc comes with its own layer."""
        if auth is None:
            return
        if not isinstance(auth, BasicAuth):
            raise TypeError(
                f"BasicAuth() tuple is required instead of {type(auth).__name__}; "
                "or leave auth out and pass headers={'Authorization': encode_basic_auth(login, password)}"
            )
        self.auth = auth
        self.headers[hdrs.AUTHORIZATION] = auth.encode()

    def update_body_from_data(self, body: Any) -> None:
        """Settle the body, and how its end is told."""
        headers = self.headers
        if body is None:
            self._announce_no_body()
            return
        payload = self.body = as_payload(body, headers)
        add_payload_fields(headers, payload, self.skip_auto_headers)
        if self.compress:
            headers[hdrs.CONTENT_ENCODING] = self.compress
        self.update_transfer_encoding()

    def _announce_no_body(self) -> None:
        headers = self.headers
        length = announced_length(headers)
        if length:
            raise ValueError(f"Content-Length is {length} but the request has no body; leave it out")
        if self.method not in self.GET_METHODS:
            headers.setdefault(hdrs.CONTENT_LENGTH, "0")
            if self.method in self.POST_METHODS and "content-type" not in self.skip_auto_headers:
                headers.setdefault(hdrs.CONTENT_TYPE, "application/octet-stream")
        headers.popall(hdrs.TRANSFER_ENCODING, None)

    def update_transfer_encoding(self) -> None:
        """Choose between Content-Length and chunks for the payload (RFC 9112 §6)."""
        payload, headers = self.body, self.headers
        assert isinstance(payload, Payload)
        size = None if self.compress else payload.size
        announced = announced_length(headers)
        if announced is not None and size is not None and announced != size:
            raise ValueError(f"Content-Length is {announced} but the body has {size} bytes; leave the field out")
        if self.chunked or hdrs.TRANSFER_ENCODING in headers or (announced is None and size is None):
            if self.version == HttpVersion10:
                raise ValueError("HTTP/1.0 has no chunks; give a body of known size, or a Content-Length")
            self.chunked = True
            headers[hdrs.TRANSFER_ENCODING] = "chunked"
            return
        self.chunked = None
        self.upload_length = size if announced is None else announced
        headers[hdrs.CONTENT_LENGTH] = str(self.upload_length)
        if size is not None:
            self.small_body = small_bytes(payload) or b""

    def update_expect_continue(self, expect: bool = False) -> None:
        """Ask the server for 100 (Continue) before the body is sent (RFC 9110 §10.1.1)."""
        if expect:
            self.headers[hdrs.EXPECT] = "100-continue"
        has_body = isinstance(self.body, Payload) and self.upload_length != 0
        self.expects_continue = has_body and self.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
        self.uploads = has_body and (self.expects_continue or not self.small_body)

    async def update_body(self, body: Any) -> None:
        """Replace the body, after the old one was closed; lengths and codings are settled anew."""
        if isinstance(self.body, Payload):
            await self.body.close()
        headers = self.headers
        for name in (hdrs.CONTENT_LENGTH, hdrs.TRANSFER_ENCODING):
            headers.popall(name, None)
        self.body, self.small_body, self.upload_length, self.chunked = b"", b"", None, None
        self.update_body_from_data(body)
        self.update_expect_continue()

    # Sending.

    def seal(self) -> None:
        """Render the fields as they are now. Raises ValueError when one cannot be sent."""
        headers = self._headers
        if headers is None:
            return
        pairs = [(name, value) for name, value in headers.items() if name not in hdrs.HOST_ALL]
        authority = headers.get(hdrs.HOST)
        if authority is not None and authority != self.target.authority:
            self.target = Target(self.target.scheme, authority, self.target.path)
        connection = headers.get(hdrs.CONNECTION)
        if connection is not None:
            self.is_last = "close" in connection.lower()
        elif self.version == HttpVersion10:
            pairs.append((hdrs.CONNECTION, "keep-alive"))
        self.blocks = (FieldBlock(pairs),)

    async def close(self) -> None:
        """Release what the body holds."""
        if isinstance(self.body, Payload):
            await self.body.close()


def merge_headers(defaults: "CIMultiDict[str]", headers: LooseHeaders | None) -> "CIMultiDict[str]":
    """Return the session's fields with a request's own: a name given by the request replaces the session's."""
    result = CIMultiDict(defaults)
    if not headers:
        return result
    given = headers if isinstance(headers, (CIMultiDict, CIMultiDictProxy)) else CIMultiDict(headers)
    for name in set(given):
        result.popall(istr(name), None)
    result.extend(given)
    return result
