import copy
import errno
import inspect
import os
import pickle
import ssl
from collections.abc import Callable

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from trunkline import errors
from trunkline.client import errors as client_errors
from trunkline.client.request_info import RequestInfo
from trunkline.conn.key import ConnectionKey

KEY = ConnectionKey("h", 80, is_ssl=False, ssl=True)
REFUSED = OSError(errno.ECONNREFUSED, "refused")
CERT_ERROR = ssl.SSLCertVerificationError(1, "expired")
URL_B = URL("http://a/b")
FIELDS = CIMultiDictProxy(CIMultiDict(a="b"))
INFO = RequestInfo(URL_B, "GET", FIELDS)

RESPONSE_ERRORS = (
    errors.ClientHttpProxyError,
    errors.ClientResponseError,
    errors.ContentTypeError,
    errors.TooManyRedirects,
    errors.WSServerHandshakeError,
)
CONNECTOR_ERRORS = (
    errors.ClientConnectorDNSError,
    errors.ClientConnectorError,
    errors.ClientConnectorSSLError,
    errors.ClientProxyConnectionError,
    errors.ClientSSLError,
)
TIMEOUTS = (errors.ServerTimeoutError, errors.ConnectionTimeoutError, errors.SocketTimeoutError)


def name_of(value: object) -> str:
    return value.__name__ if isinstance(value, type) else ""


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (errors.ClientError, (Exception,)),
        (errors.ClientPayloadError, (errors.ClientError,)),
        (errors.UploadAbortedError, (errors.ClientError,)),
        (errors.WSMessageTypeError, (TypeError,)),
        (errors.ClientConnectionError, (errors.ClientError,)),
        (errors.ClientConnectionResetError, (errors.ClientConnectionError, ConnectionResetError)),
        (errors.ClientOSError, (errors.ClientConnectionError, OSError)),
        (errors.ClientConnectorError, (errors.ClientOSError,)),
        (errors.ClientConnectorDNSError, (errors.ClientConnectorError,)),
        (errors.AddressNotAllowed, (errors.ClientConnectorError,)),
        (errors.ClientProxyConnectionError, (errors.ClientConnectorError,)),
        (errors.UnixClientConnectorError, (errors.ClientConnectorError,)),
        (errors.ClientSSLError, (errors.ClientConnectorError,)),
        (errors.ClientConnectorSSLError, (errors.ClientSSLError, ssl.SSLError)),
        (errors.ClientConnectorCertificateError, (errors.ClientSSLError, ssl.CertificateError)),
        (errors.PoolQueueFull, (errors.ClientConnectionError,)),
        (errors.ServerConnectionError, (errors.ClientConnectionError,)),
        (errors.ServerDisconnectedError, (errors.ServerConnectionError,)),
        (errors.ServerFingerprintMismatch, (errors.ServerConnectionError,)),
        (errors.ServerTimeoutError, (errors.ServerConnectionError, TimeoutError)),
        (errors.ConnectionTimeoutError, (errors.ServerTimeoutError,)),
        (errors.SocketTimeoutError, (errors.ServerTimeoutError,)),
        (errors.ClientResponseError, (errors.ClientError,)),
        (errors.ClientHttpProxyError, (errors.ClientResponseError,)),
        (errors.ContentTypeError, (errors.ClientResponseError,)),
        (errors.TooManyRedirects, (errors.ClientResponseError,)),
        (errors.WSServerHandshakeError, (errors.ClientResponseError,)),
        (errors.InvalidURL, (errors.ClientError, ValueError)),
        (errors.InvalidUrlClientError, (errors.InvalidURL,)),
        (errors.NonHttpUrlClientError, (errors.ClientError,)),
        (errors.RedirectClientError, (errors.ClientError,)),
        (
            errors.InvalidUrlRedirectClientError,
            (errors.InvalidUrlClientError, errors.RedirectClientError),
        ),
        (
            errors.NonHttpUrlRedirectClientError,
            (errors.NonHttpUrlClientError, errors.RedirectClientError),
        ),
    ],
    ids=name_of,
)
def test_the_tree_is_the_documented_one(kind: type, bases: tuple[type, ...]) -> None:
    assert kind.__bases__ == bases


def test_the_public_module_has_every_error_of_the_client() -> None:
    made_here = [
        name
        for name, value in vars(client_errors).items()
        if inspect.isclass(value) and value.__module__ == client_errors.__name__
    ]
    servers_too = ["ClientConnectionError", "ClientConnectionResetError", "ClientError", "WSMessageTypeError"]
    assert sorted([*made_here, *servers_too]) == errors.__all__


