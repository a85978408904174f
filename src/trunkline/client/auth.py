"""Basic authentication: credentials as the value of an Authorization field (RFC 7617).

`encode_basic_auth` is the way to make one. `BasicAuth` is aiohttp's older value: to construct it is
deprecated, to parse fields and URLs with it is not. The value is base64, so no login or password can break a
head. Digest authentication is `digest`'s part and .netrc `netrc`'s; who gets credentials is decided where
requests are sent.
"""

import base64
import warnings
from typing import NamedTuple, Self

from yarl import URL

from trunkline.client.errors import InvalidUrlClientError
from trunkline.ground.caller import outer_level


def encode_basic_auth(login: str, password: str = "", encoding: str = "utf-8") -> str:
    """Encode credentials as the value of an Authorization or Proxy-Authorization field.

    Raises ValueError for a login with ":", which could not be told from the password (RFC 7617 §2).
    """
    _check(login, password)
    return _encode(login, password, encoding)


class _Credentials(NamedTuple):
    """The fields; a NamedTuple's own body may not define `__new__`."""

    login: str
    password: str
    encoding: str


class BasicAuth(_Credentials):
    """A login and a password; deprecated in favour of `encode_basic_auth`."""

    __slots__ = ()

    def __new__(cls, login: str, password: str = "", encoding: str = "latin1") -> Self:
        _check(login, password)
        warnings.warn(
            "BasicAuth is deprecated and will be removed in aiohttp 4.0; "
            "use encode_basic_auth() with headers={'Authorization': ...} instead",
            DeprecationWarning,
            stacklevel=2,
        )
        return super().__new__(cls, login, password, encoding)

    def __repr__(self) -> str:
        # Credentials stand in keys of connections and in errors, which get logged.
        return f"{type(self).__name__}(login={self.login!r}, password='***', encoding={self.encoding!r})"

    @classmethod
    def decode(cls, auth_header: str, encoding: str = "latin1") -> Self:
        """Take the credentials out of an Authorization field's value.

        Raises ValueError when it is not Basic, not base64, or has no ":" between login and password.
        """
        scheme, space, token = auth_header.partition(" ")
        if not space:
            raise ValueError("Could not parse authorization header; 'Basic <base64>' was expected")
        if scheme.lower() != "basic":
            raise ValueError(f"Unknown authorization method {scheme!r}; only Basic can be decoded")
        try:
            decoded = base64.b64decode(token.encode("ascii"), validate=True)
        except ValueError:
            # No cause: its traceback would show the credentials.
            raise ValueError("Invalid base64 encoding of the credentials") from None
        login, colon, password = decoded.decode(encoding).partition(":")
        if not colon:
            raise ValueError("Invalid credentials; 'login:password' was expected")
        return cls._make((login, password, encoding))

    @classmethod
    def from_url(cls, url: URL, *, encoding: str = "latin1") -> Self | None:
        """Take the credentials out of a URL; None if it has none.

        Raises ValueError for a login with ":" (written %3A).
        """
        if not isinstance(url, URL):
            raise TypeError(f"url should be a yarl.URL, not {type(url).__name__}; wrap it in URL()")
        # Like yarl, tell an empty user from none: `http://:password@host/` has credentials.
        if url.raw_user is None and url.raw_password is None:
            return None
        login = url.user or ""
        password = url.password or ""
        _check(login, password)
        return cls._make((login, password, encoding))

    def encode(self) -> str:
        """Encode the credentials as the value of an Authorization or Proxy-Authorization field."""
        return _encode(self.login, self.password, self.encoding)


def warn_of_auth(name: str) -> None:
    """Warn that the argument `name`, `auth` or `proxy_auth`, is deprecated."""
    instead = "headers={'Authorization'" if name == "auth" else "proxy_headers={'Proxy-Authorization'"
    warnings.warn(
        f"The {name!r} parameter is deprecated and will be removed in v4; "
        f"pass {instead}: encode_basic_auth(login, password)}} instead",
        DeprecationWarning,
        stacklevel=outer_level(),
    )


def split_credentials(url: URL) -> tuple[URL, BasicAuth | None]:
    """Return the URL without its credentials, and these; raise InvalidURL when they cannot be sent."""
    try:
        auth = BasicAuth.from_url(url)
    except ValueError as error:
        raise InvalidUrlClientError(url.with_user(None), f"its credentials cannot be sent: {error}") from error
    return (url, None) if auth is None else (url.with_user(None), auth)


def _encode(login: str, password: str, encoding: str) -> str:
    credentials = f"{login}:{password}".encode(encoding)
    return f"Basic {base64.b64encode(credentials).decode('ascii')}"


def _check(login: object, password: object) -> None:
    """Refuse what would encode to other credentials than were meant. No message shows a value."""
    for name, value in (("login", login), ("password", password)):
        if value is None:
            raise ValueError(f'None is not allowed as {name} value; use "" for an empty one')
        if isinstance(value, bytes):
            raise TypeError(f"{name} must be str, not bytes; decode it first")
    if not isinstance(login, str):
        raise TypeError(f"login must be str, not {type(login).__name__}")
    if ":" in login:
        raise ValueError('A ":" is not allowed in login (RFC 7617 section 2)')
