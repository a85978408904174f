"""A session's default fields, rendered once and shared by all requests that add nothing to them.

Users may change `session.headers` at any time; multidict counts changes, so that one comparison tells whether the
rendered block still holds.
"""

from collections.abc import Iterable
from typing import Final

from multidict import CIMultiDict, getversion, istr

from trunkline import hdrs
from trunkline.client.auth import BasicAuth
from trunkline.client.request import ClientRequest
from trunkline.ground.product import SERVER_SOFTWARE
from trunkline.ground.types import LooseHeaders
from trunkline.wire.message import FieldBlock

# With one of these among the defaults, each request has to look at all of its fields.
_NEED_A_LOOK: Final = (
    hdrs.HOST,
    hdrs.COOKIE,
    hdrs.CONNECTION,
    hdrs.CONTENT_LENGTH,
    hdrs.TRANSFER_ENCODING,
    hdrs.EXPECT,
)


class DefaultFields:
    """headers: what users set and change. closes: connections serve one request each, and the server is told."""

    def __init__(
        self,
        headers: LooseHeaders | None,
        skip_auto_headers: Iterable[str] | None,
        auth: BasicAuth | None,
        *,
        closes: bool = False,
    ) -> None:
        self.headers: CIMultiDict[str] = CIMultiDict(headers or ())
        self.skip_auto_headers = frozenset(istr(name) for name in skip_auto_headers or ())
        self._skip = frozenset(name.lower() for name in self.skip_auto_headers)
        if auth is not None and not isinstance(auth, BasicAuth):
            raise TypeError(
                f"BasicAuth() tuple is required instead of {type(auth).__name__}; "
                "or leave auth out and pass headers={'Authorization': encode_basic_auth(login, password)}"
            )
        self.auth = auth
        self.closes = closes
        self._version = -1
        self._blocks: tuple[FieldBlock, ...] | None = None
        self._blocks_with_auth: tuple[FieldBlock, ...] | None = None

    def replace(self, headers: LooseHeaders) -> None:
        """Take other fields in place of those that were given."""
        self.headers = CIMultiDict(headers)
        self._version = -1

    def blocks(self, *, with_auth: bool) -> tuple[FieldBlock, ...] | None:
        """Return all fields of a request that adds none; None when there is no such thing."""
        if getversion(self.headers) != self._version:  # type: ignore[arg-type]  # its stub wants MultiDict[object]
            self._render()
        return self._blocks_with_auth if with_auth else self._blocks

    @property
    def has_content_type(self) -> bool:
        """True when the media type of a body is not ours to say."""
        return hdrs.CONTENT_TYPE in self.headers or "content-type" in self._skip

    def _render(self) -> None:
        self._version = getversion(self.headers)  # type: ignore[arg-type]  # as above
        self._blocks = self._blocks_with_auth = None
        if any(name in self.headers for name in _NEED_A_LOOK):
            return
        pairs = list(self.headers.items())
        for name, value in (*ClientRequest.DEFAULT_HEADERS.items(), (hdrs.USER_AGENT, SERVER_SOFTWARE)):
            if name not in self.headers and name.lower() not in self._skip:
                pairs.append((name, value))
        if self.closes:
            pairs.append((hdrs.CONNECTION, "close"))  # RFC 9112 §9.6
        self._blocks = (FieldBlock(pairs),)
        if self.auth is None:
            self._blocks_with_auth = self._blocks
        elif hdrs.AUTHORIZATION not in self.headers:
            self._blocks_with_auth = (FieldBlock([*pairs, (hdrs.AUTHORIZATION, self.auth.encode())]),)
