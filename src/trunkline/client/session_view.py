"""What a session lets its users read: its settings, its connector and its cookies."""

import asyncio
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict, istr
from yarl import URL

from trunkline.abc import AbstractCookieJar
from trunkline.client.auth import BasicAuth
from trunkline.client.defaults import DefaultFields
from trunkline.client.request import ClientRequest
from trunkline.client.request_factory import RequestFactory
from trunkline.client.response import ClientResponse
from trunkline.client.send import Sender
from trunkline.client.settings import RaiseForStatus, Settings
from trunkline.client.timeouts import ClientTimeout
from trunkline.ground.types import LooseHeaders, StrOrURL
from trunkline.pool.connector import BaseConnector
from trunkline.wire.version import HttpVersion

if TYPE_CHECKING:
    from trunkline.pool.stats import PoolStats


class SessionView:
    """The read-only side of `ClientSession`, which sets these."""

    # Its life: open; draining (`_refuses`, and `_drains` calls that wait); drained; closing (`_closed`, and `_leaving`
    # is there until its sockets are gone); closed. A forked child finds it closed, and `_inherited_from` its parent.
    _closed = True  # until it is complete, for __del__
    _refuses = True  # takes no requests
    _drains = 0
    _leaving: BaseConnector | None = None  # the connector that is being closed
    _inherited_from = 0
    is_drained = False  # the time for requests under way is over
    is_shared = False  # it is the one of `shared_session`, which `async with` leaves open
    _connector: BaseConnector | None
    _given_connector: BaseConnector | None  # the one of the constructor; agents that trace may replace the other
    _connector_owner: bool
    _loop: asyncio.AbstractEventLoop
    _cookie_jar: AbstractCookieJar
    _fields: DefaultFields
    _factory: RequestFactory
    _timeout: ClientTimeout
    _settings: Settings
    _sender: Sender
    _end_of_chain: "asyncio.Future[None] | None" = None  # done when one ends, if somebody waits
    _ws_response_class: type[Any] | None  # Any: few import its module
    _resolve_charset: Callable[[ClientResponse, bytes], str]
    _trace_configs: list[Any]  # Any: TraceConfigs, whose module few import

    # What libraries read, and set, by these names.

    @property
    def _default_headers(self) -> "CIMultiDict[str]":
        return self._fields.headers

    @_default_headers.setter
    def _default_headers(self, headers: LooseHeaders) -> None:
        self._fields.replace(headers)

    @property
    def _default_auth(self) -> BasicAuth | None:
        return self._fields.auth

    @property
    def _raise_for_status(self) -> RaiseForStatus:
        return self._settings.raise_for_status

    @property
    def _auto_decompress(self) -> bool:
        return self._settings.rules.decompress

    @property
    def _trust_env(self) -> bool:
        return self._factory.trust_env

    @property
    def _version(self) -> HttpVersion:
        return self._factory.version

    @property
    def _retry_connection(self) -> bool:
        return self._settings.retry

    @_retry_connection.setter
    def _retry_connection(self, value: bool) -> None:
        self._settings = replace(self._settings, retry=value)

    @property
    def _request_class(self) -> type[ClientRequest]:
        return self._factory.request_class

    @property
    def _response_class(self) -> type[ClientResponse]:
        return self._factory.response_class

    @property
    def _json_serialize(self) -> Callable[[Any], str]:
        return self._factory.json_serialize

    @property
    def _json_serialize_bytes(self) -> Callable[[Any], bytes] | None:
        return self._factory.json_serialize_bytes

    def _prepare_headers(self, headers: LooseHeaders | None) -> "CIMultiDict[str]":
        return self._factory.merged(headers)

    def _build_url(self, str_or_url: StrOrURL) -> URL:
        return self._factory.url(str_or_url)

    def resolve_charset(self, response: ClientResponse, body: bytes) -> str:
        """Name the charset of a body that does not say, by `fallback_charset_resolver`."""
        return self._resolve_charset(response, body)

    @property
    def closed(self) -> bool:
        """True once it was closed or detached."""
        return self._closed or self._connector is None or self._connector.closed

    @property
    def connector(self) -> BaseConnector | None:
        """The connector; None once closed."""
        return self._connector

    def stats(self) -> "PoolStats":
        """Tell what its connector's pool, which other sessions may share, has done, and what it does now.

        Raises RuntimeError once the session is closed; its connector can still tell.
        """
        return self._open_connector().stats()

    def reset_stats(self) -> None:
        """Begin to count anew, for all that share the connector. Raises RuntimeError once the session is closed."""
        self._open_connector().reset_stats()

    def _open_connector(self) -> BaseConnector:
        if self._connector is None:
            raise RuntimeError(
                "this session is closed, and has let go of its connector; ask for stats before close(), or keep "
                "`connector = session.connector` and ask that"
            )
        return self._connector

    @property
    def cookie_jar(self) -> AbstractCookieJar:
        """The cookies."""
        return self._cookie_jar

    @property
    def version(self) -> HttpVersion:
        """The version of requests."""
        return self._version

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the session belongs to; deprecated."""
        warnings.warn("client.loop property is deprecated", DeprecationWarning, stacklevel=2)
        return self._loop

    @property
    def timeout(self) -> ClientTimeout:
        """The timeouts of requests that state none."""
        return self._timeout

    @property
    def headers(self) -> "CIMultiDict[str]":
        """The fields that go with every request; a live mapping."""
        return self._fields.headers

    @property
    def skip_auto_headers(self) -> frozenset[istr]:
        """The fields that are not added by us."""
        return self._fields.skip_auto_headers

    @property
    def auth(self) -> BasicAuth | None:
        """The credentials that go with every request."""
        return self._fields.auth

    @property
    def json_serialize(self) -> Callable[[Any], str]:
        """What turns `json=` into text."""
        return self._factory.json_serialize

    @property
    def connector_owner(self) -> bool:
        """True when closing the session closes the connector."""
        return self._connector_owner

    @property
    def raise_for_status(self) -> RaiseForStatus:
        """What is done about statuses of 400 and above."""
        return self._raise_for_status

    @property
    def auto_decompress(self) -> bool:
        """True when bodies are decoded."""
        return self._auto_decompress

    @property
    def trust_env(self) -> bool:
        """True when proxies of the environment and .netrc are used."""
        return self._trust_env

    @property
    def trace_configs(self) -> list[Any]:
        """The tracers, as they were given."""
        return self._trace_configs

    @property
    def requote_redirect_url(self) -> bool:
        """True when URLs of redirects are quoted anew."""
        return self._sender.requote

    @requote_redirect_url.setter
    def requote_redirect_url(self, value: bool) -> None:
        warnings.warn("session.requote_redirect_url modification is deprecated", DeprecationWarning, stacklevel=2)
        self._sender.requote = value
