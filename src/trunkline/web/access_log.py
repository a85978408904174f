r"""`AccessLogger`: one line for each answered request (format: aiohttp's logging.rst).

A format is compiled once into a template and one getter for each atom; a line costs the getters that its format names
and nothing else. What a peer wrote is escaped as Apache's mod_log_config does, so that it can neither begin a line of
its own, nor end a quoted field, nor steer a terminal. An error in here is logged and never reaches the request.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from functools import lru_cache, partial
from time import localtime, time as now
from typing import Any, ClassVar, Final, NamedTuple

from trunkline.abc import AbstractAccessLogger
from trunkline.wire.limits import MAX_ACCESS_LOG_FORMATS

# Any: a request or response of the user's own will do; seconds come last.
_Getter = Callable[[Any, Any, float], object]

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Controls, what ends a line for some reader, lone surrogates that no log file can encode, and the two that quote.
_ESCAPED: Final = re.compile('[\x00-\x1f"\\\\\x7f-\x9f\u2028\u2029\ud800-\udfff]')


class _Atom(NamedTuple):
    key: str  # in the record's `extra`
    name: str | None  # of the header field, for atoms of one
    get: _Getter


class _CompiledFormat(NamedTuple):
    template: str
    atoms: tuple[_Atom, ...]


class AccessLogger(AbstractAccessLogger):
    """Logs at INFO, with each value under its name in the record's `extra` as well."""

    LOG_FORMAT: ClassVar[str] = '%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"'
    LOG_FORMAT_MAP: ClassVar[dict[str, str]] = {
        "a": "remote_address",
        "t": "request_start_time",
        "P": "process_id",
        "r": "first_request_line",
        "s": "response_status",
        "b": "response_size",
        "T": "request_time",
        "Tf": "request_time_frac",
        "D": "request_time_micro",
        "i": "request_header",
        "o": "response_header",
    }
    FORMAT_RE: ClassVar[re.Pattern[str]] = re.compile(r"%(?:(%)|\{([A-Za-z0-9\-_]+)\}([io])|(Tf?|[atPrsbD]))")
    CLEANUP_RE: ClassVar[re.Pattern[str]] = re.compile("%")  # doubled in the text between atoms, for the template

    __slots__ = ("_atoms", "_template")

    def __init__(self, logger: logging.Logger, log_format: str = LOG_FORMAT) -> None:
        super().__init__(logger, log_format)
        self._template, self._atoms = self.compile_format(log_format)

    def compile_format(self, log_format: str) -> tuple[str, tuple[_Atom, ...]]:
        """Return the template of a line and the atoms that fill it."""
        return _compile(log_format)

    @property
    def enabled(self) -> bool:
        """True when the logger takes INFO."""
        return self.logger.isEnabledFor(logging.INFO)

    def log(self, request: Any, response: Any, time: float) -> None:
        """Log `request` and its `response`, which took `time` seconds."""
        try:
            values: list[object] = []
            extra: dict[str, Any] = {}  # Any: values, and dicts of the values of header fields
            for key, name, get in self._atoms:
                value = get(request, response, time)
                values.append(value)
                if name is None:
                    extra[key] = value
                else:
                    extra.setdefault(key, {})[name] = value
            line = self._template % tuple(values)
            self.logger.info(line, extra=extra)
        except Exception:
            self.logger.exception("Error in logging")


@lru_cache(MAX_ACCESS_LOG_FORMATS)
def _compile(log_format: str) -> _CompiledFormat:
    atoms: list[_Atom] = []
    template = ""
    at = 0
    for found in AccessLogger.FORMAT_RE.finditer(log_format):
        template += AccessLogger.CLEANUP_RE.sub("%%", log_format[at : found.start()])
        at = found.end()
        percent, field, direction, letter = found.groups()
        if percent:
            template += "%%"
            continue
        template += "%s"
        key = AccessLogger.LOG_FORMAT_MAP[direction or letter]
        get = partial(_FIELD_GETTERS[direction], field) if field else _GETTERS[letter]
        atoms.append(_Atom(key, field, get))
    return _CompiledFormat(template + AccessLogger.CLEANUP_RE.sub("%%", log_format[at:]), tuple(atoms))


def _escape(text: str) -> str:
    return _ESCAPED.sub(_escape_one, text)


def _escape_one(found: re.Match[str]) -> str:
    character = found[0]
    if character in '"\\':
        return f"\\{character}"
    return character.encode("unicode_escape").decode("ascii")


def _remote(request: Any, response: Any, seconds: float) -> str:
    remote = None if request is None else request.remote
    return "-" if remote is None else _escape(remote)


def _start_time(request: Any, response: Any, seconds: float) -> str:
    return _timestamp(int(now() - seconds))


@lru_cache(2)  # requests that end together began within a second or two
def _timestamp(second: int) -> str:
    t = localtime(second)
    # No strftime: %b would follow the locale.
    minutes = abs(t.tm_gmtoff) // 60
    zone = f"{'-' if t.tm_gmtoff < 0 else '+'}{minutes // 60:02}{minutes % 60:02}"
    return f"[{t.tm_mday:02}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}:{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} {zone}]"


def _process_id(request: Any, response: Any, seconds: float) -> str:
    return f"<{os.getpid()}>"


def _request_line(request: Any, response: Any, seconds: float) -> str:
    if request is None:
        return "-"
    version = request.version
    return f"{request.method} {_escape(request.raw_path)} HTTP/{version.major}.{version.minor}"


def _status(request: Any, response: Any, seconds: float) -> object:
    return response.status


def _size(request: Any, response: Any, seconds: float) -> object:
    return response.body_length


def _seconds(request: Any, response: Any, seconds: float) -> str:
    return str(round(seconds))


def _seconds_with_fraction(request: Any, response: Any, seconds: float) -> str:
    return f"{seconds:06f}"


def _microseconds(request: Any, response: Any, seconds: float) -> str:
    return str(round(seconds * 1_000_000))


def _request_field(name: str, request: Any, response: Any, seconds: float) -> str:
    return "(no headers)" if request is None else _escape(request.headers.get(name, "-"))


def _response_field(name: str, request: Any, response: Any, seconds: float) -> str:
    return _escape(response.headers.get(name, "-"))


_GETTERS: Final[dict[str, _Getter]] = {
    "a": _remote,
    "t": _start_time,
    "P": _process_id,
    "r": _request_line,
    "s": _status,
    "b": _size,
    "T": _seconds,
    "Tf": _seconds_with_fraction,
    "D": _microseconds,
}
# Any: as above.
_FIELD_GETTERS: Final[dict[str, Callable[[str, Any, Any, float], str]]] = {
    "i": _request_field,
    "o": _response_field,
}
