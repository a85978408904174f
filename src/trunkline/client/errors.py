"""The public errors of the client: aiohttp's names, bases, constructors and texts.

Lower layers raise `TrunklineError`s; `client/attempt` translates them into these. The first three stand in
`conn/errors`, because the server raises one of them too. Every error prints, pickles and copies. Live objects do not
travel with a pickle or copy: it has no `history`, and `ssl=True` in place of an `SSLContext`. Nothing is decided or
translated here.
"""

import warnings
from ssl import CertificateError, SSLContext, SSLError
from typing import Any

from multidict import MultiDictProxy, MultiMapping

from trunkline.client.request_info import RequestInfo
from trunkline.conn.errors import (
    ClientConnectionError as ClientConnectionError,
    ClientConnectionResetError as ClientConnectionResetError,
    ClientError as ClientError,
)
from trunkline.conn.key import ConnectionKey
from trunkline.ground.types import StrOrURL

# What `__reduce__` returns: the class, its arguments, and the attributes to set afterwards.
_Reduced = tuple[type[BaseException], tuple[object, ...], dict[str, object]]


class ClientPayloadError(ClientError):
    """The body of the response is damaged or cut short."""


class UploadAbortedError(ClientError):
    """The body of the request was never fully sent."""


class ClientOSError(ClientConnectionError, OSError):
    """The operating system reported an error of the connection."""


class ClientConnectorError(ClientOSError):
    """No connection could be made to the host.

    connection_key: where to. os_error: why not.
    """

    def __init__(self, connection_key: ConnectionKey, os_error: OSError) -> None:
        super().__init__(os_error.errno, os_error.strerror)
        self._key = connection_key
        self._os_error = os_error
        self.args = connection_key, os_error

    @property
    def os_error(self) -> OSError:
        return self._os_error

    @property
    def host(self) -> str:
        return self._key.host

    @property
    def port(self) -> int | None:
        return self._key.port

    @property
    def ssl(self) -> Any:  # as in ConnectionKey: bool, SSLContext or Fingerprint
        return self._key.ssl

    def __str__(self) -> str:
        return f"Cannot connect to host {self.host}:{self.port} ssl:{self._ssl_text()} [{self._reason()}]"

    def __reduce__(self) -> _Reduced:
        key = self._key
        if isinstance(key.ssl, SSLContext):
            key = key._replace(ssl=True)
        return type(self), (key, *self.args[1:]), {**self.__dict__, "_key": key}

    def _ssl_text(self) -> str:
        return "default" if self.ssl is True else str(self.ssl)

    def _reason(self) -> str:
        return self.strerror or str(self._os_error) or type(self._os_error).__name__


class ClientConnectorDNSError(ClientConnectorError):
    """The host name could not be resolved."""


