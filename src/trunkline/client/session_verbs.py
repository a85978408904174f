"""The verbs of a session: `request` and its short forms, and `ws_connect`.

All of them are the session's `_request`, in the end: test doubles and libraries put theirs in its place.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from trunkline.client.auth import BasicAuth
from trunkline.client.context import RequestContext
from trunkline.client.response import ClientResponse
from trunkline.ground.sentinel import Sentinel, sentinel
from trunkline.ground.types import LooseHeaders, Query, StrOrURL
from trunkline.transport.tls import TLSSetting
from trunkline.wire.limits import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from trunkline.client.websocket import ClientWSTimeout
    from trunkline.client.ws_connect import WSRequestContext


class SessionVerbs:
    """How `ClientSession`, and a view of it, is asked for requests."""

    _ws_response_class: type[Any] | None  # Any: few import its module

    async def _request(self, method: str, str_or_url: StrOrURL, **options: Any) -> ClientResponse:
        raise NotImplementedError  # `ClientSession` has it

    # Any: the options are checked by name, and each by its own part.

    def request(self, method: str, url: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request `url`; await the result, or enter it with `async with`.

        params: added to the query. data, json: the body, one of them. headers, cookies, auth: for this request.
        allow_redirects, max_redirects; compress, chunked, expect100: how the body is sent; timeout: ClientTimeout,
        seconds in all, or None for no limit; ssl, server_hostname: TLS. The rest overrides the session's own.
        """
        return RequestContext(self._request(method, url, **kwargs))

    def get(self, url: StrOrURL, *, allow_redirects: bool = True, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with GET; see `request`."""
        return RequestContext(self._request("GET", url, allow_redirects=allow_redirects, **kwargs))

    def options(self, url: StrOrURL, *, allow_redirects: bool = True, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with OPTIONS; see `request`."""
        return RequestContext(self._request("OPTIONS", url, allow_redirects=allow_redirects, **kwargs))

    def head(self, url: StrOrURL, *, allow_redirects: bool = False, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with HEAD; see `request`."""
        return RequestContext(self._request("HEAD", url, allow_redirects=allow_redirects, **kwargs))

    def post(self, url: StrOrURL, *, data: Any = None, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with POST; see `request`."""
        return RequestContext(self._request("POST", url, data=data, **kwargs))

    def put(self, url: StrOrURL, *, data: Any = None, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with PUT; see `request`."""
        return RequestContext(self._request("PUT", url, data=data, **kwargs))

    def patch(self, url: StrOrURL, *, data: Any = None, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with PATCH; see `request`."""
        return RequestContext(self._request("PATCH", url, data=data, **kwargs))

    def delete(self, url: StrOrURL, **kwargs: Any) -> RequestContext[ClientResponse]:
        """Request with DELETE; see `request`."""
        return RequestContext(self._request("DELETE", url, **kwargs))

    def ws_connect(
        self,
        url: StrOrURL,
        *,
        method: str = "GET",
        protocols: Collection[str] = (),
        timeout: "ClientWSTimeout | float | Sentinel | None" = sentinel,
        receive_timeout: float | None = None,
        autoclose: bool = True,
        autoping: bool = True,
        heartbeat: float | None = None,
        auth: BasicAuth | None = None,
        origin: str | None = None,
        params: Query = None,
        headers: LooseHeaders | None = None,
        proxy: StrOrURL | None = None,
        proxy_auth: BasicAuth | None = None,
        ssl: TLSSetting = True,
        verify_ssl: bool | None = None,
        fingerprint: bytes | None = None,
        ssl_context: Any = None,  # Any: deprecated; checked with the others
        server_hostname: str | None = None,
        proxy_headers: LooseHeaders | None = None,
        compress: int = 0,
        max_msg_size: int = MAX_MESSAGE_BYTES,
        decode_text: bool = True,
    ) -> "WSRequestContext":
        """Open a WebSocket; await the result, or enter it with `async with`.

        protocols: subprotocols, the preferred one first. timeout: a ClientWSTimeout. heartbeat: seconds between pings.
        compress: window bits 9 to 15 offered for messages, 0 for none. max_msg_size: bytes of one message, 0 for no
        limit. decode_text: False gives text as bytes. The others as in `request`. Raises WSServerHandshakeError.
        """
        from trunkline.client.ws_connect import WSRequestContext, ws_connect  # few need it

        return WSRequestContext(
            ws_connect(
                self,
                url,
                method=method,
                protocols=protocols,
                timeout=timeout,
                receive_timeout=receive_timeout,
                autoclose=autoclose,
                autoping=autoping,
                heartbeat=heartbeat,
                auth=auth,
                origin=origin,
                params=params,
                headers=headers,
                proxy=proxy,
                proxy_auth=proxy_auth,
                ssl=ssl,
                verify_ssl=verify_ssl,
                fingerprint=fingerprint,
                ssl_context=ssl_context,
                server_hostname=server_hostname,
                proxy_headers=proxy_headers,
                compress=compress,
                max_msg_size=max_msg_size,
                decode_text=decode_text,
                response_class=self._ws_response_class,
            )
        )
