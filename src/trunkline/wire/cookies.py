"""Cookies on the wire: the Set-Cookie and Cookie fields, and what a cookie's domain and path match.

Reads Set-Cookie by the lenient algorithm that browsers share (RFC 6265bis §5), not by `http.cookies`, which
stops at the first character it dislikes. What a server sent is kept in `Morsel.coded_value` and goes back
as it came; `Morsel.value` is the same without quoting. Cookies that users set are checked strictly, since
nothing else stands between them and the wire. Does not store cookies, and knows no clock: see
`client/cookiejar`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from http.cookies import Morsel, SimpleCookie
from typing import Final

from trunkline.wire.errors import BadCookie
from trunkline.wire.limits import (
    MAX_COOKIE_ATTRIBUTE_BYTES,
    MAX_COOKIE_ATTRIBUTES,
    MAX_COOKIE_BYTES,
    MAX_COOKIES_PER_RESPONSE,
)

_WSP: Final = " \t"
_CONTROL_RE: Final = re.compile(r"[\x00-\x1f\x7f]")
# cookie-name = token (RFC 6265bis §4.1.1), and ":", which http.cookies takes too.
_NAME_RE: Final = re.compile(r"[!#$%&'*+\-.^_`|~:0-9A-Za-z]+")
_MAX_AGE_RE: Final = re.compile(r"-?[0-9]+")

# cookie-date (RFC 6265bis §5.1.1); each production may be followed by a non-digit and anything.
# Tokens are told by what is no delimiter: the class of all other characters takes 3 ms to compile.
DATE_TOKENS_RE: Final = re.compile(r"[^\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
DATE_HMS_TIME_RE: Final = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
DATE_DAY_OF_MONTH_RE: Final = re.compile(r"([0-9]{1,2})(?![0-9])")
DATE_MONTH_RE: Final = re.compile(r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
DATE_YEAR_RE: Final = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_quoter: Final = SimpleCookie()  # its value_encode() is the public way to the quoting of http.cookies
_ESCAPE_RE: Final = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")


def quote_value(value: str) -> str:
    """Return `value` in the double-quoted form of `http.cookies` if it holds more than token characters."""
    return _quoter.value_encode(value)[1]


def unquote_value(coded_value: str) -> str:
    """Undo `quote_value`; what is not in double quotes stays as it is."""
    if len(coded_value) < 2 or not (coded_value[0] == coded_value[-1] == '"'):
        return coded_value
    # Not by http.cookies, whose time was quadratic until Python 3.12.6. (CVE-2024-7592)
    return _ESCAPE_RE.sub(lambda match: chr(int(match[1], 8)) if match[1] else match[2], coded_value[1:-1])


def make_morsel(name: str, value: str, coded_value: str) -> Morsel[str]:
    """Build a Morsel with any name, even one that `Morsel.set` refuses though browsers take it (`a[b]`)."""
    morsel: Morsel[str] = Morsel()
    state = {"key": name, "value": value, "coded_value": coded_value}
    morsel.__setstate__(state)  # type: ignore[attr-defined]  # public, but missing from typeshed
    return morsel


def parse_set_cookie(field: str) -> Morsel[str]:
    """Read one Set-Cookie field (RFC 6265bis §5.6).

    Attributes that the RFC says to ignore are left out of the Morsel.
    Raises BadCookie when the whole field is to be ignored. So is a cookie without a name (RFC 6265 §5.2):
    sent back as a bare value, it could pass for any other cookie.
    """
    if _CONTROL_RE.search(field.replace("\t", " ")):  # HTAB is allowed
        raise BadCookie("a control character in the field")
    pair, *attributes = field.split(";", MAX_COOKIE_ATTRIBUTES + 1)
    name, _, coded_value = pair.partition("=")
    name, coded_value = name.strip(_WSP), coded_value.strip(_WSP)
    if "=" not in pair or not name:
        raise BadCookie("no name")
    if "\t" in name or "\t" in coded_value:
        raise BadCookie("an inner HTAB, which the Morsels of newer Pythons refuse to hold")
    if _octets(name) + _octets(coded_value) > MAX_COOKIE_BYTES:
        raise BadCookie(f"name and value of more than {MAX_COOKIE_BYTES} octets")
    value = unquote_value(coded_value)
    morsel = make_morsel(name, coded_value if _CONTROL_RE.search(value) else value, coded_value)
    for attribute in attributes[:MAX_COOKIE_ATTRIBUTES]:
        _add_attribute(morsel, attribute)
    return morsel


def parse_set_cookies(fields: Iterable[str]) -> tuple[list[Morsel[str]], list[BadCookie]]:
    """Read a response's Set-Cookie fields: return the cookies, and why others were ignored."""
    morsels: list[Morsel[str]] = []
    refused: list[BadCookie] = []
    for field in fields:
        if len(morsels) == MAX_COOKIES_PER_RESPONSE:
            refused.append(BadCookie(f"more than {MAX_COOKIES_PER_RESPONSE} cookies in one response"))
            break
        try:
            morsels.append(parse_set_cookie(field))
        except BadCookie as exc:
            refused.append(exc)
    return morsels, refused


