"""`Intake`: bytes of requests that a server's connection has received and not parsed, and the heads among them.

A head usually comes whole and passes by; what comes in pieces, with empty lines before it, or behind another request
is kept here. Cutting heads off the front costs linear time, however many requests are held (pipelining).
"""

from trunkline.wire.errors import BadHead
from trunkline.wire.h1.head_buffer import HeadBuffer
from trunkline.wire.limits import MAX_LEADING_EMPTY_LINES


class Intake:
    """What is held, in the order in which it came."""

    __slots__ = ("_at", "_empty_lines", "_held", "_partial")

    def __init__(self) -> None:
        self._held = b""  # from `_at` on
        self._at = 0
        self._partial: HeadBuffer | None = None  # the beginning of a head
        self._empty_lines = 0  # before the head that is due

    @property
    def has_bytes(self) -> bool:
        """True when there may be another head."""
        return bool(self._held)

    @property
    def is_empty(self) -> bool:
        """True when nothing is held."""
        return not self._held and self._partial is None

    @property
    def has_partial_head(self) -> bool:
        """True when a head has begun."""
        return self._partial is not None

    def put(self, data: bytes) -> None:
        """Hold more."""
        self._held = self.take_all() + data if self._held else data

    def take_all(self) -> bytes:
        """Return all that is held, the beginning of a head apart."""
        held, self._held = self._held[self._at :], b""
        self._at = 0
        return held

    def clear(self) -> None:
        """Forget all."""
        self._held = b""
        self._at = 0
        self._partial = None

    def next_head(self, max_line_bytes: int, max_field_bytes: int, max_fields: int) -> bytes | None:
        """Cut off a head, without the empty line that ends it; None when none is whole. Raises BadHead."""
        if self._partial is None:
            held = self._held
            self._skip_empty_lines()
            end = held.find(b"\r\n\r\n", self._at)
            if end >= 0:
                head = held[self._at : end]
                self._at = end + 4
                if self._at == len(held):
                    self.clear()
                self._empty_lines = 0
                return head
            if self._at == len(held):
                self.clear()
                return None
            self._partial = HeadBuffer(is_request=True)
        found = self._partial.feed(self.take_all())
        if found is None:
            self._partial.check(max_line_bytes, max_field_bytes, max_fields)
            return None
        self._partial = None
        head, self._held = found
        while head.startswith(b"\r\n"):  # an empty line came in pieces
            head = head[2:]
            self._count_empty_line()
        if not head:
            self._count_empty_line()
            return self.next_head(max_line_bytes, max_field_bytes, max_fields)
        self._empty_lines = 0
        return head

    def _skip_empty_lines(self) -> None:
        # RFC 9112 §2.2 asks servers to be patient with clients that send an empty line too many.
        while self._held.startswith(b"\r\n", self._at):
            self._at += 2
            self._count_empty_line()

    def _count_empty_line(self) -> None:
        self._empty_lines += 1
        if self._empty_lines > MAX_LEADING_EMPTY_LINES:
            raise BadHead(f"more than {MAX_LEADING_EMPTY_LINES} empty lines before a request")
