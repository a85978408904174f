"""Sec-WebSocket-Extensions: its grammar, and the agreement on permessage-deflate (RFC 6455 §9.1, RFC 7692 §7.1).

    extension-list = 1#extension
    extension = extension-token *( ";" extension-param )
    extension-param = token [ "=" (token | quoted-string) ]

The server takes the first offer that it can meet; other extensions are as if they had not been offered. The client
refuses an answer that is not one to its offer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from trunkline.wire.errors import BadHandshake
from trunkline.wire.fields import TOKEN
from trunkline.wire.ws.deflate import Deflater, Inflater

_NAME: Final = "permessage-deflate"
_ITEM: Final = re.compile(r'(?:[^,"]|"[^"]*+")++')  # between commas; a quoted string may hold some
_PARAM: Final = re.compile(
    rf'[ \t]*+({TOKEN.pattern})[ \t]*+(?:=[ \t]*+(?:({TOKEN.pattern})|"({TOKEN.pattern})"))?[ \t]*+'
)

_FLAGS: Final = frozenset({"server_no_context_takeover", "client_no_context_takeover"})
_WINDOWS: Final = frozenset({"server_max_window_bits", "client_max_window_bits"})
_BITS: Final = re.compile("8|9|1[0-5]")  # RFC 7692 §7.1.2: without leading zeros
_MAX_BITS: Final = 15
_MIN_OWN_BITS: Final = 9  # zlib does not write raw data for a window of 8 bits

Params = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class DeflateTerms:
    """What both sides agreed upon for one connection.

    Window bits are of the one who compresses; None is 15 as well, but was not said: what was asked for must be answered
    (RFC 7692 §7.1.2.1).
    """

    server_window_bits: int | None = None
    client_window_bits: int | None = None
    server_keeps_context: bool = True
    client_keeps_context: bool = True

    def window_bits(self, *, is_server: bool) -> int:
        """Return the window of what this side sends."""
        return (self.server_window_bits if is_server else self.client_window_bits) or _MAX_BITS

    def deflater(self, *, is_server: bool) -> Deflater:
        """Return what compresses the messages that this side sends."""
        keeps_context = self.server_keeps_context if is_server else self.client_keeps_context
        return Deflater(self.window_bits(is_server=is_server), keeps_context=keeps_context)

    def inflater(self, *, is_server: bool) -> Inflater:
        """Return what decompresses the messages that this side receives."""
        return Inflater(keeps_context=self.client_keeps_context if is_server else self.server_keeps_context)

    def render(self) -> str:
        """Return the field value that says so, as the answer to an offer."""
        said = [_NAME]
        if not self.server_keeps_context:
            said.append("server_no_context_takeover")
        if not self.client_keeps_context:
            said.append("client_no_context_takeover")
        if self.server_window_bits is not None:
            said.append(f"server_max_window_bits={self.server_window_bits}")
        if self.client_window_bits is not None:
            said.append(f"client_max_window_bits={self.client_window_bits}")
        return "; ".join(said)


def choose_deflate(values: Iterable[str]) -> DeflateTerms | None:
    """Return the terms of the first offer among `values` of the field that a server can meet, None without one."""
    for name, params in _parse(values):
        if name != _NAME or params is None:
            continue
        terms = _terms(params)
        if terms is not None and terms.window_bits(is_server=True) >= _MIN_OWN_BITS:
            return terms
    return None


def offer_deflate(window_bits: int, *, keeps_context: bool = True) -> str:
    """Return the field value by which a client offers to compress with a window of 9 to 15 bits, and to inflate any."""
    if not _MIN_OWN_BITS <= window_bits <= _MAX_BITS:
        raise ValueError(f"window of {window_bits} bits; wanted {_MIN_OWN_BITS} to {_MAX_BITS}")
    said = [_NAME, "client_max_window_bits" + (f"={window_bits}" if window_bits < _MAX_BITS else "")]
    return "; ".join(said if keeps_context else [*said, "client_no_context_takeover"])


def accept_deflate(values: Iterable[str], *, offered_bits: int, keeps_context: bool = True) -> DeflateTerms | None:
    """Return the terms of the server's answer to `offer_deflate`; None when it declined. Raises BadHandshake.

    offered_bits: 0 when nothing was offered.
    """
    extensions = list(_parse(values))
    if not extensions:
        return None
    if not offered_bits:
        raise BadHandshake(f"the server chose the extension {extensions[0][0]!r}, which was not offered")
    name, params = extensions[0]
    if len(extensions) > 1 or name != _NAME:
        raise BadHandshake(
            f"the server chose the extensions {[name for name, _ in extensions]}; wanted {_NAME} at most"
        )
    terms = None if params is None or params.get("client_max_window_bits", "") is None else _terms(params)
    if terms is None or terms.window_bits(is_server=False) < _MIN_OWN_BITS:
        raise BadHandshake(f"the server answered the offer of {_NAME} with terms that we cannot meet: {params}")
    return DeflateTerms(
        terms.server_window_bits,
        min(terms.window_bits(is_server=False), offered_bits),
        terms.server_keeps_context,
        terms.client_keeps_context and keeps_context,
    )


def _terms(params: Params) -> DeflateTerms | None:
    """Return what `params` ask for; None when they break RFC 7692 §7.1, which declines them."""
    for name, value in params.items():
        if name in _FLAGS:
            is_valid = value is None
        elif name in _WINDOWS:
            # Only the client may name its own window without a number: "I could keep to one" (§7.1.2.2).
            is_valid = name == "client_max_window_bits" if value is None else _BITS.fullmatch(value) is not None
        else:
            is_valid = False
        if not is_valid:
            return None
    return DeflateTerms(
        _number(params.get("server_max_window_bits")),
        _number(params.get("client_max_window_bits")),
        "server_no_context_takeover" not in params,
        "client_no_context_takeover" not in params,
    )


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _parse(values: Iterable[str]) -> Iterable[tuple[str, Params | None]]:
    """Return the extensions by name, in order. Parameters that are malformed, or said twice, are None."""
    for value in values:
        for item in _ITEM.findall(value):
            name, *params = item.split(";")
            if name.strip():
                yield name.strip(), _parse_params(params)


def _parse_params(texts: list[str]) -> Params | None:
    params: Params = {}
    for text in texts:
        found = _PARAM.fullmatch(text)
        if found is None or found[1] in params:
            return None
        params[found[1]] = found[2] or found[3]
    return params
