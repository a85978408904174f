"""The opening handshake, seen from both sides (RFC 6455 §4).

The server checks a request and answers it; the client checks the answer. Heads come and go as fields of HTTP, which
others parse and render. Whoever asks for an unknown subprotocol or extension goes without it; whoever answers with one
that was not asked for is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from multidict import CIMultiDictProxy

from trunkline.wire.errors import BadHandshake
from trunkline.wire.fields import TOKEN
from trunkline.wire.version import HttpVersion
from trunkline.wire.ws.extensions import DeflateTerms, accept_deflate, choose_deflate

_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
WS_KEY: Final = _GUID.encode()  # aiohttp's name and type
NONCE_BYTES: Final = 16  # §4.1
VERSION: Final = "13"  # §4.1
_SPOKEN_VERSIONS: Final = frozenset({VERSION, "8", "7"})  # drafts with the same frames; aiohttp takes them too

Fields = CIMultiDictProxy[str]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a handshake agreed upon. accept: the answer to the client's key."""

    accept: str
    protocol: str | None
    deflate: DeflateTerms | None

    def fields(self) -> list[tuple[str, str]]:
        """Return the fields of the response that says so."""
        said = [("Upgrade", "websocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Accept", self.accept)]
        if self.deflate is not None:
            said.append(("Sec-WebSocket-Extensions", self.deflate.render()))
        if self.protocol is not None:
            said.append(("Sec-WebSocket-Protocol", self.protocol))
        return said


def answer_handshake(
    method: str, version: HttpVersion, fields: Fields, protocols: Sequence[str], *, compress: bool
) -> Opening:
    """Return the answer to a client's request. protocols: that the server speaks. Raises BadHandshake (§4.2.1)."""
    if method != "GET" or version < HttpVersion(1, 1):
        raise BadHandshake(f"{method} by HTTP/{version.major}.{version.minor} for a WebSocket; wanted GET by HTTP/1.1")
    if fields.get("Content-Length", "0") != "0" or "Transfer-Encoding" in fields:
        raise BadHandshake("a request for a WebSocket with a body; wanted none")
    _check_upgrade(fields)
    if fields.get("Sec-WebSocket-Version", "") not in _SPOKEN_VERSIONS:
        raise BadHandshake(
            f"Sec-WebSocket-Version {fields.get('Sec-WebSocket-Version', '')!r} is not supported; wanted {VERSION}"
        )
    deflate = choose_deflate(fields.getall("Sec-WebSocket-Extensions", ())) if compress else None
    return Opening(accept_token(_key(fields)), choose_protocol(fields, protocols), deflate)


def render_key(nonce: bytes) -> str:
    """Return the key of a client's request. nonce: 16 random bytes (§4.1)."""
    return base64.b64encode(nonce).decode("ascii")


def accept_token(key: str) -> str:
    """Return what proves that a server has read `key` as a WebSocket server (§4.2.2)."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode("ascii")


def check_answer(
    fields: Fields, key: str, protocols: Sequence[str], *, offered_bits: int = 0, keeps_context: bool = True
) -> Opening:
    """Return what a server's 101 response agreed to. Raises BadHandshake (§4.1).

    key, protocols: of the request; offered_bits, keeps_context: what was said to `offer_deflate`, if it was.
    """
    _check_upgrade(fields)
    accept = accept_token(key)
    answers = fields.getall("Sec-WebSocket-Accept", [])
    if answers != [accept]:
        raise BadHandshake(f"Invalid challenge response: Sec-WebSocket-Accept {answers}; wanted {accept!r}")
    return check_terms(fields, protocols, accept, offered_bits=offered_bits, keeps_context=keeps_context)


def check_terms(
    fields: Fields, protocols: Sequence[str], accept: str = "", *, offered_bits: int = 0, keeps_context: bool = True
) -> Opening:
    """Do what `check_answer` does but for the proof `accept`, which an extended CONNECT does not need (RFC 8441 §5)."""
    chosen = fields.getall("Sec-WebSocket-Protocol", [])
    if len(chosen) > 1 or not set(chosen) <= set(protocols):
        raise BadHandshake(f"the server chose the subprotocols {chosen}; offered were {list(protocols)}")
    deflate = accept_deflate(
        fields.getall("Sec-WebSocket-Extensions", ()), offered_bits=offered_bits, keeps_context=keeps_context
    )
    return Opening(accept, chosen[0] if chosen else None, deflate)


def choose_protocol(fields: Fields, protocols: Sequence[str]) -> str | None:
    """Return the first subprotocol of the client's that is among `protocols`; its order is its preference (§4.1)."""
    offered = _list(fields.getall("Sec-WebSocket-Protocol", ()))
    return next((name for name in offered if name in protocols), None)


def check_protocols(protocols: Iterable[str]) -> None:
    """Raise ValueError unless all may be sent as names of subprotocols, which are tokens (§4.1)."""
    for name in protocols:
        if TOKEN.fullmatch(name) is None:
            raise ValueError(f"subprotocol {name!r} is not a token; use letters, digits and !#$%&'*+-.^_`|~ only")


def _check_upgrade(fields: Fields) -> None:
    upgrade = _list(fields.getall("Upgrade", ()))
    if "websocket" not in (name.lower() for name in upgrade):
        raise BadHandshake(f"Invalid upgrade header: Upgrade: {', '.join(upgrade) or None}; wanted websocket")
    connection = _list(fields.getall("Connection", ()))
    if "upgrade" not in (name.lower() for name in connection):
        raise BadHandshake(f"Invalid connection header: Connection: {', '.join(connection) or None}; wanted upgrade")


def _key(fields: Fields) -> str:
    keys = fields.getall("Sec-WebSocket-Key", [])
    try:
        is_valid = len(keys) == 1 and len(base64.b64decode(keys[0], validate=True)) == NONCE_BYTES
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        is_valid = False
    if not is_valid:
        raise BadHandshake(f"Sec-WebSocket-Key {keys}; wanted one, of {NONCE_BYTES} bytes in base64")
    return keys[0]


def _list(values: Iterable[str]) -> list[str]:
    """Split the members of list fields (RFC 9110 §5.6.1)."""
    return [member.strip() for value in values for member in value.split(",") if member.strip()]
