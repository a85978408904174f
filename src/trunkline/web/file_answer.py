"""What to answer with a file: status, fields, and which of its bytes (RFC 9110 §13, §14).

One plain function does all that may wait for a disk, and is meant for a thread: it looks the file up, takes
a precompressed sibling (`app.js.br`) when the client accepts it, evaluates the request's conditions, and
reads what is small. So a small file costs one trip to a thread. Only regular files are ever opened, and
siblings that are symbolic links are not. Does not send: see `file_response`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import mimetypes
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from multidict import MultiMapping

from trunkline import hdrs
from trunkline.wire.conditional import (
    ETag,
    Validators,
    Verdict,
    check_preconditions,
    format_http_date,
    is_range_wanted,
    render_etag,
    select_range,
)
from trunkline.wire.negotiation import rank_codings

# Read at once, in the thread that opens the file. What is longer, the operating system sends with less copying.
SMALL_BYTES: Final = 2**16

_SUFFIXES: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}  # in the order that we prefer
_DEFAULT_TYPE: Final = "application/octet-stream"
# A compressed file that is asked for by its own name: the compression is its type, not a coding to be undone.
_COMPRESSED_TYPES: Final = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
    "zstd": "application/zstd",
}
# Types of the web that `mimetypes` of Python 3.11 does not know, or knows by an obsolete name. (RFC 9239, 8081, 9649)
_WEB_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".webp": "image/webp",
}

# A name that cannot exist does not exist; EINVAL is what Windows says of one.
_MISSING: Final = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM}

# Should a FIFO or a terminal have taken the file's place since we looked: do not wait for it, nor let it own us.
_OPEN_FLAGS: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_NO_SYMLINK: Final = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class FileQuestion:
    """What a request wants of the file at `path`.

    status: of the answer, if nothing is against it; only a 200 is subject to conditions and ranges.
    is_coded: a content coding is set already. is_transformed: the bytes will be encoded on their way.
    """

    path: str
    method: str
    headers: MultiMapping[str]
    status: int = 200
    is_coded: bool = False
    is_transformed: bool = False


@dataclass(slots=True)
class FileAnswer:
    """What to send: the bytes at `positions`, which are in `content`, or in `file`, which the receiver must close.

    Both are None when no body is to be sent.
    """

    status: int
    fields: dict[str, str] = field(default_factory=dict)
    positions: range = range(0)
    content: bytes | None = None
    file: BinaryIO | None = None


def answer_file(question: FileQuestion) -> FileAnswer:
    """Open the file and decide. A file that must not or cannot be served is a 403 or 404, without fields."""
    try:
        file, coding, is_variable = _open_best(question)
    except (OSError, ValueError) as exc:
        return FileAnswer(_status_of(exc))
    with contextlib.ExitStack() as stack:
        stack.enter_context(file)
        answer = _decide(question, os.fstat(file.fileno()), coding)
        if is_variable:
            answer.fields[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if not answer.positions or question.method == hdrs.METH_HEAD:
            return answer
        if len(answer.positions) <= SMALL_BYTES:
            file.seek(answer.positions.start)
            answer.content = file.read(len(answer.positions))
        else:
            stack.pop_all()
            answer.file = file
    return answer


def _status_of(exc: OSError | ValueError) -> int:
    if isinstance(exc, OSError) and exc.errno in _FORBIDDEN:
        return 403
    if isinstance(exc, OSError) and exc.errno not in _MISSING:
        raise exc
    return 404  # a ValueError is a NUL or a lone surrogate, which no file's name holds


def _open_best(question: FileQuestion) -> tuple[BinaryIO, str | None, bool]:
    """Open the file or its best sibling; return it, its coding, and whether others would get something else."""
    if question.is_coded or question.is_transformed:
        return _open_regular(question.path), None, False
    siblings = dict(_siblings(question.path))
    for coding in rank_codings(question.headers.get(hdrs.ACCEPT_ENCODING, ""), siblings):
        with contextlib.suppress(OSError):  # gone, or not readable: the next will do
            return _open_regular(siblings[coding], _NO_SYMLINK), coding, True
    return _open_regular(question.path), None, bool(siblings)


def _siblings(path: str) -> Iterator[tuple[str, str]]:
    for coding, suffix in _SUFFIXES.items():
        with contextlib.suppress(OSError):
            # A link may lead out of a directory that the caller checked `path` to be in. (CVE-2024-42367)
            if stat.S_ISREG(os.lstat(path + suffix).st_mode):
                yield coding, path + suffix


def _open_regular(path: str, flags: int = 0) -> BinaryIO:
    # Looked at before it is opened, which alone may set a device in motion; and after, as it may be another by then.
    _check_regular(os.stat(path), path)
    # Buffered for its lock: closed while a thread still reads it, it would hand its descriptor to another file.
    file = open(path, "rb", opener=lambda name, mode: os.open(name, mode | _OPEN_FLAGS | flags))  # noqa: SIM115
    try:
        _check_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def _check_regular(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise PermissionError(errno.EPERM, "not a regular file", path)


def _decide(question: FileQuestion, file_status: os.stat_result, coding: str | None) -> FileAnswer:
    validators = _validators(file_status, question.is_transformed)
    fields: dict[str, str] = {
        hdrs.ETAG: render_etag(validators.etag),
        hdrs.LAST_MODIFIED: format_http_date(validators.modified_at),
    }
    # Conditions and ranges are about a GET or HEAD that would succeed. (RFC 9110 §13.2.1, §14.2)
    is_plain = question.status == 200 and question.method in (hdrs.METH_GET, hdrs.METH_HEAD)
    verdict = check_preconditions(question.headers, validators) if is_plain else Verdict.PROCEED
    if verdict is Verdict.FAILED:
        return FileAnswer(412)
    if verdict is Verdict.NOT_MODIFIED:
        return FileAnswer(304, fields)
    fields[hdrs.CONTENT_TYPE] = guess_type(question.path)
    if coding is not None:
        fields[hdrs.CONTENT_ENCODING] = coding
    answer = FileAnswer(question.status, fields, range(file_status.st_size))
    if is_plain and not question.is_transformed:
        fields[hdrs.ACCEPT_RANGES] = "bytes"
        if question.method == hdrs.METH_GET and is_range_wanted(question.headers, validators):
            return _cut(answer, question.headers[hdrs.RANGE])
    return answer


def _validators(file_status: os.stat_result, is_transformed: bool) -> Validators:
    """Tell by time and size: whoever changes a file in place, keeping both, is not noticed."""
    etag = ETag(f"{file_status.st_mtime_ns:x}-{file_status.st_size:x}", is_weak=is_transformed)
    # A whole second, lest the date be later than it is; nor may it lie in the future. (RFC 9110 §8.8.2.1)
    return Validators(etag, min(file_status.st_mtime_ns // 10**9, int(time.time())))


def _cut(answer: FileAnswer, range_field: str) -> FileAnswer:
    size = len(answer.positions)
    try:
        part = select_range(range_field, size)
    except ValueError:
        return FileAnswer(416, {hdrs.CONTENT_RANGE: f"bytes */{size}"})
    if part is None:
        return answer
    answer.fields[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return FileAnswer(206, answer.fields, part)


def guess_type(path: str) -> str:
    """Return the media type that the extension of `path` stands for."""
    media_type, compression = _types().guess_type(path)
    if compression is not None:
        return _COMPRESSED_TYPES.get(compression, _DEFAULT_TYPE)
    return media_type or _DEFAULT_TYPE


@functools.cache
def _types() -> mimetypes.MimeTypes:
    # Our own: those of the module differ from machine to machine, and Windows lets any program change them.
    types = mimetypes.MimeTypes()
    types.encodings_map = {**types.encodings_map, ".zst": "zstd"}
    for extension, media_type in _WEB_TYPES.items():
        types.add_type(media_type, extension)
    return types
