"""The values of single fields: dates, ranges, entity tags, links, media types, Forwarded, a WebSocket's extensions.

Each is read from the same input. Nothing but what a reader says that it raises may come out of it, and what is written
from a reading is read as the same again; oracle: `email.utils` for dates.
"""

from datetime import UTC
from email.utils import parsedate_to_datetime

from yarl import URL

from trunkline.client.links import parse_links
from trunkline.web.forwarded import parse_forwarded
from trunkline.wire.conditional import format_http_date, parse_http_date, select_range
from trunkline.wire.errors import BadHandshake
from trunkline.wire.etag import parse_etags, render_etag
from trunkline.wire.mime import parse_mimetype, quote_string, unquote_string
from trunkline.wire.negotiation import rank_codings
from trunkline.wire.ws.extensions import accept_deflate, choose_deflate

_OFFERED = ("zstd", "br", "gzip", "deflate")
_BASE = URL("http://base.example/")
_FILE_BYTES = 1000


def check(data: bytes) -> None:
    """Whatever a peer writes into a field is read, or refused in the way that its reader announces."""
    value = data.decode("utf-8", "surrogateescape")
    _check_date(value)
    _check_range(value)
    _check_etags(value)
    _check_extensions(value)
    ranked = rank_codings(value, _OFFERED)
    assert set(ranked) <= set(_OFFERED)
    assert len(set(ranked)) == len(ranked)
    parse_mimetype(value)
    _check_links(value)
    parse_forwarded(value.split("\n"))
    assert unquote_string(quote_string(value)) == value


def _check_date(value: str) -> None:
    moment = parse_http_date(value)
    if moment is None:
        return
    written = format_http_date(moment)
    assert parse_http_date(written) == moment, written
    assert parsedate_to_datetime(written).astimezone(UTC) == moment, written


def _check_range(value: str) -> None:
    for field in (value, f"bytes={value}"):
        try:
            wanted = select_range(field, _FILE_BYTES)
        except ValueError:
            continue
        assert wanted is None or 0 <= wanted.start < wanted.stop <= _FILE_BYTES


def _check_etags(value: str) -> None:
    etags = parse_etags(value)
    written = ", ".join(render_etag(etag) for etag in etags if etag.value != "*")
    assert parse_etags(written) == tuple(etag for etag in etags if etag.value != "*")


def _check_links(value: str) -> None:
    for link in parse_links([value], _BASE).values():
        assert str(link["url"])


def _check_extensions(value: str) -> None:
    terms = choose_deflate([value])
    if terms is not None:
        assert choose_deflate([terms.render()]) == terms, terms.render()
    try:
        accepted = accept_deflate([value], offered_bits=15)
    except BadHandshake:
        return
    assert accepted is None or 9 <= accepted.window_bits(is_server=False) <= 15
