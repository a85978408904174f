"""Every MUST and MUST NOT of RFC 9113 §3.4 and §4 to §8, and of RFC 8441, that a codec can meet, each with its bytes.

A row says to which role they are said and what must come of them: an error of the connection or of the stream, with its
code, or nothing. A server hears them behind the preface, a client with a GET in stream 1 and a POST in stream 3 whose
body is not sent. What must not be sent, and what is answered, is in `test_sending`, `test_window` and `test_receiving`.
"""

import pytest

from tests.wire.h2.rules import Row
from tests.wire.h2.rules_of_frames import CODES, KINDS
from tests.wire.h2.rules_of_messages import MESSAGES
from tests.wire.h2.rules_of_streams import FRAMES, PREFACES, STATES
from tests.wire.h2.sides import Frame
from trunkline.wire.errors import StreamFault
from trunkline.wire.h2.codes import GOAWAY, RST_STREAM

TABLE = [*PREFACES, *FRAMES, *STATES, *KINDS, *CODES, *MESSAGES]


def _codes(frames: list[Frame], kind: int) -> list[int]:
    return [int.from_bytes(found.payload[:4]) for found in frames if found.kind == kind]


@pytest.mark.parametrize("cut", [None, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_rule_is_kept(row: Row, cut: int | None) -> None:
    side = row.role()
    side.said()
    pieces = [row.said] if cut is None or len(row.said) > 5000 else [bytes((byte,)) for byte in row.said]
    fault = next((fault for piece in pieces if (fault := side.fault(piece)) is not None), None)
    said = side.said()
    assert (fault and fault.code) == row.outcome.connection, fault
    assert not isinstance(fault, StreamFault)
    if fault is None:
        assert _codes(said, RST_STREAM) == ([] if row.outcome.stream is None else [row.outcome.stream])
        assert not _codes(said, GOAWAY)
        errors = [stream.error for stream in side.streams if isinstance(stream.error, StreamFault)]
        assert all(error.code == row.outcome.stream for error in errors)


def test_ids_are_different() -> None:
    assert len({str(row) for row in TABLE}) == len(TABLE)
