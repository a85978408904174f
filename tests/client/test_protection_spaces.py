"""Protection spaces: which URLs a challenge's `domain` covers, which space counts, and how many are kept."""

import pytest
from yarl import URL

from trunkline.client.protection_spaces import ProtectionSpaces
from trunkline.wire.digest import DigestChallenge
from trunkline.wire.limits import MAX_DIGEST_DOMAIN_URIS, MAX_DIGEST_SPACES

ANCHOR = URL("http://a")


@pytest.mark.parametrize(
    ("anchor", "domain", "url", "is_covered"),
    [
        ("http://a", (), "http://a/any/where", True),
        ("http://a", (), "http://a:8080/", False),
        ("http://a", (), "https://a/", False),
        ("http://a", ("/p",), "http://a/p", True),
        ("http://a", ("/p",), "http://a/p/q?r", True),
        ("http://a", ("/p",), "http://a/pq", False),
        ("http://a", ("/p/",), "http://a/p", False),
        ("http://a", ("http://b/p",), "http://b/p/1", True),
        ("http://a", ("http://b",), "http://b/1", True),
        ("http://a", ("https://b/",), "https://b/1", True),
        ("https://a", ("https://b/",), "https://b/1", True),
        ("https://a", ("http://b/",), "http://b/1", False),  # never into the clear
        ("https://a", ("http://a/",), "http://a/1", False),
        ("http://a", ("ftp://b/", "http://[::1", "mailto:x", "//"), "http://b/", False),
    ],
)
def test_a_space_is_what_its_domain_names(anchor: str, domain: tuple[str, ...], url: str, is_covered: bool) -> None:
    spaces = ProtectionSpaces(URL(anchor).origin())
    spaces.remember(URL(anchor).origin(), DigestChallenge("realm", "nonce", domain=domain))
    assert (spaces.find(URL(url)) is not None) == is_covered


def test_the_number_of_spaces_is_bounded() -> None:
    spaces = ProtectionSpaces(ANCHOR)
    for number in range(MAX_DIGEST_SPACES + 1):
        spaces.remember(ANCHOR, DigestChallenge(f"realm {number}", "nonce", domain=(f"/{number}",)))
    assert spaces.find(URL("http://a/0")) is None
    assert spaces.find(URL("http://a/1")) is not None


def test_the_number_of_uris_of_a_domain_is_bounded() -> None:
    spaces = ProtectionSpaces(ANCHOR)
    domain = tuple(f"/{number}" for number in range(MAX_DIGEST_DOMAIN_URIS + 1))
    spaces.remember(ANCHOR, DigestChallenge("realm", "nonce", domain=domain))
    assert spaces.find(ANCHOR / str(MAX_DIGEST_DOMAIN_URIS - 1)) is not None
    assert spaces.find(ANCHOR / str(MAX_DIGEST_DOMAIN_URIS)) is None


def test_the_newest_space_counts_and_one_of_the_own_origin_before_it() -> None:
    other = URL("http://b")
    spaces = ProtectionSpaces(ANCHOR)
    spaces.remember(other, DigestChallenge("b", "nonce"))
    spaces.remember(ANCHOR, DigestChallenge("a1", "nonce", domain=("/", "http://b/")))
    spaces.remember(ANCHOR, DigestChallenge("a2", "nonce", domain=("/", "http://b/")))
    found = [spaces.find(origin / "x") for origin in (ANCHOR, other)]
    assert [space and space.challenge.realm for space in found] == ["a2", "b"]


def test_what_was_refused_is_forgotten() -> None:
    spaces = ProtectionSpaces(ANCHOR)
    spaces.remember(ANCHOR, DigestChallenge("realm", "nonce"))
    space = spaces.find(ANCHOR)
    assert space is not None
    spaces.forget(space)
    spaces.forget(space)
    assert spaces.find(ANCHOR) is None