class AddressNotAllowed(ClientConnectorError):
    """The connector's `allow` lets no address of the host, or of the proxy, pass; nothing was sent to it.

    refused: each address, or a name that a proxy would resolve, and why.
    """

    def __init__(
        self, connection_key: ConnectionKey, os_error: OSError, refused: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(connection_key, os_error)
        self.refused = refused


class ClientProxyConnectionError(ClientConnectorError):
    """No connection could be made to the proxy."""


class UnixClientConnectorError(ClientConnectorError):
    """No connection could be made to the Unix socket at `path`."""

    def __init__(self, path: str, connection_key: ConnectionKey, os_error: OSError) -> None:
        super().__init__(connection_key, os_error)
        self._path = path

    @property
    def path(self) -> str:
        return self._path

    def __str__(self) -> str:
        return f"Cannot connect to unix socket {self.path} ssl:{self._ssl_text()} [{self._reason()}]"

    def __reduce__(self) -> _Reduced:
        kind, args, state = super().__reduce__()
        return kind, (self._path, *args), state


class ClientSSLError(ClientConnectorError):
    """Root of the errors of TLS."""


class ClientConnectorSSLError(ClientSSLError, SSLError):
    """The TLS handshake failed."""


class ClientConnectorCertificateError(ClientSSLError, CertificateError):
    """The server's certificate is not one that we may trust for this host.

    `ssl` tells whether the connection was to use TLS.
    """

    def __init__(self, connection_key: ConnectionKey, certificate_error: Exception) -> None:
        os_error = certificate_error if isinstance(certificate_error, OSError) else OSError()
        super().__init__(connection_key, os_error)
        self._certificate_error = certificate_error
        self.args = connection_key, certificate_error

    @property
    def certificate_error(self) -> Exception:
        return self._certificate_error

    @property
    def ssl(self) -> bool:
        return self._key.is_ssl

    def __str__(self) -> str:
        error = self._certificate_error
        reason = f"{type(error).__name__}: {error.args}"
        return f"Cannot connect to host {self.host}:{self.port} ssl:{self.ssl} [{reason}]"


class PoolQueueFull(ClientConnectionError):
    """As many requests as `queue_limit` allows wait for a connection already; this one was not sent.

    limit: how many. state: of the pool, in words.
    """

    def __init__(self, message: str, limit: int = 0, state: str = "") -> None:
        super().__init__(message, limit, state)
        self.limit = limit
        self.state = state

    def __str__(self) -> str:
        return str(self.args[0])


class ServerConnectionError(ClientConnectionError):
    """The server broke off, fell silent, or is not the one that was expected."""


class ServerDisconnectedError(ServerConnectionError):
    """The server closed the connection before its response was complete."""

    def __init__(self, message: str | None = None) -> None:
        self.message = "Server disconnected" if message is None else message
        super().__init__(self.message)


class ServerFingerprintMismatch(ServerConnectionError):
    """The server's certificate is not the pinned one."""

    def __init__(self, expected: bytes, got: bytes, host: str, port: int) -> None:
        super().__init__(expected, got, host, port)
        self.expected = expected
        self.got = got
        self.host = host
        self.port = port

    def __repr__(self) -> str:
        values = f"expected={self.expected!r} got={self.got!r} host={self.host!r} port={self.port!r}"
        return f"<{type(self).__name__} {values}>"


class ServerTimeoutError(ServerConnectionError, TimeoutError):
    """The server did not do its part in time."""

    _default_text = "The server did not answer in time (raise the limits of ClientTimeout if it needs longer)"

    def __str__(self) -> str:
        return super().__str__() or self._default_text


class ConnectionTimeoutError(ServerTimeoutError):
    """No connection was to be had within `connect` or `sock_connect` seconds."""

    _default_text = "No connection within the time allowed (raise ClientTimeout's connect or sock_connect)"


class SocketTimeoutError(ServerTimeoutError):
    """The server sent nothing for `sock_read` seconds."""

    _default_text = "The server sent nothing for the time allowed (raise ClientTimeout's sock_read)"


class ClientResponseError(ClientError):
    """The response came, but is not what was wanted.

    history: the redirects that led to it. code: the old name of status.
    """

    def __init__(
        self,
        request_info: RequestInfo,
        history: tuple[Any, ...],  # of ClientResponse, which itself needs these errors
        *,
        code: int | None = None,
        status: int | None = None,
        message: str = "",
        headers: MultiMapping[str] | None = None,
    ) -> None:
        if code is not None:
            if status is not None:
                raise ValueError("Both code and status arguments are provided; code is deprecated, use status instead")
            warnings.warn("code argument is deprecated, use status instead", DeprecationWarning, stacklevel=2)
        super().__init__(request_info, history)
        self.request_info = request_info
        self.history = history
        self.status = status or code or 0
        self.message = message
        self.headers = headers

    @property
    def code(self) -> int:
        _warn_of_code()
        return self.status

    @code.setter
    def code(self, value: int) -> None:
        _warn_of_code()
        self.status = value

    def __str__(self) -> str:
        # Tests of applications make these errors with no request_info.
        url = str(self.request_info.real_url) if self.request_info else None
        return f"{self.status}, message={self.message!r}, url={url!r}"

    def __repr__(self) -> str:
        args = f"{self.request_info!r}, {self.history!r}"
        if self.status != 0:
            args += f", status={self.status!r}"
        if self.message:
            args += f", message={self.message!r}"
        if self.headers is not None:
            args += f", headers={self.headers!r}"
        return f"{type(self).__name__}({args})"

    def __reduce__(self) -> _Reduced:
        headers = self.headers
        if isinstance(headers, MultiDictProxy):  # the view refuses to be pickled, its copy does not
            headers = headers.copy()
        state = {**self.__dict__, "history": (), "headers": headers}
        return type(self), (self.request_info, ()), state


class ClientHttpProxyError(ClientResponseError):
    """The proxy refused to open a tunnel."""

    def __str__(self) -> str:
        # RFC 9110 §15.5.8; tinyproxy answers 401 when it does not like those that it got.
        is_unauthorized = self.status in (401, 407)
        advice = "; give the proxy's credentials as proxy=http://login:password@host" if is_unauthorized else ""
        return super().__str__() + advice


class ContentTypeError(ClientResponseError):
    """The response has not the content type that was asked for."""


class TooManyRedirects(ClientResponseError):
    """More redirects than `max_redirects` allows."""


class WSServerHandshakeError(ClientResponseError):
    """The server did not agree to open a WebSocket."""


class InvalidURL(ClientError, ValueError):
    """The URL is malformed: `description` tells how, when it is known."""

    def __init__(self, url: StrOrURL, description: str | None = None) -> None:
        # The URL is kept as it was given: a malformed one need not fit a yarl.URL.
        self._url = url
        self._description = description
        super().__init__(*((url, description) if description else (url,)))

    @property
    def url(self) -> StrOrURL:
        return self._url

    @property
    def description(self) -> str | None:
        return self._description

    def __str__(self) -> str:
        return f"{self._url} - {self._description}" if self._description else str(self._url)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


class InvalidUrlClientError(InvalidURL):
    """The URL of the request is malformed."""


class NonHttpUrlClientError(ClientError):
    """The URL's scheme is not one of HTTP's."""


class RedirectClientError(ClientError):
    """The server's redirect cannot be followed."""


class InvalidUrlRedirectClientError(InvalidUrlClientError, RedirectClientError):
    """A redirect leads to a malformed URL."""


class NonHttpUrlRedirectClientError(NonHttpUrlClientError, RedirectClientError):
    """A redirect leads to a URL whose scheme is not one of HTTP's."""


def _warn_of_code() -> None:
    # 3: whoever used the property
    warnings.warn("code property is deprecated, use status instead", DeprecationWarning, stacklevel=3)
