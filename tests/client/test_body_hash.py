"""The hash of a body is that of the bytes which a connection would send."""

import hashlib
import io
from typing import Any

import pytest

from trunkline.body.registry import PAYLOAD_REGISTRY
from trunkline.client.body_hash import hash_body


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (b"", b""),
        (b"bytes", b"bytes"),
        ("ü", "ü".encode()),
        (io.BytesIO(b"x" * 700_000), b"x" * 700_000),
        (b"x" * 1_000_000, b"x" * 1_000_000),  # in a thread
    ],
)
async def test_a_payload_is_hashed_and_can_be_sent_afterwards(value: Any, sent: bytes) -> None:
    body = PAYLOAD_REGISTRY.get(value)
    for _ in range(2):
        assert await hash_body(body, hashlib.sha256()) == hashlib.sha256(sent).hexdigest()
    assert body.can_replay


async def test_no_body_is_the_empty_one() -> None:
    assert await hash_body(b"", hashlib.sha256()) == hashlib.sha256().hexdigest()
