"""`HarRecorder`: the exchanges of a session as an HTTP Archive, which browsers and proxies read (HAR 1.2, 2012-08-28).

A recorder is one of a session's `trace_configs`. It keeps the newest tries, each an entry of its own, whether it was a
redirect, a repetition or a failure; they become JSON when somebody asks. Credentials are left out unless they are
wanted, and so are bodies: of those, only what was sent with the head, or read at once, can be kept.
"""

import base64
import codecs
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from http.cookies import Morsel
from pathlib import Path
from typing import Any, Final

from trunkline.client.observe.recorder import Keeper
from trunkline.client.observe.redaction import is_secret_key, without_secret_keys
from trunkline.client.observe.timeline import BODY, CONNECT, DNS, SEND, TLS, TUNNEL, WAIT, Try
from trunkline.client.observe.try_record import TryRecord
from trunkline.client.tracing import TraceConfig
from trunkline.ground.product import __version__
from trunkline.ground.types import PathLike
from trunkline.wire.cookies import parse_cookie_date, parse_set_cookies
from trunkline.wire.h1.head import ResponseHead
from trunkline.wire.limits import MAX_HAR_ENTRIES
from trunkline.wire.request_cookies import parse_cookie_field
from trunkline.wire.version import HttpVersion

REDACTED: Final = "[redacted]"
SECRET_FIELDS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_USERINFO_RE: Final = re.compile(r"(?<=//)[^/?#\s]*@")  # RFC 3986 §3.2; a raw @ may be part of it

_Json = dict[str, Any]  # Any: what JSON holds
_Pair = tuple[str, str]  # a field's name and value


