"""Protection spaces: where the answer to one Digest challenge may be sent (RFC 7616 §3.3, §3.6).

Credentials belong to the origin of the first request, the anchor. Another origin gets nothing, unless a challenge of
the anchor named it in `domain`; its own challenges cannot name further ones. A server that falls back to a weaker hash
is answered, with a warning in the log: the fault is more often a changed setting than an attack, and an attacker on the
way could have offered the weak hash at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from yarl import URL

from trunkline.ground.logs import client_logger
from trunkline.wire.digest import DigestChallenge
from trunkline.wire.limits import MAX_DIGEST_DOMAIN_URIS, MAX_DIGEST_SPACES


@dataclass(frozen=True, slots=True)
class Space:
    """URLs that begin with one of `prefixes`, and the challenge of `origin` that they share."""

    origin: URL
    prefixes: tuple[URL, ...]
    challenge: DigestChallenge

    def covers(self, url: URL) -> bool:
        """True when `url` is in the space."""
        return any(_is_below(url, prefix) for prefix in self.prefixes)


class ProtectionSpaces:
    """The spaces that are known, at most one for each realm of an origin, within a bound."""

    def __init__(self, anchor: URL) -> None:
        self.anchor = anchor
        self._spaces: dict[tuple[URL, str], Space] = {}  # by origin and realm, the newest last

    def find(self, url: URL) -> Space | None:
        """Return the newest space that covers `url`, of its own origin if there is one."""
        spaces = [space for space in reversed(self._spaces.values()) if space.covers(url)]
        own = [space for space in spaces if space.origin == url.origin()]
        return next(iter(own or spaces), None)

    def remember(self, origin: URL, challenge: DigestChallenge) -> None:
        """Note that the answer to `challenge` was accepted at `origin`."""
        key = origin, challenge.realm
        old = self._spaces.pop(key, None)
        if old is not None and challenge.strength < old.challenge.strength:
            client_logger.warning(
                "%s: Digest realm %r went down from %s to %s; somebody on the way may have changed the challenge",
                origin,
                challenge.realm,
                old.challenge.hash_name,
                challenge.hash_name,
            )
        self._spaces[key] = Space(origin, tuple(self._prefixes(origin, challenge)), challenge)
        if len(self._spaces) > MAX_DIGEST_SPACES:
            del self._spaces[next(iter(self._spaces))]

    def forget(self, space: Space) -> None:
        """Note that the answer to its challenge was refused."""
        self._spaces.pop((space.origin, space.challenge.realm), None)

    def _prefixes(self, origin: URL, challenge: DigestChallenge) -> Iterator[URL]:
        if not challenge.domain:
            yield origin
        for uri in islice(challenge.domain, MAX_DIGEST_DOMAIN_URIS):
            try:
                url = origin.join(URL(uri))
                is_own = url.origin() == origin
            except (ValueError, IndexError):  # IndexError: yarl's, for some hosts with a bracket in the middle
                continue
            # Only the anchor names other origins, and from https nothing leads to http.
            if is_own or (origin == self.anchor and url.scheme in (origin.scheme, "https")):
                yield url


def _is_below(url: URL, prefix: URL) -> bool:
    if url.origin() != prefix.origin():
        return False
    path, base = url.raw_path or "/", prefix.raw_path or "/"
    return path == base or path.startswith(base if base.endswith("/") else f"{base}/")
