"""The steps that settle a request, one part each: `ClientRequest` takes them in the order of its constructor.

They have aiohttp's names, because libraries override them. All of them work on the live `headers`; nothing is rendered
before the request is sealed.
"""

from collections.abc import Iterable, Mapping
from http.cookies import Morsel
from typing import Any, ClassVar

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from trunkline import hdrs
from trunkline.body.payload import Payload
from trunkline.client.auth import BasicAuth, split_credentials
from trunkline.client.errors import InvalidUrlClientError
from trunkline.client.request_body import (
    add_payload_fields,
    announced_length,
    as_payload,
    check_codings,
    small_bytes,
)
from trunkline.client.target import Prepared, prepare
from trunkline.conn.key import HTTP_PROXIES, PROXY_SCHEMES
from trunkline.ground.product import SERVER_SOFTWARE
from trunkline.ground.types import LooseHeaders, StrOrURL
from trunkline.wire.coding import accept_encoding
from trunkline.wire.cookies import render_cookie_field
from trunkline.wire.message import RequestHead
from trunkline.wire.version import HttpVersion, HttpVersion10, HttpVersion11, UsualVersion


class RequestSteps(RequestHead):
    """A request while it is being settled. body: a Payload, or b"" for none."""

    GET_METHODS: ClassVar[set[str]] = {hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS, hdrs.METH_TRACE}
    POST_METHODS: ClassVar[set[str]] = {hdrs.METH_PATCH, hdrs.METH_POST, hdrs.METH_PUT}
    ALL_METHODS: ClassVar[set[str]] = GET_METHODS | POST_METHODS | {hdrs.METH_DELETE}
    DEFAULT_HEADERS: ClassVar[Mapping[str, str]] = {
        hdrs.ACCEPT: "*/*",
        hdrs.ACCEPT_ENCODING: accept_encoding(),
    }

    prepared: Prepared
    session: Any = None  # Any: the session's module is above this one

    # What holds for a plain request; class attributes, so that it sets none of them.
    _headers: "CIMultiDict[str] | None" = None
    body: "Payload | bytes" = b""
    small_body: bytes = b""
    upload_length: int | None = None
    chunked: bool | None = None
    compress: str | None = None
    expects_continue: bool = False
    uploads: bool = False  # the body is written apart from the head
    is_http1: bool = False  # somebody chose the version
    closes_body: bool = False  # the body will not be sent again
    auth: BasicAuth | None = None
    skip_auto_headers: frozenset[str] = frozenset()
    proxy: URL | None = None  # without its credentials
    proxy_auth: BasicAuth | None = None

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

    def update_host(self, url: URL) -> None:
        """Set where the request goes, and take credentials from the URL. Raises InvalidURL or NonHttpUrlClientError."""
        url, auth = split_credentials(url)
        key = self.prepared.key
        self.prepared = prepare(url).with_tls(key.ssl, key.server_hostname)
        self.target = self.prepared.target
        if self._headers is not None:
            self._headers[hdrs.HOST] = self.target.authority
        if auth is not None:
            self.update_auth(auth)

    def update_version(self, version: HttpVersion | str) -> None:
        """Set the protocol version, also given as '1.1'."""
        if isinstance(version, str):
            major, _, minor = version.strip().partition(".")
            if not (major.isdigit() and minor.isdigit()):
                raise ValueError(f"Can not parse http version number: {version}")
            version = HttpVersion(int(major), int(minor))
        self.is_http1 = version is not UsualVersion
        if version != HttpVersion11:
            self.version = version

    def settle_version(self, upgrade: str) -> None:
        """Go only where HTTP/1.1 is spoken, unless the upgrade has its like in HTTP/2 (RFC 8441; RFC 9113 §8.6)."""
        if upgrade.lower() == "websocket":
            self.protocol = "websocket"  # where a context of the user's leads to HTTP/2 all the same
        connector = getattr(self.session, "connector", None)
        establisher = None if connector is None else connector.pool.establisher
        key = self.prepared.key
        if establisher is not None and self.protocol and not self.is_http1 and establisher.takes_connect(key):
            return
        if establisher is None or establisher.may_share(key):
            self.prepared = self.prepared.with_http1()

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
        """Add Authorization: `auth`, else what the URL had, else with `trust_env` what .netrc has for the host."""
        if auth is None:
            auth = self.auth
        if auth is None and trust_env and hdrs.AUTHORIZATION not in self.headers:
            from trunkline.client.netrc import netrc_auth  # few need it

            auth = netrc_auth(self.prepared.key.host)
        if auth is None:
            return
        if not isinstance(auth, BasicAuth):
            raise TypeError(
                f"BasicAuth() tuple is required instead of {type(auth).__name__}; "
                "or leave auth out and pass headers={'Authorization': encode_basic_auth(login, password)}"
            )
        self.auth = auth
        self.headers[hdrs.AUTHORIZATION] = auth.encode()

    def update_content_encoding(self, data: Any) -> None:  # Any: see `update_body_from_data`
        """Announce the coding that `compress` asks for; raise ValueError when fields and arguments contradict."""
        check_codings(self.headers, self.chunked, self.compress)
        if self.compress and data is not None:
            self.headers[hdrs.CONTENT_ENCODING] = self.compress

    def update_body_from_data(self, body: Any) -> None:  # Any: whatever the payload registry knows
        """Settle the body, and how its end is told."""
        headers = self.headers
        if body is None:
            self._announce_no_body()
            return
        payload = self.body = as_payload(body, headers)
        add_payload_fields(headers, payload, self.skip_auto_headers)
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

    def update_proxy(
        self, proxy: StrOrURL | None, proxy_auth: BasicAuth | None, proxy_headers: LooseHeaders | None
    ) -> None:
        """Set the proxy, None for the direct way. Its own credentials count less than `proxy_auth`.

        Raises InvalidURL for a proxy that cannot be one, ValueError for credentials that are no BasicAuth.
        """
        if proxy_auth is not None and not isinstance(proxy_auth, BasicAuth):
            raise ValueError("proxy_auth must be None or BasicAuth() tuple")
        if self.target.origin:
            self.headers.popall(hdrs.PROXY_AUTHORIZATION, None)  # it was for the proxy that is left
        self.proxy = self.proxy_auth = self.proxy_headers = None
        if proxy is not None:
            url, of_url = split_credentials(URL(proxy))
            if url.scheme not in PROXY_SCHEMES or not url.host:
                raise InvalidUrlClientError(
                    url, f"a proxy is given as scheme://host:port, with a scheme of {', '.join(sorted(PROXY_SCHEMES))}"
                )
            self.proxy = url.origin() if url.scheme in HTTP_PROXIES else url
            self.proxy_auth = proxy_auth or of_url
            self.proxy_headers = CIMultiDict(proxy_headers) if proxy_headers else None
        self.settle_proxy()

    def settle_proxy(self) -> None:
        """Let key, target and fields follow from the proxy, whose headers may change until the request is sent.

        Proxy-Authorization is for the proxy alone: it goes with the request that the proxy reads, else with CONNECT.
        """
        if self.proxy is None and self.prepared.key.proxy is None:
            return
        if self.proxy is None and self.target.origin:
            self.headers.popall(hdrs.PROXY_AUTHORIZATION, None)  # it was for the proxy that is left
        self.prepared = self.prepared.with_proxy(self.proxy, self.proxy_auth, self.proxy_headers)
        self.target = self.prepared.target
        if self.target.origin:
            of_proxy = self.proxy_headers.get(hdrs.PROXY_AUTHORIZATION) if self.proxy_headers else None
            credentials = of_proxy if self.proxy_auth is None else self.proxy_auth.encode()
            if credentials is not None:
                self.headers[hdrs.PROXY_AUTHORIZATION] = credentials
        elif self.proxy is not None and hdrs.PROXY_AUTHORIZATION in self.headers:
            if self.proxy_headers is None:
                self.proxy_headers = CIMultiDict()
            self.proxy_headers.setdefault(hdrs.PROXY_AUTHORIZATION, self.headers.popone(hdrs.PROXY_AUTHORIZATION))
            self.prepared = self.prepared.with_proxy(self.proxy, self.proxy_auth, self.proxy_headers)

    async def update_body(self, body: Any) -> None:  # Any: as above
        """Replace the body, after the old one was closed; lengths and codings are settled anew."""
        if isinstance(self.body, Payload):
            await self.body.close()
        headers = self.headers
        for name in (hdrs.CONTENT_LENGTH, hdrs.TRANSFER_ENCODING):
            headers.popall(name, None)
        if self.compress:
            headers.popall(hdrs.CONTENT_ENCODING, None)
        self.body, self.small_body, self.upload_length, self.chunked = b"", b"", None, None
        self.update_content_encoding(body)
        self.update_body_from_data(body)
        self.update_expect_continue()
