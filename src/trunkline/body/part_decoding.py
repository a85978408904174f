"""What undoes `part_coding`: a part's transfer encoding first, then its content coding, in bounded steps.

Transfer encodings come from mail (RFC 2045 §6); content codings are those of whole messages (RFC 9110 §8.4).
Characters that base64 does not know are ignored, as RFC 2045 §6.8 demands; all other damage is an error.
"""

from __future__ import annotations

import binascii
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from trunkline import hdrs
from trunkline.wire.coding import Decoder, make_decoder
from trunkline.wire.errors import CodingError
from trunkline.wire.limits import MAX_DECODED_BODY_BYTES, MAX_DECODED_RATIO

_STEP_BYTES: Final = 2**16  # of encoded text at a time; well below a millisecond
_BASE64: Final = (string.ascii_letters + string.digits + "+/=").encode("ascii")
_NOT_BASE64: Final = bytes(set(range(256)) - set(_BASE64))


class UnknownEncoding(RuntimeError):
    """A part has an encoding that we cannot undo."""


Split = Callable[[bytes], tuple[bytes, bytes]]  # into what can be decoded by itself, and the few bytes behind


@dataclass(frozen=True, slots=True)
class _TransferDecoder:
    """Undoes a transfer encoding piece by piece."""

    decode: Callable[[bytes], bytes]
    flush: Callable[[], bytes]


def _split_base64(data: bytes) -> tuple[bytes, bytes]:
    characters = data.translate(None, _NOT_BASE64)
    whole = len(characters) - len(characters) % 4
    return characters[:whole], characters[whole:]


def _base64_decoder() -> _TransferDecoder:
    rest = b""
    is_padded = False

    def decode(data: bytes) -> bytes:
        nonlocal rest, is_padded
        whole, rest = _split_base64(rest + data)
        if whole and is_padded:
            raise CodingError("damaged base64 in a part: it goes on behind its padding")
        is_padded = is_padded or whole.endswith(b"=")
        return _decode_base64(whole)

    return _TransferDecoder(decode, lambda: _decode_base64(rest))


def _decode_base64(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error as error:
        raise CodingError(f"damaged base64 in a part: {error}") from error


def _split_quoted_printable(data: bytes) -> tuple[bytes, bytes]:
    cut = data.rfind(b"=", max(0, len(data) - 2))  # "=3D" and the line break behind "=" belong together
    return (data, b"") if cut < 0 else (data[:cut], data[cut:])


def _quoted_printable_decoder() -> _TransferDecoder:
    rest = b""

    def decode(data: bytes) -> bytes:
        nonlocal rest
        whole, rest = _split_quoted_printable(rest + data)
        return binascii.a2b_qp(whole)

    return _TransferDecoder(decode, lambda: binascii.a2b_qp(rest))


_TRANSFER_ENCODINGS: Final[Mapping[str, Callable[[], _TransferDecoder] | None]] = {
    "": None,
    "7bit": None,
    "8bit": None,
    "binary": None,
    "base64": _base64_decoder,
    "quoted-printable": _quoted_printable_decoder,
}
_SPLITS: Final[Mapping[str, Split]] = {"base64": _split_base64, "quoted-printable": _split_quoted_printable}


def transfer_split(headers: Mapping[str, str]) -> Split | None:
    """Return what cuts a part's text where it can be decoded; None when any place will do."""
    return _SPLITS.get(_name(headers, hdrs.CONTENT_TRANSFER_ENCODING))


class PartDecoder:
    """Decodes one part.

    has_content_coding: False leaves Content-Encoding alone, which a part of a form cannot have (RFC 7578 §4.8).
    Raises UnknownEncoding for an encoding that we do not have.
    """

    __slots__ = ("_content", "_received", "_transfer")

    def __init__(self, headers: Mapping[str, str], *, has_content_coding: bool) -> None:
        encoding = _name(headers, hdrs.CONTENT_TRANSFER_ENCODING)
        if encoding not in _TRANSFER_ENCODINGS:
            raise UnknownEncoding(f"unknown content transfer encoding: {encoding}")
        make_transfer = _TRANSFER_ENCODINGS[encoding]
        self._transfer = None if make_transfer is None else make_transfer()
        self._content = _content_decoder(headers) if has_content_coding else None
        self._received = 0

    def decode(self, data: bytes, max_bytes: int) -> Iterator[bytes]:
        """Yield what `data` brings, at most `max_bytes` at a time. Raises CodingError."""
        self._received += len(data)
        for start in range(0, len(data), _STEP_BYTES):
            step = data[start : start + _STEP_BYTES]
            yield from self._content_steps(step if self._transfer is None else self._transfer.decode(step), max_bytes)

    def finish(self, max_bytes: int) -> Iterator[bytes]:
        """Yield what was held back. Raises CodingError when the part was cut short."""
        if self._transfer is not None:
            yield from self._content_steps(self._transfer.flush(), max_bytes)
        if self._content is not None:
            self._content.finish()

    def whole(self, data: bytes, max_bytes: int) -> Iterator[bytes]:
        """Yield what `data`, all of the part, decodes to."""
        yield from self.decode(data, max_bytes)
        yield from self.finish(max_bytes)

    def check_growth(self, total: int) -> None:
        """Raise CodingError if `total` decoded bytes are too many for those that came, all held in memory."""
        if total > MAX_DECODED_BODY_BYTES and total > MAX_DECODED_RATIO * self._received:
            raise CodingError(
                f"a part of {self._received} bytes grew beyond {total} bytes when decoded; "
                "read it in portions with decode_iter() if that is expected"
            )

    def _content_steps(self, data: bytes, max_bytes: int) -> Iterator[bytes]:
        if self._content is None:
            for start in range(0, len(data), max_bytes):
                yield data[start : start + max_bytes]
            return
        self._content.feed(data)
        while piece := self._content.decode(max_bytes):
            yield piece


def _content_decoder(headers: Mapping[str, str]) -> Decoder | None:
    coding = _name(headers, hdrs.CONTENT_ENCODING)
    if coding in ("", "identity"):
        return None
    decoder = make_decoder([coding])
    if decoder is None:
        raise UnknownEncoding(f"unknown content encoding: {coding}")
    return decoder


def _name(headers: Mapping[str, str], field: str) -> str:
    return headers.get(field, "").strip().lower()