def render_cookie_field(morsels: Iterable[Morsel[str]]) -> str:
    """Return the value of the Cookie field that carries `morsels` (RFC 6265bis §5.8.3)."""
    return "; ".join([f"{morsel.key}={morsel.coded_value}" for morsel in morsels])


def check_cookies(cookies: Mapping[str, object] | Iterable[tuple[str, object]], *, quote: bool) -> list[Morsel[str]]:
    """Turn cookies that a user set into Morsels of their own, safe to render.

    cookies: values are Morsels or anything with a `str()`. A Morsel brings its own name.
    quote: False asks for values without double quotes, wherever they can be sent so.
    Raises BadCookie, a ValueError, for what would break out of the field or of its place in it.
    """
    pairs = cookies.items() if isinstance(cookies, Mapping) else cookies
    return [
        _check_morsel(value, quote) if isinstance(value, Morsel) else _check_text(name, str(value), quote)
        for name, value in pairs
    ]


def parse_cookie_date(text: str) -> int | None:
    """Return the Unix time that `text` means (RFC 6265bis §5.1.1), or None if it is no date."""
    found: dict[str, re.Match[str]] = {}
    for token in DATE_TOKENS_RE.findall(text):
        for part, pattern in _DATE_PARTS:
            if part not in found and (match := pattern.match(token)):
                found[part] = match
                break
    if len(found) < len(_DATE_PARTS):
        return None
    year = int(found["year"][1])
    if year <= 99:
        year += 1900 if year >= 70 else 2000
    if year < 1601:
        return None
    month = _MONTHS.index(found["month"][1].lower()) + 1
    day = int(found["day"][1])
    hour, minute, second = map(int, found["time"].groups())
    is_date = 1 <= day <= _days_in_month(year, month) and hour <= 23 and minute <= 59 and second <= 59
    return ((_days_before(year, month, day) * 24 + hour) * 60 + minute) * 60 + second if is_date else None


def _days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days_before(year: int, month: int, day: int) -> int:
    """Count the days from 1970-01-01 to a Gregorian date; `datetime` could, for half a megabyte on every import."""
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += sum(_days_in_month(year, each) for each in range(1, month))
    return days + day - 1 - 719_162  # days from 0001-01-01 to 1970-01-01


def is_secure_name(name: str) -> bool:
    """Tell whether a cookie named so must be Secure (RFC 6265bis §4.1.3)."""
    return name.lower().startswith(("__secure-", "__host-"))


def is_host_name(name: str) -> bool:
    """Tell whether a cookie named so must also be host-only, with the path "/" (RFC 6265bis §4.1.3.2)."""
    return name.lower().startswith("__host-")


