"""`DigestAuthMiddleware`: answers Digest challenges, and signs further requests unasked (RFC 7616).

A challenge is answered once, and once more when the server calls the nonce stale: whoever refuses twice gets no third
answer. Only challenges whose answer was accepted are remembered. A count is kept for every nonce, so that no two
requests send the same one. Who may be answered at all is `protection_spaces`' part, the fields are `wire/digest`'s. The
server's own proof (`rspauth`) is not checked.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from yarl import URL

from trunkline import hdrs
from trunkline.client.body_hash import hash_body
from trunkline.client.errors import ClientError
from trunkline.client.middlewares import ClientHandlerType
from trunkline.client.protection_spaces import ProtectionSpaces, Space
from trunkline.client.redirects import drain
from trunkline.client.request import ClientRequest
from trunkline.client.response import ClientResponse
from trunkline.ground.logs import client_logger
from trunkline.wire.challenges import parse_challenges
from trunkline.wire.digest import (
    Credentials,
    DigestChallenge,
    Message,
    Qop,
    authorization,
    new_hash,
    next_nonce,
    strongest,
)
from trunkline.wire.errors import BadChallenge
from trunkline.wire.fields import check_field_value
from trunkline.wire.limits import MAX_DIGEST_NONCES

MAX_ANSWERS: Final = 2  # to a fresh challenge, and to one that calls our nonce stale (RFC 7616 §3.3)


@dataclass(slots=True)
class _Nonce:
    """What was sent with one nonce of a server. One cnonce for all: -sess keys are bound to it."""

    cnonce: str
    count: int = 0


class DigestAuthMiddleware:
    """Answers Digest challenges with `login` and `password`; pass it in `middlewares=`.

    preemptive: sign later requests to the same protection space without waiting for a challenge. The origin of the
    first request is the one that the credentials are for.
    """

    def __init__(self, login: str, password: str, preemptive: bool = True) -> None:
        """Raises ValueError or TypeError for a login or password that cannot be sent."""
        _check("login", login)
        _check("password", password)
        if ":" in login:
            raise ValueError('A ":" is not allowed in username (RFC 1945#section-11.1)')
        check_field_value(login)
        self._credentials = Credentials(login, password)
        self._preemptive = preemptive
        self._spaces: ProtectionSpaces | None = None  # of the first request's origin
        self._nonces: dict[str, _Nonce] = {}  # the one used last is last

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send `request`, and again when it is challenged.

        Raises ClientError when the challenges are malformed or ask for what is not known. A body that can be read only
        once is not sent again: then the 401 is the response.
        """
        origin = request.url.origin()
        spaces = self._spaces = self._spaces or ProtectionSpaces(origin)
        space = spaces.find(request.url)
        if space is None and origin != spaces.anchor:
            return await handler(request)
        if space is not None and self._preemptive:
            await self._sign(request, space.challenge)
        response = await handler(request)
        answered = None
        for _ in range(MAX_ANSWERS):
            challenge = await self._answer(request, response, is_second=answered is not None)
            if challenge is None:
                break
            answered = challenge
            response = await handler(request)
        _learn(spaces, origin, space, answered, response)
        return response

    async def _answer(
        self, request: ClientRequest, response: ClientResponse, *, is_second: bool
    ) -> DigestChallenge | None:
        """Sign `request` for the challenge in `response`, which is let go; None when there is nothing to answer."""
        if response.status != 401:
            return None
        try:
            challenge = strongest(parse_challenges(response.headers.getall(hdrs.WWW_AUTHENTICATE, ())))
            if challenge is None or (is_second and not challenge.stale):
                return None
            if not request.can_replay:
                client_logger.warning(
                    "%s %s: its body can be read only once, so the Digest challenge cannot be answered; "
                    "send bytes or a seekable file, or make a request without a body before",
                    request.method,
                    request.url,
                )
                return None
            if not await self._sign(request, challenge):
                return None
        except BadChallenge as error:
            response.release()
            raise ClientError(str(error)) from error
        except BaseException:
            response.release()
            raise
        await drain(response)
        return challenge

    async def _sign(self, request: ClientRequest, challenge: DigestChallenge) -> bool:
        """Set the Authorization field; False when the server insists on a hash of the body, and there can be none."""
        qop: Qop | None = None
        body_hash = ""
        if "auth-int" in challenge.qops and _has_hashable_body(request):
            qop = "auth-int"
            body_hash = await hash_body(request.body, new_hash(challenge))
        elif "auth" in challenge.qops:
            qop = "auth"
        elif challenge.qops:
            client_logger.warning(
                "%s %s: the server accepts only qop=auth-int, and the body cannot be hashed before it is sent",
                request.method,
                request.url,
            )
            return False
        nonce = self._nonce(challenge.nonce)
        nonce.count += 1
        message = Message(request.method, request.url.raw_path_qs, nonce.count, nonce.cnonce, body_hash)
        request.headers[hdrs.AUTHORIZATION] = authorization(challenge, qop, self._credentials, message)
        return True

    def _nonce(self, nonce: str) -> _Nonce:
        state = self._nonces.pop(nonce, None) or _Nonce(secrets.token_hex(16))
        self._nonces[nonce] = state
        if len(self._nonces) > MAX_DIGEST_NONCES:
            del self._nonces[next(iter(self._nonces))]
        return state


def _learn(
    spaces: ProtectionSpaces,
    origin: URL,
    space: Space | None,
    answered: DigestChallenge | None,
    response: ClientResponse,
) -> None:
    """Remember what was accepted, forget what was refused."""
    if response.status == 401:
        if space is not None:
            spaces.forget(space)
        return
    challenge = answered or (None if space is None else space.challenge)
    info = response.headers.get(hdrs.AUTHENTICATION_INFO)
    if challenge is not None and (answered is not None or info is not None):
        spaces.remember(origin, challenge if info is None else next_nonce(challenge, info))


def _check(name: str, value: object) -> None:
    if value is None:
        raise ValueError(f'None is not allowed as {name} value; use "" for an empty one')
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")


def _has_hashable_body(request: ClientRequest) -> bool:
    return request.can_replay and request.compress is None  # a body compressed on its way is not known before
