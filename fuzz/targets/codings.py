"""Content codings: our stepwise decoders against the libraries' one-shot ones (RFC 9110 §8.4.1).

The first byte chooses the codings and the size of a step, the rest is the body.
"""

import zlib
from collections.abc import Callable

from fuzz.cuts import cuts
from trunkline.wire.coding import make_decoder, make_encoder
from trunkline.wire.errors import CodingError
from trunkline.wire.limits import MAX_DECODE_STEP_BYTES, MAX_ZSTD_WINDOW_LOG
from trunkline.wire.optional import load_brotli, load_zstd

brotli, zstd = load_brotli(), load_zstd()

_MAX_BYTES = 4 * 1024 * 1024  # of one body; more is not looked at, since the oracles would hold it all
_STEPS = (1, 3, 4096, MAX_DECODE_STEP_BYTES)
_MAX_SMALL_STEPS = 20_000  # enough for what a body of a few KiB holds, and a tenth of a second


def check(data: bytes) -> None:
    """What is decoded is what the library decodes, however it is cut; what we encode comes back."""
    choice, body = (data[0], data[1:]) if data else (0, b"")
    names = _CODINGS[choice % len(_CODINGS)]
    whole = _decode(names, [body], MAX_DECODE_STEP_BYTES)
    for portions in cuts(body):
        assert _same(names, _decode(names, portions, MAX_DECODE_STEP_BYTES), whole), "cuts make a difference"
    step = _STEPS[choice // len(_CODINGS) % len(_STEPS)]
    if whole is None or len(whole) <= step * _MAX_SMALL_STEPS:
        assert _same(names, _decode(names, [body], step), whole), "the size of a step makes a difference"
    if len(names) == 1:
        _compare(names[0], body, whole)
    _check_round_trip(names, body)


def _decode(names: tuple[str, ...], portions: list[bytes], step: int) -> bytes | None:
    """Return the decoded body, or its beginning when it is large; None when it is damaged or cut short."""
    decoder = make_decoder(names)
    assert decoder is not None
    decoded = bytearray()
    try:
        for portion in portions:
            decoder.feed(portion)
            while output := decoder.decode(step):
                assert len(output) <= step, "more than was asked for"
                decoded += output
                if len(decoded) > _MAX_BYTES:
                    return bytes(decoded[:_MAX_BYTES])
            assert not decoder.has_pending, "nothing came, and more was promised"
        decoder.finish()
    except CodingError:
        return None
    return bytes(decoded)


def _compare(name: str, body: bytes, ours: bytes | None) -> None:
    if not body:
        assert ours == b"", "a body without a byte is whole"
        return
    if ours is not None and len(ours) == _MAX_BYTES:
        return
    try:
        theirs = _ORACLES[name](body)
    except (zlib.error, brotli.error, zstd.ZstdError, ValueError):
        theirs = None
    assert _same((name,), ours, theirs), f"{name}: {ours!r:.80} is not {theirs!r:.80}"


def _same(names: tuple[str, ...], one: bytes | None, other: bytes | None) -> bool:
    # libzstd compares a frame with the size in its header only where it has the whole frame at once.
    return one == other or ("zstd" in names and None in (one, other))


def _gunzip(body: bytes) -> bytes:
    """Decode the members one after the other; not by `gzip`, which takes headers that RFC 1952 §2.3.1.2 forbids."""
    pieces = []
    while body:
        member = zlib.decompressobj(zlib.MAX_WBITS + 16)
        pieces.append(member.decompress(body))
        if not member.eof:
            raise ValueError("cut short")
        body = member.unused_data.lstrip(b"\0")
    return b"".join(pieces)


def _inflate(body: bytes) -> bytes:
    stream = zlib.decompressobj(zlib.MAX_WBITS if body[0] & 0x0F == 8 else -zlib.MAX_WBITS)
    inflated = stream.decompress(body)
    if not stream.eof or stream.unused_data:
        raise ValueError("cut short, or something behind it")
    return inflated


def _unbrotli(body: bytes) -> bytes:
    return bytes(brotli.decompress(body))


def _unzstd(body: bytes) -> bytes:
    return bytes(zstd.decompress(body, options={zstd.DecompressionParameter.window_log_max: MAX_ZSTD_WINDOW_LOG}))


_ORACLES: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
_CODINGS = (*((name,) for name in _ORACLES), ("gzip", "deflate"), ("br", "gzip"), ("zstd", "br"), ("deflate", "zstd"))


def _check_round_trip(names: tuple[str, ...], body: bytes) -> None:
    encoded = body
    for name in names:
        encoder = make_encoder(name)
        encoded = encoder.encode(encoded) + encoder.flush()
    assert _decode(names, [encoded], MAX_DECODE_STEP_BYTES) == body
