"""A server that demands Digest authentication and believes nothing: it reads and computes RFC 7616 by itself."""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

from tests.web.serving import serving
from trunkline import web

# RFC 7616 §3.4: which parameters are quoted-strings, and which are tokens
QUOTED = {"username", "realm", "nonce", "uri", "response", "cnonce", "opaque"}
_PARAMETER = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))(?:, |\Z)')


@dataclass(frozen=True)
class Demand:
    """What the server asks for. uses: of one nonce, before it is stale."""

    algorithms: Sequence[str] = ("MD5",)
    qop: str = "auth"
    realm: str = "a realm"
    extra: str = ""
    userhash: bool = False
    uses: int = 10**9


@dataclass
class Seen:
    """One request as it came. verdict: why it was refused, "" when it was let in."""

    method: str
    target: str
    body: bytes
    verdict: str
    parameters: dict[str, str] = field(default_factory=dict)


class DigestServer:
    """Lets `login` with `password` in, and answers with the body of the request. seen: what came, in order."""

    def __init__(self, demand: Demand | None = None, login: str = "user", password: str = "pass") -> None:
        self.demand = demand or Demand()
        self.login = login
        self.password = password
        self.opaque = base64.b64encode(secrets.token_bytes(9)).decode() + '"\\'
        self.counts: dict[str, set[int]] = {}  # by nonce
        self.keys: dict[str, str] = {}  # of sessions, by nonce (§3.4.2)
        self.seen: list[Seen] = []
        self.answer_fields: dict[str, str] = {}
        self.routes: dict[str, web.HTTPException] = {}
        self.connections: set[object] = set()
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        served = await self._exits.enter_async_context(serving(self._handle))
        self.port = served.port
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._exits.aclose()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def verdicts(self) -> list[str]:
        return [seen.verdict for seen in self.seen]

    def nonce(self) -> str:
        """Make a nonce, with what must be escaped in it."""
        nonce = f'{secrets.token_hex(8)}"\\'
        self.counts[nonce] = set()
        return nonce

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        self.connections.add(request.transport)
        route = self.routes.get(request.path)
        if route is not None:
            raise route
        body = await request.read()
        seen = Seen(request.method, request.raw_path, body, "")
        self.seen.append(seen)
        given = request.headers.get("Authorization")
        seen.verdict = "none" if given is None else self._verdict(given, seen)
        if seen.verdict:
            return self._refusal(is_stale=seen.verdict == "stale")
        return web.Response(body=b"in: " + body, headers=self.answer_fields)

    def _refusal(self, *, is_stale: bool) -> web.Response:
        response = web.Response(status=401, text="who are you?" * 100)
        for algorithm in self.demand.algorithms:
            parts = [f'realm="{_escaped(self.demand.realm)}"', f'nonce="{_escaped(self.nonce())}"']
            parts += [f'opaque="{_escaped(self.opaque)}"', f"algorithm={algorithm}"] if algorithm else []
            parts += [f'qop="{self.demand.qop}"'] if self.demand.qop else []
            parts += ["stale=true"] if is_stale else []
            parts += ["userhash=true"] if self.demand.userhash else []
            parts += [self.demand.extra] if self.demand.extra else []
            response.headers.add("WWW-Authenticate", "Digest " + ", ".join(parts))
        return response

    def _verdict(self, given: str, seen: Seen) -> str:
        scheme, _, rest = given.partition(" ")
        if scheme != "Digest" or _PARAMETER.sub("", rest):
            return "malformed"
        for found in _PARAMETER.finditer(rest):
            if (found[2] is not None) != (found[1] in QUOTED) or found[1] in seen.parameters:
                return f"malformed {found[1]}"
            seen.parameters[found[1]] = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
        return self._mismatch(seen) or self._replay(seen)

    def _mismatch(self, seen: Seen) -> str:
        got = seen.parameters
        algorithm = got.get("algorithm", "")
        login = self.login
        if self.demand.userhash:
            login = _digest(algorithm, f"{self.login}:{self.demand.realm}")
        wanted = {
            "username": login,
            "realm": self.demand.realm,
            "uri": seen.target,
            "opaque": self.opaque if algorithm else None,
            "userhash": "true" if self.demand.userhash else None,
            "response": self._response(algorithm, seen),
        }
        if algorithm not in self.demand.algorithms:
            return "algorithm"
        if (got.get("qop") or "") not in self.demand.qop.split(","):
            return "qop"
        if got["nonce"] not in self.counts:
            return "nonce"
        return next((name for name, value in wanted.items() if got.get(name) != value), "")

    def _response(self, algorithm: str, seen: Seen) -> str:
        got = seen.parameters
        nonce, qop = got["nonce"], got.get("qop", "")
        key = _digest(algorithm, f"{self.login}:{self.demand.realm}:{self.password}")
        if algorithm.lower().endswith("-sess"):
            key = self.keys.setdefault(nonce, _digest(algorithm, f"{key}:{nonce}:{got['cnonce']}"))
        signed = f"{seen.method}:{seen.target}"
        if qop == "auth-int":
            signed += ":" + _digest(algorithm, seen.body)
        middle = f"{got['nc']}:{got['cnonce']}:{qop}:" if qop else ""
        return _digest(algorithm, f"{key}:{nonce}:{middle}{_digest(algorithm, signed)}")

    def _replay(self, seen: Seen) -> str:
        counts = self.counts[seen.parameters["nonce"]]
        count = int(seen.parameters.get("nc", str(len(counts) + 1)), 16)
        if count in counts:
            return "replay"
        if len(counts) >= self.demand.uses:
            return "stale"
        counts.add(count)
        return ""


def _digest(algorithm: str, data: str | bytes) -> str:
    name = algorithm.lower().removesuffix("-sess") or "md5"
    known = {"sha": "sha1", "sha-256": "sha256", "sha-512": "sha512", "sha-512-256": "sha512_256"}
    return hashlib.new(known.get(name, name), data.encode() if isinstance(data, str) else data).hexdigest()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
