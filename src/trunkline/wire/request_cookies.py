"""The Cookie field of a request, read by a server (RFC 6265bis §5.8.3).

Lenient as servers must be: pairs end at semicolons whatever stands between, as browsers wrote them, so no
quote can swallow the cookies that follow it (PortSwigger's "cookie sandwich"). Double-quoted values are those
of `http.cookies`, and come back as they were before quoting. One pass; the bound is that of the field's line.
Set-Cookie, and what clients send, are in `cookies`.
"""

from __future__ import annotations

from typing import Final

from trunkline.wire.cookies import unquote_value

_WSP: Final = " \t"


def parse_cookie_field(value: str) -> dict[str, str]:
    """Return the cookies by name; the last of a name wins, and a pair without a name is left out."""
    cookies: dict[str, str] = {}
    for pair in value.split(";"):
        name, _, coded_value = pair.partition("=")
        if name := name.strip(_WSP):
            cookies[name] = unquote_value(coded_value.strip(_WSP))
    return cookies
