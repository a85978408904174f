"""The file in which a jar's cookies outlive the process: JSON, and for reading also the pickles of old.

The JSON has the shape of aiohttp 3.14's, so that its files can be read: "domain|path" -> name -> cookie.
Pickles go through an unpickler that knows the classes of cookies and nothing else, since any other could run
code. A file is read whole or not at all. Applies no bound on the number of cookies: the store does.
"""

import io
import json
import math
import os
import pickle
from collections import defaultdict
from collections.abc import Iterable, Iterator
from http.cookies import BaseCookie, CookieError, Morsel, SimpleCookie
from pathlib import Path
from typing import Any, Final

from trunkline.client.cookie_store import StoredCookie
from trunkline.wire.cookies import check_cookies, make_morsel

_ATTRIBUTES: Final = ("path", "domain", "secure", "httponly", "samesite")

_PICKLED_CLASSES: Final = {
    ("collections", "defaultdict"): defaultdict,
    ("http.cookies", "BaseCookie"): BaseCookie,
    ("http.cookies", "SimpleCookie"): SimpleCookie,
    ("http.cookies", "Morsel"): Morsel,
}


class _CookieUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in _PICKLED_CLASSES:
            raise pickle.UnpicklingError(f"{module}.{name} is no class of cookies")
        return _PICKLED_CLASSES[module, name]


def write_cookies(file_path: str | os.PathLike[str], cookies: Iterable[StoredCookie]) -> None:
    """Write `cookies` as JSON; a new file is readable by its owner alone, for cookies are credentials."""
    document: dict[str, dict[str, dict[str, object]]] = {}
    for cookie in cookies:
        document.setdefault(f"{cookie.domain}|{cookie.path}", {})[cookie.name] = _to_entry(cookie)
    with open(file_path, "w", encoding="utf-8", opener=_open_private) as file:
        json.dump(document, file, indent=2)


def read_cookies(file_path: str | os.PathLike[str]) -> list[StoredCookie]:
    """Read the cookies that `write_cookies`, or aiohttp, has written.

    Raises ValueError when the file holds anything else.
    """
    data = Path(file_path).read_bytes()
    try:
        document = json.loads(data)
    except ValueError:
        return _read_pickle(data, file_path)
    try:
        return [_from_entry(entry) for cookies in document.values() for entry in cookies.values()]
    except (AttributeError, CookieError, KeyError, OverflowError, TypeError, ValueError) as exc:
        raise ValueError(f"{os.fspath(file_path)!r} is JSON, but not that of a cookie jar: {exc!r}") from exc


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _to_entry(cookie: StoredCookie) -> dict[str, object]:
    morsel = cookie.morsel
    entry: dict[str, object] = {"key": morsel.key, "value": morsel.value, "coded_value": morsel.coded_value}
    entry.update({name: morsel[name] for name in _ATTRIBUTES if morsel[name]})
    if cookie.host_only:
        entry["host_only"] = True
    if cookie.expires_at != math.inf:
        entry["expires_timestamp"] = cookie.expires_at
    return entry


# Any: whatever JSON may hold; the conversions below raise when it is not what they need.
def _from_entry(entry: dict[str, Any]) -> StoredCookie:
    morsel = make_morsel(str(entry["key"]), str(entry["value"]), str(entry["coded_value"]))
    for name in _ATTRIBUTES:
        morsel[name] = entry.get(name, "")
    return _to_stored(morsel, bool(entry.get("host_only")), float(entry.get("expires_timestamp", math.inf)))


def _to_stored(morsel: Morsel[str], host_only: bool, expires_at: float) -> StoredCookie:
    (checked,) = check_cookies([("", morsel)], quote=True)
    domain, path = str(checked["domain"]).lower(), str(checked["path"])
    return StoredCookie(checked, domain, path or "/", host_only, bool(checked["secure"]), expires_at)


def _read_pickle(data: bytes, file_path: str | os.PathLike[str]) -> list[StoredCookie]:
    try:
        return list(_from_pickle(_CookieUnpickler(io.BytesIO(data)).load()))
    except Exception as exc:  # damaged pickles raise nearly anything
        raise ValueError(f"{str(file_path)!r} is neither JSON nor a pickle of cookies: {exc!r}") from exc


def _from_pickle(document: dict[tuple[str, str], SimpleCookie]) -> Iterator[StoredCookie]:
    """Yield the cookies of a legacy file, which told neither when they expire nor that they are host-only."""
    for (domain, path), cookies in document.items():
        for morsel in cookies.values():
            morsel["domain"] = morsel["domain"] or domain
            morsel["path"] = morsel["path"] or path or "/"
            yield _to_stored(morsel, False, math.inf)