class HarRecorder(TraceConfig):
    """Keeps what a session sends and receives; give it in `trace_configs`. One may serve several sessions.

    max_entries: the newest that are kept. max_body_bytes: of each body; 0 for none. redact: put "[redacted]" in the
    place of Authorization, Cookie, Set-Cookie and Proxy-Authorization, of the fields named in `secret_fields`, and of
    keys in queries (access_token, signature and the like), and leave out the user and password of URLs. Bodies are kept
    as they are.
    """

    def __init__(
        self,
        *,
        max_entries: int = MAX_HAR_ENTRIES,
        max_body_bytes: int = 0,
        redact: bool = True,
        secret_fields: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.max_body_bytes = max_body_bytes
        self._secrets = SECRET_FIELDS.union(name.lower() for name in secret_fields) if redact else frozenset()
        self._records: deque[TryRecord] = deque(maxlen=max_entries)
        self._seen = 0

    def _keeper_of(self, trace_config_ctx: object) -> Keeper:
        """Return this recorder; the session asks."""
        return self

    def keep(self, record: TryRecord) -> None:
        """Take a try that begins; the session calls this."""
        self._records.append(record)
        self._seen += 1

    def clear(self) -> None:
        """Forget all that was kept."""
        self._records.clear()
        self._seen = 0

    def har(self) -> _Json:
        """Return the archive as JSON's values; an entry that is under way is told as far as it has come."""
        log: _Json = {
            "version": "1.2",
            "creator": {"name": "trunkline", "version": __version__},
            "entries": [_Entry(record, self._secrets, self.max_body_bytes).render() for record in self._records],
        }
        lost = self._seen - len(self._records)
        if lost:
            log["comment"] = f"{lost} older entries were dropped (max_entries={self._records.maxlen})"
        return {"log": log}

    def save(self, path: PathLike) -> None:
        """Write the archive to a file; blocks while it is written."""
        Path(path).write_text(json.dumps(self.har(), indent=1), encoding="ascii")


class _Entry:
    """One try on its way to JSON. secrets: names of fields whose values are not told; empty to tell all."""

    def __init__(self, record: TryRecord, secrets: frozenset[str], max_body_bytes: int) -> None:
        self._record = record
        self._secrets = secrets
        self._max_body_bytes = max_body_bytes

    def render(self) -> _Json:
        record = self._record
        timings = _timings(record.as_value(record.began_at))
        entry: _Json = {
            "startedDateTime": record.began.isoformat(timespec="milliseconds"),
            "time": round(sum(each for name, each in timings.items() if each >= 0 and name != "ssl"), 3),
            "request": self._request(),
            "response": self._response(record.head),
            "cache": {},
            "timings": timings,
        }
        ends = record.endpoints
        if ends is not None and ends.peer_port is not None:
            entry["serverIPAddress"] = ends.peer
        if ends is not None and ends.local_port is not None:
            entry["connection"] = str(ends.local_port)
        if record.ended_at is None:
            entry["comment"] = "still under way"
        return entry

    def _request(self) -> _Json:
        record = self._record
        pairs = [pair for block in record.blocks for pair in block.pairs]
        cookies = [pair for _, value in _called("cookie", pairs) for pair in parse_cookie_field(value).items()]
        request: _Json = {
            "method": record.method,
            "url": self._clean(str(record.url)),
            "httpVersion": _version(record.version_sent),
            "cookies": [{"name": name, "value": self._cookie("cookie", value)} for name, value in cookies],
            "headers": self._headers([("Host", record.target.authority), *pairs] if record.blocks else []),
            "queryString": [self._parameter(name, value) for name, value in record.url.query.items()],
            "headersSize": record.head_bytes,
            "bodySize": record.request_body_bytes,
        }
        if record.request_body_bytes:
            request["postData"] = self._post_data(pairs)
        return request

    def _post_data(self, pairs: Sequence[_Pair]) -> _Json:
        kept = self._record.request_body[: self._max_body_bytes]
        data = {"mimeType": _first("content-type", pairs), "text": kept.decode("utf-8", "replace")}
        if len(kept) < self._record.request_body_bytes:
            data["comment"] = f"{len(kept)} of {self._record.request_body_bytes} bytes were kept"
        return data

    def _response(self, head: ResponseHead | None) -> _Json:
        fields = [] if head is None else head.fields
        morsels, _ = parse_set_cookies(value for _, value in _called("set-cookie", fields))
        response: _Json = {
            "status": 0 if head is None else head.status,
            "statusText": "" if head is None else _as_text(head.reason),
            "httpVersion": "" if head is None else _version(head.version),
            "cookies": [self._set_cookie(morsel) for morsel in morsels],
            "headers": self._headers(fields),
            "content": self._content(fields),
            "redirectURL": self._clean(_first("location", fields)),
            "headersSize": -1,  # not known: a head is parsed as it comes
            "bodySize": -1 if head is None else self._record.body_bytes,
        }
        if self._record.error is not None:
            response["_error"] = self._clean(self._record.error)  # where Chromium puts it, too
        return response

    def _content(self, fields: Sequence[_Pair]) -> _Json:
        record = self._record
        size = record.body_bytes if record.body_size is None else record.body_size
        content: _Json = {"size": size, "mimeType": _first("content-type", fields)}
        if record.body is None or not self._max_body_bytes:
            return content
        kept = record.body[: self._max_body_bytes]
        is_whole = len(kept) == size
        try:
            content["text"] = codecs.getincrementaldecoder("utf-8")().decode(kept, final=is_whole)
        except UnicodeDecodeError:
            content["text"] = base64.b64encode(kept).decode("ascii")
            content["encoding"] = "base64"
        if not is_whole:
            content["comment"] = f"{len(kept)} of {size} bytes were kept"
        return content

    # What must not be told.

    def _headers(self, fields: Iterable[_Pair]) -> list[_Json]:
        return [
            {"name": name, "value": REDACTED if name.lower() in self._secrets else self._clean(value)}
            for name, value in fields
        ]

    def _cookie(self, field: str, value: str) -> str:
        return REDACTED if field in self._secrets else value

    def _set_cookie(self, morsel: Morsel[str]) -> _Json:
        cookie: _Json = {"name": morsel.key, "value": self._cookie("set-cookie", morsel.value)}
        cookie.update((name, morsel[name]) for name in ("path", "domain") if morsel[name])
        expires = parse_cookie_date(morsel["expires"])
        if expires is not None:
            cookie["expires"] = datetime.fromtimestamp(expires, UTC).isoformat()
        return cookie | {"httpOnly": bool(morsel["httponly"]), "secure": bool(morsel["secure"])}

    def _clean(self, text: str) -> str:
        text = _as_text(text)
        return without_secret_keys(_USERINFO_RE.sub("", text), REDACTED) if self._secrets else text

    def _parameter(self, name: str, value: str) -> _Json:
        return {"name": name, "value": REDACTED if self._secrets and is_secret_key(name) else value}


def _as_text(value: str) -> str:
    """Return `value` with a replacement for bytes that were no UTF-8, which strict readers of JSON refuse."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _timings(each: Try) -> dict[str, float]:
    """Return milliseconds; -1 for what was not done. `connect` includes `ssl`, as the format wants it."""
    connecting = [part for name in (CONNECT, TUNNEL, TLS) if (part := each.seconds(name)) is not None]
    parts = {
        "dns": each.seconds(DNS),
        "connect": sum(connecting) if connecting else None,
        "send": each.seconds(SEND) or 0.0,
        "wait": each.seconds(WAIT) or 0.0,
        "receive": each.seconds(BODY) or 0.0,
        "ssl": each.seconds(TLS),
    }
    accounted = sum(part for name, part in parts.items() if part is not None and name != "ssl")
    parts = {"blocked": max(each.end_s - each.start_s - accounted, 0.0), **parts}
    return {name: -1 if part is None else round(part * 1000, 3) for name, part in parts.items()}


def _called(name: str, fields: Iterable[_Pair]) -> Iterator[_Pair]:
    return (field for field in fields if field[0].lower() == name)


def _first(name: str, fields: Iterable[_Pair]) -> str:
    return next(_called(name, fields), (name, ""))[1]


def _version(version: HttpVersion) -> str:
    return f"HTTP/{version.major}.{version.minor}" if version.major < 2 else f"HTTP/{version.major}"
