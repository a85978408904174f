"""The forms in which the path of a route or a request is compared, written and handed to users (RFC 3986 §2).

Routes are found in the *matching form*: percent-decoded, except that %2F and %25 stay, so that an encoded slash never
splits a segment and nothing is decoded twice. Links are written in the *encoded form*. Values for handlers have no
encoding left. A path without "%" is its own matching form, and most are: that test is what a request pays.
"""

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from yarl import URL

_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_PATH_CHARS = "/!$&'()*+,;=:@~"  # pchar and "/" (RFC 3986 §3.3); quote() adds the other unreserved ones


class Targeted(Protocol):
    """What of a request's head names its resource."""

    @property
    def target(self) -> str: ...

    @property
    def url(self) -> URL: ...


@dataclass(frozen=True, slots=True)
class Outline:
    """What is sure about a path that a resource matches, split at "/"; None stands for any segment.

    is_open: more segments may follow.
    """

    segments: tuple[str | None, ...]
    is_open: bool


ANY_PATH = Outline((), is_open=True)


def requested_path(head: Targeted) -> str:
    """Return the path of a request in matching form."""
    path = head.target.partition("?")[0]
    if path.startswith("/") and "%" not in path and "#" not in path:
        return path
    return matching_form(raw_requested_path(head))


def raw_requested_path(head: Targeted) -> str:
    """Return the path of a request as it came, without query; `*` and an authority stand for themselves."""
    target = head.target
    if target.startswith("/"):
        return target.partition("?")[0].partition("#")[0]
    return head.url.raw_path if head.url.scheme else target


def matching_form(path: str) -> str:
    """Return `path`, percent-encoded or not, in the form that paths are compared in."""
    if "%" not in path:
        return path
    return URL.build(path=_LONE_PERCENT.sub("%25", path), encoded=True).path_safe


def encoded_form(path: str) -> str:
    """Return `path`, percent-encoded or not, as it stands in a URL."""
    return quote(matching_form(path), safe=_PATH_CHARS + "%")


def decoded_value(text: str) -> str:
    """Return a part of a path in matching form without what is left of percent-encoding."""
    return text.replace("%2F", "/").replace("%25", "%")