@pytest.mark.parametrize(
    ("error", "text", "representation"),
    [
        (errors.ClientError("x"), "x", "ClientError('x')"),
        (errors.ClientOSError(5, "x"), "[Errno 5] x", "ClientOSError(5, 'x')"),
        (
            errors.ClientConnectorError(KEY, REFUSED),
            "Cannot connect to host h:80 ssl:default [refused]",
            f"ClientConnectorError({KEY!r}, ConnectionRefusedError(111, 'refused'))",
        ),
        (
            errors.ClientConnectorError(KEY._replace(ssl=False), OSError("odd")),
            "Cannot connect to host h:80 ssl:False [odd]",
            f"ClientConnectorError({KEY._replace(ssl=False)!r}, OSError('odd'))",
        ),
        (
            errors.ClientConnectorError(KEY, OSError()),
            "Cannot connect to host h:80 ssl:default [OSError]",
            f"ClientConnectorError({KEY!r}, OSError())",
        ),
        (
            errors.UnixClientConnectorError("/p", KEY, REFUSED),
            "Cannot connect to unix socket /p ssl:default [refused]",
            f"UnixClientConnectorError({KEY!r}, ConnectionRefusedError(111, 'refused'))",
        ),
        (
            errors.ClientConnectorCertificateError(KEY._replace(is_ssl=True), CERT_ERROR),
            "Cannot connect to host h:80 ssl:True [SSLCertVerificationError: (1, 'expired')]",
            f"ClientConnectorCertificateError({KEY._replace(is_ssl=True)!r}, {CERT_ERROR!r})",
        ),
        (
            errors.ServerDisconnectedError(),
            "Server disconnected",
            "ServerDisconnectedError('Server disconnected')",
        ),
        (errors.ServerDisconnectedError("m"), "m", "ServerDisconnectedError('m')"),
        (
            errors.ServerFingerprintMismatch(b"e", b"g", "h", 80),
            "(b'e', b'g', 'h', 80)",
            "<ServerFingerprintMismatch expected=b'e' got=b'g' host='h' port=80>",
        ),
        (
            errors.ClientResponseError(INFO, ()),
            "0, message='', url='http://a/b'",
            f"ClientResponseError({INFO!r}, ())",
        ),
        (
            errors.ContentTypeError(INFO, (1,), status=404, message="m", headers=CIMultiDict(x="y")),
            "404, message='m', url='http://a/b'",
            f"ContentTypeError({INFO!r}, (1,), status=404, message='m', headers=<CIMultiDict('x': 'y')>)",
        ),
        (errors.InvalidURL("http:x"), "http:x", "<InvalidURL http:x>"),
        (
            errors.InvalidUrlRedirectClientError(URL_B, "d"),
            "http://a/b - d",
            "<InvalidUrlRedirectClientError http://a/b - d>",
        ),
        (errors.NonHttpUrlClientError(URL_B), "http://a/b", f"NonHttpUrlClientError({URL_B!r})"),
    ],
    ids=name_of,
)
def test_an_error_prints_as_aiohttps_does(error: Exception, text: str, representation: str) -> None:
    assert str(error) == text
    assert repr(error) == representation


@pytest.mark.parametrize("kind", TIMEOUTS)
def test_a_timeout_is_never_printed_as_nothing(kind: type[errors.ServerTimeoutError]) -> None:
    assert "ClientTimeout" in str(kind())
    assert kind().args == ()
    assert str(kind("own text")) == "own text"


def every_error() -> list[Exception]:
    plain = [
        kind(*args)
        for kind in (
            errors.ClientError, errors.ClientPayloadError, errors.UploadAbortedError,
            errors.WSMessageTypeError, errors.ClientConnectionError, errors.ClientConnectionResetError,
            errors.ClientOSError, errors.ServerConnectionError, errors.RedirectClientError,
            errors.NonHttpUrlClientError, errors.NonHttpUrlRedirectClientError, *TIMEOUTS,
        )
        for args in ((), ("x",), (5, "x"))
    ]  # fmt: skip
    url_errors = (errors.InvalidURL, errors.InvalidUrlClientError, errors.InvalidUrlRedirectClientError)
    headers = CIMultiDictProxy(CIMultiDict(x="y"))
    return [
        *plain,
        *(kind(KEY, REFUSED) for kind in CONNECTOR_ERRORS),
        errors.AddressNotAllowed(KEY, REFUSED),
        errors.AddressNotAllowed(KEY, REFUSED, (("::1", "is loopback"),)),
        errors.UnixClientConnectorError("/p", KEY, REFUSED),
        errors.ClientConnectorCertificateError(KEY, CERT_ERROR),
        errors.ClientConnectorCertificateError(KEY, ValueError("odd")),
        errors.PoolQueueFull("m"),
        errors.PoolQueueFull("m", 5, "5 waiting"),
        errors.ServerDisconnectedError(),
        errors.ServerDisconnectedError("m"),
        errors.ServerFingerprintMismatch(b"e", b"g", "h", 80),
        *(kind(URL_B, description) for kind in url_errors for description in (None, "", "d")),
        *(kind(INFO, (), status=404, message="m", headers=headers) for kind in RESPONSE_ERRORS),
    ]


