"""Digest authentication as values: a challenge, and the Authorization field that answers it (RFC 7616).

Names in the code are those of RFC 7616 §3.4. Of several challenges the one with the strongest hash counts, not the
first: the order is the server's wish, the strength is the user's interest. A challenge without qop is RFC 2069's.
Values are hashed without their quotes and escapes, in UTF-8; `username*` is never needed, as UTF-8 may stand in quotes.
Who is to be answered, nonce counts and bodies are the caller's part.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from trunkline.wire.challenges import Challenge, parse_auth_parameters
from trunkline.wire.errors import BadChallenge
from trunkline.wire.fields import check_field_value
from trunkline.wire.mime import quote_string

Qop = Literal["auth", "auth-int"]

# RFC 7616 §6.1's registry and the names that aiohttp knows beside them, weakest first; hashlib's names.
_HASHES: Final = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA-256": "sha256",
    "SHA256": "sha256",
    "SHA-512-256": "sha512_256",
    "SHA-512": "sha512",
    "SHA512": "sha512",
}
_STRENGTH: Final = ("md5", "sha1", "sha256", "sha512_256", "sha512")
_SESSION: Final = "-SESS"  # RFC 7616 §3.4.2: a key made once of the first nonce and cnonce
_QOPS: Final[tuple[Qop, ...]] = ("auth", "auth-int")
_SHOWN: Final = 60  # characters of a server's text that a message repeats


@dataclass(frozen=True, slots=True)
class DigestChallenge:
    """What a server asks for. algorithm: as it wrote it, None when it did not. domain: URIs as they came."""

    realm: str
    nonce: str
    opaque: str | None = None
    algorithm: str | None = None
    qops: tuple[Qop, ...] = ()
    domain: tuple[str, ...] = ()
    stale: bool = False
    userhash: bool = False
    is_utf8: bool = False

    @property
    def hash_name(self) -> str:
        """The hash, by hashlib's name."""
        return _HASHES[(self.algorithm or "MD5").upper().removesuffix(_SESSION)]

    @property
    def strength(self) -> int:
        """Compares hashes: the greater, the stronger."""
        return _STRENGTH.index(self.hash_name)

    @property
    def is_session(self) -> bool:
        """True when the key is bound to the first nonce and cnonce."""
        return (self.algorithm or "").upper().endswith(_SESSION)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who answers. login: without ":" and control characters."""

    login: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What of the request is signed. uri: as in the request line. nc, cnonce: count and client's nonce of this nonce.

    body_hash: of the body, by the challenge's hash, in hex; only for auth-int.
    """

    method: str
    uri: str
    nc: int
    cnonce: str
    body_hash: str = ""


def strongest(challenges: Iterable[Challenge]) -> DigestChallenge | None:
    """Return the Digest challenge with the strongest hash, the first of equals; None when there is none.

    Raises BadChallenge when there are some, but none that can be answered.
    """
    best: DigestChallenge | None = None
    refusal: BadChallenge | None = None
    for challenge in challenges:
        if challenge.scheme != "digest":
            continue
        try:
            read = _read_challenge(challenge)
        except BadChallenge as error:
            refusal = refusal or error
            continue
        if best is None or read.strength > best.strength:
            best = read
    if best is None and refusal is not None:
        raise refusal
    return best


def _read_challenge(challenge: Challenge) -> DigestChallenge:
    """Read a Digest challenge (RFC 7616 §3.3). Raises BadChallenge, whose texts are aiohttp's."""
    given = challenge.parameters
    for name in ("realm", "nonce"):
        if name not in given:
            raise BadChallenge(f"Malformed Digest auth challenge: Missing {name!r} parameter")
    if not given["nonce"]:
        raise BadChallenge("Security issue: Digest auth challenge contains empty 'nonce' value")
    for name in ("realm", "nonce", "opaque"):
        try:
            check_field_value(given.get(name, ""))
        except ValueError as error:
            raise BadChallenge(f"Malformed Digest auth challenge: {error}") from error
    return DigestChallenge(
        realm=given["realm"],
        nonce=given["nonce"],
        opaque=given.get("opaque"),
        algorithm=_algorithm(given.get("algorithm", "")),
        qops=_qops(given.get("qop", "")),
        domain=tuple(given.get("domain", "").split()),
        stale=given.get("stale", "").lower() == "true",
        userhash=given.get("userhash", "").lower() == "true",
        is_utf8=given.get("charset", "").lower() == "utf-8",
    )


