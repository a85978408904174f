"""Credentials of a host from the user's .netrc file, for sessions with `trust_env`.

$NETRC names the file, else it is ~/.netrc (~/_netrc on Windows). Python's own parser reads it. What was read is kept
as long as the file stays the same, so a request costs one stat(). A file that cannot be used is worth a warning, but
no error; one that is not there is worth it only when it was named.
"""

import os
from netrc import NetrcParseError, netrc
from typing import Final, NamedTuple

from trunkline.client.auth import BasicAuth
from trunkline.ground.logs import client_logger

_USUAL: Final = "~/_netrc" if os.name == "nt" else "~/.netrc"


class _Look(NamedTuple):
    """What was found at `path`. stamp: tells one state of the file from another; None when there is none."""

    path: str
    stamp: tuple[int, int, int] | None
    entries: netrc | None


_latest = _Look("", None, None)


def netrc_auth(host: str) -> BasicAuth | None:
    """Return the credentials for `host`: those of its entry, else of the default entry, else None."""
    named = os.environ.get("NETRC")
    look = _look_at(named or os.path.expanduser(_USUAL), is_named=bool(named))
    found = look.entries.authenticators(host) if look.entries is not None else None
    if found is None:
        return None
    login, account, password = found
    login, password = login or account or "", password or ""
    encoding = "latin1" if _is_latin1(login + password) else "utf-8"
    # As `BasicAuth(…)`, which warns that it is deprecated.
    return BasicAuth._make((login, password, encoding))


def _is_latin1(text: str) -> bool:
    try:
        text.encode("latin1")
    except UnicodeEncodeError:
        return False
    return True


def _look_at(path: str, *, is_named: bool) -> _Look:
    """Return what is at `path` now; read it if it has changed since it was read."""
    global _latest
    latest = _latest
    try:
        status = os.stat(path)
    except OSError as error:
        if is_named and latest[:2] != (path, None):
            client_logger.warning("Could not read .netrc file: %s (named by $NETRC)", error)
        _latest = _Look(path, None, None)
        return _latest
    stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
    if latest[:2] != (path, stamp):
        latest = _latest = _Look(path, stamp, _read(path))
    return latest


def _read(path: str) -> netrc | None:
    try:
        return netrc(path)
    except NetrcParseError as error:
        # The error's own text shows what it stumbled over, which may be a password.
        client_logger.warning("Could not parse .netrc file: see line %s of %s", error.lineno, path)
    except (OSError, UnicodeDecodeError) as error:
        client_logger.warning("Could not read .netrc file: %s", error)
    return None
