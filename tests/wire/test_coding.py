"""Content codings: the libraries' one-shot functions are the oracle for our stepwise ones."""

import gzip
import itertools
import random
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, strategies as st

from trunkline.wire import optional
from trunkline.wire.coding import Decoder, accept_encoding, make_decoder, make_encoder
from trunkline.wire.errors import CodingError
from trunkline.wire.limits import MAX_BARREN_BYTES, MAX_CODINGS, MAX_DECODE_STEP_BYTES, MAX_EMPTY_MEMBERS

brotli = optional.load_brotli()
zstd = optional.load_zstd()

Compress = Callable[[bytes], bytes]


def bare_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def gzip_members(data: bytes) -> bytes:
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


def zstd_frames(data: bytes) -> bytes:
    half = len(data) // 2
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"  # RFC 8878 §3.1.2
    return b"".join([zstd.compress(data[:half]), skippable, zstd.compress(data[half:])])


FORMS: dict[str, tuple[str, Compress]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "gzip, members": ("gzip", gzip_members),
    "gzip, zeros at the end": ("gzip", lambda data: gzip.compress(data) + b"\0" * 9),
    "gzip, zeros between": ("gzip", lambda data: gzip.compress(data) + b"\0" * 9 + gzip.compress(b"")),
    "deflate": ("deflate", zlib.compress),
    "deflate, stored": ("deflate", lambda data: zlib.compress(data, 0)),
    "deflate, bare": ("deflate", bare_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "zstd, frames": ("zstd", zstd_frames),
    "deflate, gzip": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
    "gzip, br, zstd": ("gzip, br, zstd", lambda data: zstd.compress(brotli.compress(gzip.compress(data)))),
    "identity, GZIP": ("identity,  GZIP ,", gzip.compress),
}
EACH_FORM = pytest.mark.parametrize(("codings", "compress"), FORMS.values(), ids=FORMS.keys())
TEXT = b"It is a truth universally acknowledged, that a body in possession of zeros " * 3 + b"\0" * 50
NOISE = random.Random(1951).randbytes(70_000)


def decoder_of(codings: str) -> Decoder:
    decoder = make_decoder(codings.split(","))
    assert decoder is not None
    return decoder


def decode(codings: str, portions: Iterable[bytes], max_bytes: int = MAX_DECODE_STEP_BYTES) -> bytes:
    """Decode as a reader does: feed, drain, and finish at the end."""
    decoder = decoder_of(codings)
    body = bytearray()
    for portion in portions:
        decoder.feed(portion)
        while step := decoder.decode(max_bytes):
            assert len(step) <= max_bytes
            body += step
        assert not decoder.has_pending
    decoder.finish()
    return bytes(body)


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@EACH_FORM
@pytest.mark.parametrize("body", [b"", b"a", TEXT, NOISE], ids=["empty", "one byte", "text", "noise"])
def test_a_body_comes_back_whole(codings: str, compress: Compress, body: bytes) -> None:
    assert decode(codings, [compress(body)]) == body


@EACH_FORM
@pytest.mark.parametrize("max_bytes", [1, 7, MAX_DECODE_STEP_BYTES])
def test_a_body_comes_back_whole_when_fed_byte_by_byte(codings: str, compress: Compress, max_bytes: int) -> None:
    assert decode(codings, byte_by_byte(compress(TEXT)), max_bytes) == TEXT


@EACH_FORM
@given(
    body=st.binary(max_size=300),
    times=st.integers(1, 500),
    cuts=st.lists(st.integers(0, 2000)),
    step=st.data(),
)
def test_a_body_comes_back_whole_however_split(
    codings: str, compress: Compress, body: bytes, times: int, cuts: list[int], step: st.DataObject
) -> None:
    body *= times
    coded = compress(body)
    marks = [0, *sorted(min(cut, len(coded)) for cut in cuts), len(coded)]
    portions = [coded[start:end] for start, end in itertools.pairwise(marks)]
    max_bytes = step.draw(st.integers(max(1, len(body) // 50), len(body) + 2))
    assert decode(codings, portions, max_bytes) == body


@EACH_FORM
def test_all_input_may_be_fed_before_anything_is_decoded(codings: str, compress: Compress) -> None:
    decoder = decoder_of(codings)
    for byte in byte_by_byte(compress(TEXT)):
        decoder.feed(byte)
    body = b""
    while decoder.has_pending:
        body += decoder.decode(10)
    decoder.finish()
    assert body == TEXT


# Damage.


@pytest.mark.parametrize("form", ["gzip", "deflate", "deflate, bare", "br", "zstd", "deflate, gzip"])
def test_a_body_that_is_cut_short_at_any_byte_is_refused(form: str) -> None:
    codings, compress = FORMS[form]
    coded = compress(TEXT)
    for end in range(1, len(coded)):
        with pytest.raises(CodingError):
            decode(codings, [coded[:end]])


@EACH_FORM
def test_a_body_without_a_single_byte_is_whole(codings: str, compress: Compress) -> None:
    assert decode(codings, []) == b""


@pytest.mark.parametrize("form", ["gzip", "deflate", "br", "zstd"])
def test_damaged_bytes_raise_coding_error_or_nothing_and_never_hang(form: str) -> None:
    codings, compress = FORMS[form]
    coded = compress(TEXT)
    for at in range(len(coded)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = coded[:at] + bytes([coded[at] ^ flip]) + coded[at + 1 :]
            try:
                body = decode(codings, [damaged])
            except CodingError:
                continue
            # gzip does not check its header, and br and zstd carry no checksum by default.
            assert form != "deflate" or body == TEXT


@pytest.mark.parametrize(
    ("codings", "coded"),
    [
        ("gzip", gzip.compress(TEXT) + b"junk"),
        ("gzip", gzip.compress(TEXT) + b"\0\0junk"),
        ("gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8),
        ("gzip", b"\0" + gzip.compress(TEXT)),
        ("gzip", TEXT),
        ("gzip", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT) + b"junk"),
        ("deflate", bare_deflate(TEXT) + b"\0"),
        ("deflate", TEXT),
        ("br", brotli.compress(TEXT) + b"junk"),
        ("br", b"\xff" * 20),
        ("zstd", zstd.compress(TEXT) + b"junk"),
        ("zstd", TEXT),
        ("deflate, gzip", gzip.compress(TEXT)),
    ],
)
def test_what_is_not_the_coding_is_refused_whole_and_byte_by_byte(codings: str, coded: bytes) -> None:
    for portions in ([coded], byte_by_byte(coded)):
        with pytest.raises(CodingError):
            decode(codings, portions)


# Bounds.

BOMB_BYTES = 100_000_000


def bomb(form: str) -> bytes:
    encoder = make_encoder(form)
    zeros = bytes(1_000_000)
    return b"".join(encoder.encode(zeros) for _ in range(BOMB_BYTES // len(zeros))) + encoder.flush()


@pytest.mark.parametrize("form", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_decoded_in_bounded_steps_and_bounded_memory(form: str) -> None:
    coded = bomb(form)
    decoder = decoder_of(form)
    size = 0
    longest_s = 0.0
    tracemalloc.start()
    try:
        decoder.feed(coded)
        while decoder.has_pending:
            began_at = time.process_time()
            size += len(decoder.decode(MAX_DECODE_STEP_BYTES))
            longest_s = max(longest_s, time.process_time() - began_at)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    decoder.finish()
    assert size == BOMB_BYTES
    assert peak < 4_000_000  # without the libraries' windows: at most 16 MiB, for br
    assert longest_s < 0.1


def test_a_zstd_window_larger_than_http_allows_is_refused() -> None:
    stream = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
    coded = stream.compress(NOISE) + stream.flush()
    with pytest.raises(CodingError, match="too much memory"):
        decode("zstd", [coded])


@pytest.mark.parametrize(("form", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_an_endless_row_of_empty_members_is_refused(form: str, compress: Compress) -> None:
    empty = compress(b"")
    assert decode(form, [empty * MAX_EMPTY_MEMBERS]) == b""
    with pytest.raises(CodingError, match="members without content"):
        decode(form, [empty * (MAX_EMPTY_MEMBERS + 1)])


def test_members_with_content_may_go_on_for_ever() -> None:
    assert decode("gzip", [gzip.compress(b"a") * 3000], max_bytes=10) == b"a" * 3000


def test_a_stack_that_inflates_to_no_content_is_refused() -> None:
    # The name of the file, which an inner gzip header may carry, is content to the outer gzip alone.
    endless_header = b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * (4 * MAX_BARREN_BYTES)
    with pytest.raises(CodingError, match="came to no content"):
        decode("gzip, gzip", [gzip.compress(endless_header)])


def test_too_many_codings_are_refused() -> None:
    coded = TEXT
    for _ in range(MAX_CODINGS):
        coded = gzip.compress(coded)
    assert decode(", ".join(["gzip"] * MAX_CODINGS), [coded]) == TEXT
    with pytest.raises(CodingError, match="limit"):
        make_decoder(["gzip"] * (MAX_CODINGS + 1))


# Names.


@pytest.mark.parametrize(
    "codings",
    [[], [""], ["identity"], ["Identity", " identity "], ["compress"], ["gzip", "exi"], ["exi", "gzip"]],
)
def test_nothing_applied_or_something_unknown_leaves_the_body_as_it_is(codings: list[str]) -> None:
    assert make_decoder(codings) is None


def test_all_that_is_installed_is_accepted() -> None:
    assert accept_encoding() == "gzip, deflate, br, zstd"


def test_only_what_is_installed_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional, "find_spec", lambda module: None)
    assert accept_encoding.__wrapped__() == "gzip, deflate"


@pytest.mark.parametrize("form", ["br", "zstd"])
def test_a_missing_library_is_named_with_what_to_install(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional, "find_spec", lambda module: None)
    optional.load_brotli.cache_clear()
    optional.load_zstd.cache_clear()
    with pytest.raises(CodingError, match=r"pip install trunkline\[speedups\]"):
        make_decoder([form])
    with pytest.raises(CodingError, match=r"pip install trunkline\[speedups\]"):
        make_encoder(form)


def test_a_brotli_that_cannot_bound_its_output_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brotli, "Decompressor", object)
    optional.load_brotli.cache_clear()
    with pytest.raises(CodingError, match=r"1\.2 or newer"):
        make_decoder(["br"])


def test_telling_what_is_installed_imports_none_of_it() -> None:
    program = (
        "import sys; from trunkline.wire.coding import accept_encoding; accept_encoding();"
        "print(sorted({'brotli', '_brotli', 'backports.zstd', 'compression.zstd'} & sys.modules.keys()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert run.stdout.strip() == "[]"


# Encoders.

LEVELS = {"gzip": (0, 9), "deflate": (0, 9), "br": (0, 11), "zstd": (1, 22)}
ONE_SHOT: dict[str, Compress] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
}


@pytest.mark.parametrize("coding", ONE_SHOT)
@pytest.mark.parametrize("portions", [[], [TEXT], [b"", TEXT, NOISE, b"", TEXT], byte_by_byte(TEXT)])
def test_what_is_encoded_is_what_the_library_decodes(coding: str, portions: list[bytes]) -> None:
    encoder = make_encoder(coding)
    coded = b"".join(map(encoder.encode, portions)) + encoder.flush()
    assert ONE_SHOT[coding](coded) == b"".join(portions)
    assert decode(coding, [coded]) == b"".join(portions)


@pytest.mark.parametrize("coding", LEVELS)
def test_every_level_can_be_decoded_by_us(coding: str) -> None:
    lowest, highest = LEVELS[coding]
    for level in (lowest, highest):
        encoder = make_encoder(coding.upper(), level)
        assert decode(coding, [encoder.encode(NOISE) + encoder.flush()]) == NOISE
    for level in (lowest - 1, highest + 1):
        with pytest.raises(ValueError, match=f"wanted {lowest} to {highest}"):
            make_encoder(coding, level)


def test_the_same_body_is_encoded_the_same_at_any_time() -> None:
    first, second = make_encoder("gzip"), make_encoder("gzip")
    assert first.encode(TEXT) + first.flush() == second.encode(TEXT) + second.flush()


def test_an_unknown_coding_cannot_be_applied() -> None:
    with pytest.raises(ValueError, match="wanted one of gzip, deflate, br, zstd"):
        make_encoder("compress")


def test_the_strategy_reaches_zlib() -> None:
    body = bytes(range(256)) * 8
    usual, literal = make_encoder("deflate"), make_encoder("deflate", strategy=zlib.Z_HUFFMAN_ONLY)
    compressed = usual.encode(body) + usual.flush()
    without_matches = literal.encode(body) + literal.flush()
    assert zlib.decompress(without_matches) == body
    assert len(without_matches) > len(body) > 4 * len(compressed)