def _algorithm(text: str) -> str | None:
    if not text:
        return None
    name = _HASHES.get(text.upper().removesuffix(_SESSION))
    if name is None or name not in hashlib.algorithms_available:
        raise BadChallenge(
            f"Digest auth error: Unsupported hash algorithm: {text[:_SHOWN]}. "
            f"Supported algorithms: {', '.join(_HASHES)}, each also with {_SESSION}"
        )
    return text


def _qops(text: str) -> tuple[Qop, ...]:
    offered = {item.strip().lower() for item in text.split(",")} - {""}
    known = tuple(qop for qop in _QOPS if qop in offered)
    if offered and not known:
        raise BadChallenge(f"Digest auth error: Unsupported Quality of Protection (qop) value(s): {text[:_SHOWN]}")
    return known


def authorization(challenge: DigestChallenge, qop: Qop | None, credentials: Credentials, message: Message) -> str:
    """Return the value of the Authorization field that answers `challenge` (RFC 7616 §3.4)."""
    login, password = credentials.login, credentials.password
    if challenge.is_utf8:  # RFC 7616 §4: then in Normalization Form C; else the bytes as they were typed
        login, password = unicodedata.normalize("NFC", login), unicodedata.normalize("NFC", password)
    username = _hash(challenge, f"{login}:{challenge.realm}") if challenge.userhash else login
    response = _response(challenge, qop, f"{login}:{challenge.realm}:{password}", message)
    quoted = {
        "username": username,
        "realm": challenge.realm,
        "nonce": challenge.nonce,
        "uri": message.uri,
        "response": response,
    }
    if challenge.opaque is not None:
        quoted["opaque"] = challenge.opaque
    if qop is not None or challenge.is_session:  # the key needs it too (§3.4.2)
        quoted["cnonce"] = message.cnonce
    parts = [f"{name}={quote_string(value)}" for name, value in quoted.items()]
    if challenge.algorithm is not None:
        parts.append(f"algorithm={challenge.algorithm}")
    if qop is not None:
        parts += [f"qop={qop}", f"nc={message.nc:08x}"]
    if challenge.userhash:
        parts.append("userhash=true")
    return f"Digest {', '.join(parts)}"


def _response(challenge: DigestChallenge, qop: Qop | None, secret: str, message: Message) -> str:
    key = _hash(challenge, secret)
    if challenge.is_session:
        key = _hash(challenge, f"{key}:{challenge.nonce}:{message.cnonce}")
    signed = f"{message.method}:{message.uri}"
    if qop == "auth-int":
        signed = f"{signed}:{message.body_hash}"
    proof = f"{message.nc:08x}:{message.cnonce}:{qop}:" if qop is not None else ""
    return _hash(challenge, f"{key}:{challenge.nonce}:{proof}{_hash(challenge, signed)}")


def _hash(challenge: DigestChallenge, text: str) -> str:
    return new_hash(challenge, text.encode("utf-8", "surrogateescape")).hexdigest()


def new_hash(challenge: DigestChallenge, data: bytes = b"") -> "hashlib._Hash":
    """Begin a hash of the challenge's algorithm."""
    # Systems that forbid MD5 for security allow it here: the choice was the server's, which takes no other.
    return hashlib.new(challenge.hash_name, data, usedforsecurity=False)


def next_nonce(challenge: DigestChallenge, authentication_info: str) -> DigestChallenge:
    """Return `challenge` with the nonce that the server wants used from now on (RFC 7616 §3.5)."""
    nonce = parse_auth_parameters(authentication_info)[0].get("nextnonce")
    return replace(challenge, nonce=nonce) if nonce and nonce.isprintable() else challenge
