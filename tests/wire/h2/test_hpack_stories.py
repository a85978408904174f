"""Stories: header blocks of one connection in the JSON format of the public hpack-test-case collection.

A story has `cases`, each with its `wire` in hexadecimal, its `headers` in order, and in `header_table_size` the setting
that was acknowledged just before it. Any file of that format may be put into `stories/`.
"""

import json
from pathlib import Path
from typing import NamedTuple, TypedDict

import hpack
import pytest

from tests.wire.h2.hpack_cases import Fields, as_text
from trunkline.wire.h2.hpack_decoder import Decoder
from trunkline.wire.h2.hpack_encoder import Encoder

STORIES = sorted((Path(__file__).parent / "stories").glob("*.json"))


class _JsonCase(TypedDict, total=False):
    seqno: int
    header_table_size: int
    wire: str
    headers: list[dict[str, str]]


class Case(NamedTuple):
    table_bytes: int | None
    block: bytes
    fields: Fields


def read_story(path: Path) -> list[Case]:
    cases: list[_JsonCase] = json.loads(path.read_text("utf-8"))["cases"]
    return [
        Case(
            case.get("header_table_size"),
            bytes.fromhex(case["wire"]),
            [field for fields in case["headers"] for field in fields.items()],
        )
        for case in sorted(cases, key=lambda case: case.get("seqno", 0))
    ]


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_is_decoded(path: Path) -> None:
    decoder = Decoder()
    for case in read_story(path):
        if case.table_bytes is not None:
            decoder.max_table_bytes = case.table_bytes
        assert decoder.decode(case.block) == case.fields


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_that_we_encode_is_decoded_by_hpack_and_by_us(path: Path) -> None:
    encoder, decoder, peer = Encoder(), Decoder(), hpack.Decoder()
    for case in read_story(path):
        if case.table_bytes is not None:
            encoder.resize(case.table_bytes)
            decoder.max_table_bytes = peer.max_allowed_table_size = case.table_bytes
        block = encoder.encode(case.fields)
        assert decoder.decode(block) == case.fields
        assert as_text(peer.decode(block, raw=True)) == case.fields


def test_there_are_stories() -> None:
    assert {"api_responses", "browser", "cookies", "plain_strings", "resizes"} <= {path.stem for path in STORIES}
