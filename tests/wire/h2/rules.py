"""A row of the table of rules: some bytes, who hears them, and what must come of them."""

from collections.abc import Callable
from typing import NamedTuple

from tests.wire.h2.sides import (
    GET,
    OK,
    POST,
    Side,
    client,
    head,
    server,
)
from trunkline.wire.h2.codes import (
    ErrorCode,
)

PROTOCOL = ErrorCode.PROTOCOL_ERROR
SIZE = ErrorCode.FRAME_SIZE_ERROR
FLOW = ErrorCode.FLOW_CONTROL_ERROR
CLOSED = ErrorCode.STREAM_CLOSED
COMPRESSION = ErrorCode.COMPRESSION_ERROR
REFUSED = ErrorCode.REFUSED_STREAM
CALM = ErrorCode.ENHANCE_YOUR_CALM


class Outcome(NamedTuple):
    """What must come of some bytes: an error of the connection, or one of a stream, or none."""

    connection: ErrorCode | None = None
    stream: ErrorCode | None = None


def ends(code: ErrorCode) -> Outcome:
    return Outcome(connection=code)


def resets(code: ErrorCode) -> Outcome:
    return Outcome(stream=code)


TAKEN = Outcome()
NEW_SERVER: Callable[[], Side] = lambda: Side(is_client=False)  # noqa: E731 - one of four by name
NEW_CLIENT: Callable[[], Side] = lambda: Side(is_client=True)  # noqa: E731


class Row(NamedTuple):
    section: str
    what: str
    role: Callable[[], Side]
    said: bytes
    outcome: Outcome

    def __str__(self) -> str:
        role = {server: "server", client: "client", NEW_SERVER: "new server", NEW_CLIENT: "new client"}[self.role]
        return f"{self.section} {role}: {self.what}"


def rows(section: str, *rows: tuple[str, Callable[[], Side], bytes, Outcome]) -> list[Row]:
    return [Row(section, *row) for row in rows]


def both(section: str, *rows: tuple[str, bytes, Outcome]) -> list[Row]:
    """Rows that hold in both roles. Stream 3 is open for a body in either."""
    opened = {server: head(POST, 3, ends=False), client: head(OK, 3, ends=False)}
    return [Row(section, what, role, opened[role] + said, outcome) for what, said, outcome in rows for role in opened]


OPEN = head(POST, ends=False)
ENDED = head(GET)
RESERVED = 0x8000_0000
