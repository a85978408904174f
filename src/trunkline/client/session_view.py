"""What a session lets its users read: its settings, its connector and its cookies."""

import asyncio
import warnings
from collections.abc import Callable
from typing import Any

from multidict import CIMultiDict, istr

from trunkline.abc import AbstractCookieJar
from trunkline.client.auth import BasicAuth
from trunkline.client.defaults import DefaultFields
from trunkline.client.request import ClientRequest
from trunkline.client.request_factory import RequestFactory
from trunkline.client.response import ClientResponse
from trunkline.client.send import Sender
from trunkline.client.settings import RaiseForStatus
from trunkline.client.timeouts import ClientTimeout
from trunkline.ground.types import LooseHeaders
from trunkline.pool.connector import BaseConnector
from trunkline.wire.version import HttpVersion


class SessionView:
    """The read-only side of `ClientSession`, which sets these."""

    _closed = True  # until it is complete, for __del__
    _connector: BaseConnector | None
    _given_connector: BaseConnector | None  # the one of the constructor; agents that trace may replace the other
    _connector_owner: bool
    _loop: asyncio.AbstractEventLoop
    _cookie_jar: AbstractCookieJar
    _fields: DefaultFields
    _factory: RequestFactory
    _timeout: ClientTimeout
    _version: HttpVersion
    _raise_for_status: RaiseForStatus
    _auto_decompress: bool
    _trust_env: bool
    _sender: Sender
    _ws_response_class: type[Any] | None  # Any: few import its module
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

    @property
    def closed(self) -> bool:
        """True once it was closed or detached."""
        return self._closed or self._connector is None or self._connector.closed

    @property
    def connector(self) -> BaseConnector | None:
        """The connector; None once closed."""
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