def domain_matches(host: str, domain: str) -> bool:
    """Tell whether `host`, a name in lower case, is `domain` or below it (RFC 6265bis §5.1.3)."""
    return host == domain or host.endswith(f".{domain}")


def path_matches(request_path: str, cookie_path: str) -> bool:
    """Tell whether `request_path` is `cookie_path` or below it (RFC 6265bis §5.1.4)."""
    if not request_path.startswith(cookie_path):
        return False
    return len(request_path) == len(cookie_path) or cookie_path.endswith("/") or request_path[len(cookie_path)] == "/"


def default_path(request_path: str) -> str:
    """Return the path of a cookie whose Path attribute is missing (RFC 6265bis §5.1.4)."""
    if not request_path.startswith("/"):
        return "/"
    return request_path[: request_path.rindex("/")] or "/"


_DATE_PARTS: Final = (  # in the order in which a token is tried
    ("time", DATE_HMS_TIME_RE),
    ("day", DATE_DAY_OF_MONTH_RE),
    ("month", DATE_MONTH_RE),
    ("year", DATE_YEAR_RE),
)

_FLAGS: Final = frozenset({"secure", "httponly", "partitioned"})

# What is kept of an attribute's value; None: as if the attribute were missing. (RFC 6265bis §5.6.1 to §5.6.7)
_ATTRIBUTES: Final[dict[str, Callable[[str], str | None]]] = {
    "expires": lambda value: None if parse_cookie_date(value) is None else value,
    "max-age": lambda value: value if _MAX_AGE_RE.fullmatch(value) else None,
    "domain": lambda value: value,
    "path": lambda value: value if value.startswith("/") else "",
    "samesite": lambda value: value if value.lower() in ("strict", "lax", "none") else None,
}


def _add_attribute(morsel: Morsel[str], attribute: str) -> None:
    # A blank is as good: no domain or path holds either, and dates are split at both.
    key, _, value = attribute.replace("\t", " ").partition("=")
    key, value = key.strip(_WSP).lower(), value.strip(_WSP)
    if key in _FLAGS and morsel.isReservedKey(key):  # "partitioned" is known since Python 3.14
        morsel[key] = True
    elif key in _ATTRIBUTES and _octets(value) <= MAX_COOKIE_ATTRIBUTE_BYTES:
        kept = _ATTRIBUTES[key](value)
        if kept is not None:
            morsel[key] = kept


def _check_text(name: str, value: str, quote: bool) -> Morsel[str]:
    if not _NAME_RE.fullmatch(name):
        raise BadCookie(f"cookie name {name[:40]!r}; wanted one or more letters, digits and !#$%&'*+-.^_`|~:")
    if _CONTROL_RE.search(value):
        raise BadCookie(f"control character in the value of cookie {name!r}; encode it, say with Base64")
    coded_value = quote_value(value) if quote else value
    if ";" in coded_value:
        raise BadCookie(f"';' in the value of cookie {name!r}; encode it, or set quote_cookie=True")
    morsel = make_morsel(name, value, coded_value)
    # Who writes such a name means what it promises, and a plain string leaves no other way to say so.
    if is_secure_name(name):
        morsel["secure"] = True
    if is_host_name(name):
        morsel["path"] = "/"
    return morsel


def _check_morsel(morsel: Morsel[str], quote: bool) -> Morsel[str]:
    name, value, coded_value = morsel.key, morsel.value, morsel.coded_value
    if not quote and not _breaks_out(value):
        coded_value = value
    if not name or name.strip(_WSP) != name or "=" in name or _breaks_out(name):
        raise BadCookie(f"cookie name {name!r:.40}; wanted no control character, '=', ';' or outer blank")
    if _breaks_out(coded_value):
        raise BadCookie(f"control character or ';' in the coded value of cookie {name[:40]!r}; quote it")
    checked = make_morsel(name, value, coded_value)
    checked.update(morsel)
    return checked


def _breaks_out(text: str) -> bool:
    return ";" in text or _CONTROL_RE.search(text) is not None


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
