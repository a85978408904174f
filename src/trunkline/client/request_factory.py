"""From the arguments of `session.request(…)` to a `ClientRequest`, with the session's defaults.

What a request says replaces what the session says, name by name. Targets are kept by the text of their URL. Whatever is
wrong with an argument is raised here, before a connection is asked for.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from http.cookies import Morsel
from typing import Any, Final

from multidict import CIMultiDict
from yarl import URL

from trunkline import hdrs
from trunkline.abc import AbstractCookieJar
from trunkline.body.bytes_payload import JsonBytesPayload, JsonPayload
from trunkline.body.payload import Payload
from trunkline.client.auth import BasicAuth, split_credentials, warn_of_auth
from trunkline.client.cookiejar import CookieJar, DummyCookieJar
from trunkline.client.defaults import DefaultFields
from trunkline.client.errors import InvalidUrlClientError
from trunkline.client.redirects import BODY_FIELDS, CREDENTIAL_FIELDS, Redirect
from trunkline.client.request import ClientRequest, merge_headers
from trunkline.client.response import ClientResponse
from trunkline.client.target import Prepared, check_scheme, prepare
from trunkline.ground.types import LooseHeaders, Query, StrOrURL
from trunkline.pool.tcp_connector import merged_ssl
from trunkline.wire.cookies import check_cookies
from trunkline.wire.h1.render import check_method
from trunkline.wire.message import FieldBlock
from trunkline.wire.version import HttpVersion, UsualVersion

MAX_TARGETS: Final = 1024  # URLs kept by a session, about 2 KiB each

# Options that change the head or the body; a request with none of them is the session's plain one.
_SHAPING: Final = frozenset(
    {
        "params",
        "data",
        "json",
        "cookies",
        "headers",
        "skip_auto_headers",
        "auth",
        "compress",
        "chunked",
        "expect100",
        "proxy",
        "upload_tracker",
    }
)
_JSON_ONLY: Final = frozenset({"json", "data"})
_TLS: Final = frozenset({"ssl", "server_hostname", "verify_ssl", "ssl_context", "fingerprint"})
_SENDING: Final = frozenset(
    {"allow_redirects", "max_redirects", "raise_for_status", "read_until_eof", "timeout", "read_bufsize"}
    | {"auto_decompress", "max_line_size", "max_field_size", "max_headers", "priority", "retry"}
)
_DEPRECATED: Final = frozenset({"auth", "proxy_auth"})
_WATCHING: Final = frozenset({"middlewares", "trace_request_ctx"})
_OF_PROXIES: Final = frozenset({"proxy_auth", "proxy_headers"})  # mean nothing without one
_KNOWN: Final = _SHAPING | _TLS | _SENDING | _WATCHING | _OF_PROXIES


# As they are here: test doubles replace them in the class.
_CONSTRUCTOR: Final = ClientRequest.__init__
_IS_SSL: Final = ClientRequest.is_ssl


class RequestFactory:
    """Builds the requests of one session. json_serialize returns text, json_serialize_bytes bytes."""

    def __init__(
        self,
        session: Any,  # Any: the session's module is above this one; requests only carry it
        *,
        base_url: URL | None,
        fields: DefaultFields,
        jar: AbstractCookieJar,
        request_class: type[ClientRequest],
        response_class: type[ClientResponse],
        version: HttpVersion,
        json_serialize: Callable[[Any], str],
        json_serialize_bytes: Callable[[Any], bytes] | None,
        proxy: StrOrURL | None = None,
        proxy_auth: BasicAuth | None = None,
        trust_env: bool = False,
        schemes: Collection[str] = frozenset({"http", "https"}),
    ) -> None:
        """schemes: of the URLs that the connector serves."""
        self._schemes = schemes
        self.base_url = base_url
        self.json_serialize = json_serialize
        self._session = session
        self._fields = fields
        self._jar = jar
        self._cookie_header = jar.cookie_header if isinstance(jar, CookieJar) else None
        self.request_class = request_class
        self.response_class = response_class
        self.version = version
        self.json_serialize_bytes = json_serialize_bytes
        # A jar of the user's may choose cookies by itself; ours keeps the rendered choice.
        known_jar = getattr(type(jar), "filter_cookies", None) in (
            CookieJar.filter_cookies,
            DummyCookieJar.filter_cookies,
        )
        is_direct = proxy is None and not trust_env
        self._has_plain = request_class is ClientRequest and version is UsualVersion and known_jar and is_direct
        self._proxy = proxy
        self._proxy_auth = proxy_auth
        self.trust_env = trust_env
        self._targets: dict[str, Prepared] = {}

    def build_plain(self, method: str, url: StrOrURL) -> ClientRequest | None:
        """Return a request without options for a URL that was requested before; None when it needs a closer look."""
        prepared = self._targets.get(url)  # type: ignore[arg-type]  # a URL is simply not found
        if prepared is None or method not in ClientRequest.GET_METHODS:
            return None
        return self._plain(method, prepared)

    def build(self, method: str, str_or_url: StrOrURL, options: dict[str, Any]) -> ClientRequest:
        """Return the request that `options`, the arguments of `ClientSession.request`, describe.

        Raises InvalidUrlClientError, NonHttpUrlClientError, ValueError or TypeError.
        """
        prepared = self._targets.get(str_or_url) if type(str_or_url) is str else None
        if prepared is None or "params" in options:
            url = self.url(str_or_url, options.get("params"))
            if url.raw_user is not None or url.raw_password is not None:
                headers = self.merged(options.get("headers"))
                return self._build_with_url_credentials(method, url, options, headers)
            prepared = self._remember(str_or_url, url, options)
        if not _TLS.isdisjoint(options):
            prepared = with_tls_options(prepared, options)
        if method in ClientRequest.GET_METHODS and _SHAPING.isdisjoint(options):
            plain = self._plain(method, prepared)
            if plain is not None:
                return plain
        if options.get("json") is not None:
            payload = self._json_payload(options)
            if _SHAPING.isdisjoint(options.keys() - _JSON_ONLY):
                plain = self._plain_with_body(method, prepared, payload)
                if plain is not None:
                    return plain
            options = {**options, "data": payload}
        headers = self.merged(options.get("headers"))
        return self._build(method, prepared, options, headers, auth=options.get("auth"))

    def build_from(self, method: str, url: URL, options: dict[str, Any], headers: "CIMultiDict[str]") -> ClientRequest:
        """Return the request that `options` describe, to the whole `url`, with all of its own fields in `headers`."""
        if options.get("json") is not None:
            options = {**options, "data": self._json_payload(options)}
        if url.raw_user is not None or url.raw_password is not None:
            return self._build_with_url_credentials(method, url, options, headers)
        prepared = with_tls_options(prepare(url), options)
        return self._build(method, prepared, options, headers, auth=options.get("auth"))

    def build_hop(
        self,
        redirect: Redirect,
        request: ClientRequest,
        options: dict[str, Any],
        headers: "CIMultiDict[str]",
    ) -> tuple[ClientRequest, dict[str, Any]]:
        """Return the request to which `redirect` sends `request`, and the options that it was built from.

        headers: all fields of the request before; what must not go on is taken out.
        """
        options = {name: value for name, value in options.items() if name not in ("params", "json", "data")}
        if redirect.keeps_body and request.body:
            options["data"] = request.body
        elif not redirect.keeps_body:
            _drop(headers, BODY_FIELDS)
            for name in ("compress", "chunked", "expect100"):
                options.pop(name, None)
        if not redirect.keeps_credentials:
            _drop(headers, (*CREDENTIAL_FIELDS, hdrs.HOST))
            options.pop("auth", None)
            options.pop("cookies", None)
            options.pop("server_hostname", None)  # a name of the origin that was left
        url, auth = split_credentials(redirect.url)
        prepared = prepare(url)
        if not _TLS.isdisjoint(options):
            prepared = with_tls_options(prepared, options)
        if redirect.keeps_credentials:
            # The caller's word counts more than the server's.
            auth = None if hdrs.AUTHORIZATION in headers else auth or request.auth
        hop = self._build(
            redirect.method,
            prepared,
            options,
            headers,
            auth=auth,
            keeps_credentials=redirect.keeps_credentials,
        )
        return hop, options

    # URLs.

    def url(self, str_or_url: StrOrURL, params: Query = None) -> URL:
        """Return the URL to request, joined to the base and with `params` added to its query."""
        try:
            url = URL(str_or_url)
            if self.base_url is not None:
                url = self.base_url.join(url)
            check_scheme(url, self._schemes)
            return url.extend_query(params) if params else url
        except (ValueError, IndexError) as error:  # IndexError: yarl's, for some hosts with a bracket in the middle
            raise InvalidUrlClientError(str_or_url, str(error)) from error
        except TypeError as error:
            if isinstance(str_or_url, (str, URL)):  # then it is about the params
                raise
            raise TypeError(f"url is of type {type(str_or_url).__name__}; pass a str or a yarl.URL") from error

    def checked_url(self, str_or_url: StrOrURL, options: dict[str, Any]) -> URL:
        """Return the whole URL; raise what is plainly wrong with it or with the body, before anybody is told."""
        _check_one_body(options)
        return self.url(str_or_url, options.get("params"))

    def _remember(self, str_or_url: StrOrURL, url: URL, options: dict[str, Any]) -> Prepared:
        prepared = prepare(url)
        if type(str_or_url) is str and "params" not in options:
            if len(self._targets) >= MAX_TARGETS:
                self._targets.clear()
            self._targets[str_or_url] = prepared
        return prepared

    def _build_with_url_credentials(
        self, method: str, url: URL, options: dict[str, Any], headers: "CIMultiDict[str]"
    ) -> ClientRequest:
        if options.get("auth") is not None:
            raise ValueError("Cannot combine AUTH argument with credentials encoded in URL; give one of them")
        url, auth = split_credentials(url)
        prepared = with_tls_options(prepare(url), options)
        return self._build(method, prepared, options, headers, auth=auth)

    def _may_use_session_auth(self, url: URL) -> bool:
        # With a base URL the credentials are meant for its origin.
        return self.base_url is None or self.base_url.origin() == url.origin()

    # Requests.

    def _plain(self, method: str, prepared: Prepared) -> ClientRequest | None:
        if not self._has_plain or ClientRequest.__init__ is not _CONSTRUCTOR or ClientRequest.is_ssl is not _IS_SSL:
            return None
        with_auth = self._fields.auth is not None and self._may_use_session_auth(prepared.url)
        blocks = self._fields.blocks(with_auth=with_auth)
        if blocks is None:
            return None
        if self._cookie_header is not None and (cookies := self._cookie_header(prepared.url)):
            blocks = (*blocks, FieldBlock(((hdrs.COOKIE, cookies),)))
        return ClientRequest.plain(method, prepared, blocks, self._session)

    def _plain_with_body(self, method: str, prepared: Prepared, payload: Payload) -> ClientRequest | None:
        """Return a request that adds nothing to the defaults but a small body; None when it needs a closer look."""
        check_method(method)
        request = None if self._fields.has_content_type else self._plain(method, prepared)
        return request if request is not None and request.attach(payload) else None

    def _build(
        self,
        method: str,
        prepared: Prepared,
        options: dict[str, Any],
        headers: "CIMultiDict[str]",
        *,
        auth: BasicAuth | None,
        keeps_credentials: bool = True,
    ) -> ClientRequest:
        if auth is None and keeps_credentials and hdrs.AUTHORIZATION not in headers:
            auth = self._fields.auth if self._may_use_session_auth(prepared.url) else None
        elif auth is not None and hdrs.AUTHORIZATION in headers:
            raise ValueError(
                "Cannot combine AUTHORIZATION header with AUTH argument or credentials encoded in URL; give one of them"
            )
        skip = options.get("skip_auto_headers")
        proxy, proxy_auth = self._proxy_for(prepared.url, options)
        # A class of the user's may not know this argument; it prepares the URL again.
        known: dict[str, Any] = {"prepared": prepared} if self.request_class is ClientRequest else {}
        request = self.request_class(
            method,
            prepared.real_url,
            headers=headers,
            skip_auto_headers={*self._fields.skip_auto_headers, *(skip or ())},
            data=options.get("data"),
            cookies=self._cookies(prepared.url, options.get("cookies")),
            auth=auth,
            version=self.version,
            compress=options.get("compress"),
            chunked=options.get("chunked"),
            expect100=options.get("expect100") or False,
            proxy=proxy,
            proxy_auth=proxy_auth,
            proxy_headers=options.get("proxy_headers"),
            trust_env=self.trust_env,
            response_class=self.response_class,
            session=self._session,
            loop=asyncio.get_running_loop(),
            ssl=prepared.key.ssl,
            server_hostname=prepared.key.server_hostname,
            **known,
        )
        if options.get("upload_tracker") is not None:
            request.upload_tracker = options["upload_tracker"]
        if type(request).is_ssl is not _IS_SSL:  # it decides, whatever the scheme of the URL
            request.prepared = request.prepared.with_is_ssl(request.is_ssl())
        request.seal()
        return request

    def merged(self, headers: LooseHeaders | None) -> "CIMultiDict[str]":
        """Return the session's fields with a request's own."""
        result = merge_headers(self._fields.headers, headers)
        if self._fields.closes:
            result.setdefault(hdrs.CONNECTION, "close")
        return result

    def _proxy_for(self, url: URL, options: dict[str, Any]) -> tuple[StrOrURL | None, BasicAuth | None]:
        """Return the proxy on the way to `url`: the request's, the session's, or that of the environment."""
        proxy, auth = options.get("proxy"), options.get("proxy_auth")
        if proxy is None:
            proxy = self._proxy
        if auth is None:
            auth = self._proxy_auth
        if proxy is None and self.trust_env:
            from trunkline.client.proxies import environment_proxy  # few need it

            found = environment_proxy(url)
            if found is not None:
                return found
        return proxy, auth if proxy is not None else None

    def _json_payload(self, options: dict[str, Any]) -> Payload:
        _check_one_body(options)
        if self.json_serialize_bytes is not None:
            return JsonBytesPayload(options["json"], dumps=self.json_serialize_bytes)
        return JsonPayload(options["json"], dumps=self.json_serialize)

    def _cookies(self, url: URL, given: Any) -> list[Morsel[str]]:  # Any: see `check_cookies`
        morsels = {morsel.key: morsel for morsel in self._jar.filter_cookies(url).values()}
        if given:
            morsels |= {morsel.key: morsel for morsel in check_cookies(given, quote=self._jar.quote_cookie)}
        return list(morsels.values())


def check_options(options: dict[str, Any]) -> None:
    """Raise TypeError for an argument that `request` does not know."""
    for name in _DEPRECATED & options.keys():
        if options[name] is not None:
            warn_of_auth(name)
    unknown = options.keys() - _KNOWN
    if unknown:
        raise TypeError(f"request() got an unexpected keyword argument {min(unknown)!r}")


def _check_one_body(options: dict[str, Any]) -> None:
    if options.get("json") is not None and options.get("data") is not None:
        raise ValueError("data and json parameters can not be used at the same time")


def with_tls_options(prepared: Prepared, options: dict[str, Any]) -> Prepared:
    """Return `prepared` with the TLS settings of a request."""
    if _TLS.isdisjoint(options):
        return prepared
    setting = merged_ssl(
        options.get("ssl", True),
        options.get("verify_ssl"),
        options.get("ssl_context"),
        options.get("fingerprint"),
    )
    return prepared.with_tls(setting, options.get("server_hostname"))


def _drop(headers: "CIMultiDict[str]", names: Iterable[str]) -> None:
    for name in names:
        headers.popall(name, None)