def seen_from_outside(error: Exception) -> list[str]:
    names = sorted(name for name in dir(error) if not name.startswith("_"))
    names = [name for name in names if name not in ("code", "characters_written", "with_traceback", "add_note")]
    values = [f"{name}={getattr(error, name)!r}" for name in names]
    # A read-only view of fields comes back as a plain copy of them.
    return [str(error), *(text.replace("CIMultiDictProxy", "CIMultiDict") for text in [repr(error), *values])]


def pickled(error: Exception) -> Exception:
    twin = pickle.loads(pickle.dumps(error))
    assert isinstance(twin, Exception)
    return twin


@pytest.mark.parametrize("duplicate", [pickled, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_and_copying(error: Exception, duplicate: Callable[[Exception], Exception]) -> None:
    twin = duplicate(error)
    assert type(twin) is type(error)
    assert seen_from_outside(twin) == seen_from_outside(error)


def test_every_class_is_among_the_errors_that_are_pickled() -> None:
    assert sorted({type(error).__name__ for error in every_error()}) == errors.__all__


def test_live_objects_do_not_travel_with_an_error() -> None:
    unpicklable = open(os.devnull)  # noqa: SIM115 - stands for a response
    with unpicklable:
        twin = pickled(errors.TooManyRedirects(INFO, (unpicklable,), status=302))
    assert isinstance(twin, errors.TooManyRedirects)
    assert twin.history == ()
    assert twin.status == 302

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    error = errors.ClientConnectorError(KEY._replace(ssl=context), REFUSED)
    assert error.ssl is context
    twin = pickled(error)
    assert isinstance(twin, errors.ClientConnectorError)
    assert twin.ssl is True


def test_notes_and_own_attributes_travel_with_an_error() -> None:
    error = errors.ClientConnectorError(KEY, REFUSED)
    error.add_note("while testing")
    assert pickled(error).__notes__ == ["while testing"]


@pytest.mark.parametrize("kind", CONNECTOR_ERRORS)
def test_a_connector_error_tells_where_and_why(kind: type[errors.ClientConnectorError]) -> None:
    error = kind(KEY, REFUSED)
    assert (error.host, error.port, error.ssl) == ("h", 80, True)
    assert (error.errno, error.strerror) == (errno.ECONNREFUSED, "refused")
    assert error.os_error is REFUSED
    assert error.args == (KEY, REFUSED)


def test_a_unix_connector_error_tells_the_path() -> None:
    error = errors.UnixClientConnectorError("/p", KEY, REFUSED)
    assert error.path == "/p"
    assert error.args == (KEY, REFUSED)


def test_a_certificate_error_may_come_from_any_exception() -> None:
    odd = ValueError("odd")
    error = errors.ClientConnectorCertificateError(KEY, odd)
    assert error.certificate_error is odd
    assert isinstance(error.os_error, OSError)
    assert error.args == (KEY, odd)
    assert errors.ClientConnectorCertificateError(KEY, CERT_ERROR).os_error is CERT_ERROR


def test_a_response_error_without_request_info_still_prints() -> None:
    error = errors.ClientResponseError(None, ())  # type: ignore[arg-type] # the point of this test
    assert str(error) == "0, message='', url=None"


def test_a_response_errors_attributes_may_be_changed() -> None:
    error = errors.ClientResponseError(INFO, (), status=404)
    error.status, error.message, error.headers = 500, "m", CIMultiDict()
    assert str(error) == "500, message='m', url='http://a/b'"
    assert (error.request_info, error.history) == error.args == (INFO, ())


def test_code_is_the_deprecated_name_of_status() -> None:
    with pytest.warns(DeprecationWarning, match="code argument is deprecated") as seen:
        error = errors.ClientResponseError(INFO, (), code=400)
    assert error.status == 400
    with pytest.warns(DeprecationWarning, match="code property is deprecated") as read:
        assert error.code == 400
    with pytest.warns(DeprecationWarning, match="code property is deprecated") as written:
        error.code = 401
    assert error.status == 401
    assert {warning.filename for warning in (*seen, *read, *written)} == {__file__}


def test_code_and_status_together_are_refused() -> None:
    with pytest.raises(ValueError, match="Both code and status"):
        errors.ClientResponseError(INFO, (), code=400, status=400)


def test_an_invalid_url_is_kept_as_it_was_given() -> None:
    error = errors.InvalidURL("http:x", "no host")
    assert (error.url, error.description) == ("http:x", "no host") == error.args
    assert errors.InvalidURL(URL_B).args == (URL_B,)
