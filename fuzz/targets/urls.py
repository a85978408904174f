"""URLs to request targets and back (RFC 3986, RFC 9112 §3.2); oracles: httptools, our own server, `ipaddress`.

The input is what a user asks for, or a server's Location. Whoever sends requests must connect to the host that every
other reader of the URL sees in it.
"""

from ipaddress import ip_address

import httptools
from yarl import URL

from trunkline.client.auth import split_credentials
from trunkline.client.errors import InvalidURL, NonHttpUrlClientError
from trunkline.client.target import Prepared, check_scheme, prepare
from trunkline.wire.h1.render import render_request_head
from trunkline.wire.h1.request_head import parse_request_head
from trunkline.wire.limits import MAX_FIELD_BYTES, MAX_FIELDS
from trunkline.wire.message import RequestHead

_BASE = URL("http://base.example/a/b?c")


def check(data: bytes) -> None:
    """A URL is refused, or becomes one request to one host, which a server reads as it was meant."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        url = URL(text)
        url = url if url.scheme else _BASE.join(url)
        str(url)  # join() may return what cannot be written: of `//[:-2]:` it drops the brackets
    except (ValueError, IndexError):  # IndexError: of yarl's, for `//a[b]@/`
        return
    try:
        check_scheme(url)
        prepared = prepare(split_credentials(url)[0])
    except (InvalidURL, NonHttpUrlClientError):
        return
    _check_request(prepared)
    _check_host(text, prepared.key.host)


def _check_request(prepared: Prepared) -> None:
    target = prepared.target
    wire = render_request_head(RequestHead("GET", target, []))
    assert wire.endswith(b"\r\n\r\n")
    assert wire.count(b"\r\n") == 3, f"{wire!r} has lines that nobody wrote"
    head = parse_request_head(wire[:-4], len(wire), MAX_FIELD_BYTES, MAX_FIELDS)
    assert head.target == target.path
    assert head.host == target.authority
    assert prepared.key.port is None or 0 <= prepared.key.port < 65536


def _check_host(text: str, host: str) -> None:
    host, *_ = host.split("%")  # an IPv6 zone is for the resolver alone
    assert not set(host) & set("/\\?#@[]\0\r\n \t"), f"host {host!r}"
    if host.rpartition(".")[2].isdigit() or ":" in host:
        ip_address(host)
    if not text.isascii() or not text.isprintable() or not text.lower().startswith(("http://", "https://")):
        return
    try:
        theirs = httptools.parse_url(text.encode()).host
    except httptools.HttpParserInvalidURLError:
        return
    if theirs is not None:
        assert _same_form(theirs.decode()) == _same_form(host), f"{text!r}: {host!r}, others {theirs!r}"


def _same_form(host: str) -> str:
    """Return a host so that two ways to write one are equal, without an IPv6 zone."""
    return str(ip_address(host.split("%")[0])) if ":" in host else host.lower().rstrip(".")
