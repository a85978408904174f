"""Masking, by both ways, compared with one byte after another."""

import os
from itertools import islice

import pytest
from hypothesis import given, strategies as st

from trunkline.wire.ws.mask import apply_mask, masking_keys


def slow_mask(payload: bytes, key: bytes) -> bytes:
    return bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


keys = st.binary(min_size=4, max_size=4)


@given(st.binary(max_size=700), keys)
def test_each_byte_is_xored_with_its_byte_of_the_key(payload: bytes, key: bytes) -> None:
    assert apply_mask(payload, key) == slow_mask(payload, key)


@given(st.binary(max_size=700), keys)
def test_masking_twice_changes_nothing(payload: bytes, key: bytes) -> None:
    assert apply_mask(apply_mask(payload, key), key) == payload


@pytest.mark.parametrize("length", [0, 1, 3, 4, 125, 255, 256, 257, 258, 259, 65535, 65536, 1_000_003])
def test_every_length_is_masked_to_its_end(length: int) -> None:
    payload = bytes(range(256)) * (length // 256 + 1)
    assert apply_mask(payload[:length], b"\x01\x20\x00\xff") == slow_mask(payload[:length], b"\x01\x20\x00\xff")


def test_bytes_are_never_changed_in_place() -> None:
    payload = b"x" * 1000
    apply_mask(payload, b"abcd")
    assert payload == b"x" * 1000


def test_a_view_is_masked_too() -> None:
    for length in (10, 1000):
        payload = memoryview(b"x" * (length + 2))[1:-1]
        assert apply_mask(payload, b"abcd") == slow_mask(bytes(payload), b"abcd")


def test_every_frame_gets_a_key_of_its_own() -> None:
    keys = list(islice(masking_keys(os.urandom), 1000))
    assert {len(key) for key in keys} == {4}
    assert len(set(keys)) > 990  # of 2**32: hardly ever two alike


def test_keys_are_the_bytes_of_the_source_and_none_is_used_twice() -> None:
    drawn = bytearray()

    def random_bytes(count: int) -> bytes:
        block = os.urandom(count)
        drawn.extend(block)
        return block

    keys = b"".join(islice(masking_keys(random_bytes), 600))
    assert drawn.startswith(keys)
