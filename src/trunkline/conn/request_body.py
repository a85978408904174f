"""`RequestBody`: the body of one request, between the connection that receives it and the handler that reads it.

It lives from the head to the last byte of the body. When nobody wants the body any more it goes on, counting and
dropping, because only behind it can the next request be found.
"""

import asyncio
from collections.abc import Sequence

from trunkline.body.stream import StreamReader
from trunkline.body.stream_buffer import ReadPauser
from trunkline.conn.errors import PayloadAccessError, RequestPayloadError
from trunkline.conn.service import ServiceRules
from trunkline.wire.coding import make_decoder
from trunkline.wire.errors import BadFraming, WireError
from trunkline.wire.h1.body import BodyDecoder, body_decoder
from trunkline.wire.limits import MAX_DRAINED_BYTES
from trunkline.wire.received import ReceivedHead


class RequestBody:
    """stream: where its reader finds it. is_dropped: nobody reads it."""

    __slots__ = ("_decoder", "_dropped_bytes", "is_dropped", "stream")

    def __init__(self, stream: StreamReader, decoder: BodyDecoder) -> None:
        self.stream = stream
        self._decoder = decoder
        self.is_dropped = False
        self._dropped_bytes = 0

    @property
    def missing(self) -> str:
        """What has not come yet, in words."""
        return self._decoder.missing

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; return those behind the body once it is whole. Raises WireError, which its reader sees too."""
        pieces: list[bytes] = []
        ends: list[int] = []
        try:
            rest = self._decoder.decode(data, pieces, ends)
        except WireError as error:
            self._hand_on(pieces, ends)
            self.fail(_as_payload_error(error))
            raise
        self._hand_on(pieces, ends)
        if rest is not None and not self.is_dropped:
            self.stream.feed_eof()
        return rest

    def _hand_on(self, pieces: Sequence[bytes], ends: Sequence[int]) -> None:
        if self.is_dropped:
            self._dropped_bytes += sum(map(len, pieces))
            if self._dropped_bytes > MAX_DRAINED_BYTES:
                raise BadFraming(f"more than {MAX_DRAINED_BYTES} bytes of a body that nobody reads")
            return
        if pieces:
            self.stream.feed_data(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        for offset in ends:
            self.stream.mark_chunk_end(offset)

    def fail(self, error: Exception) -> None:
        """Tell the reader that the body will never be whole."""
        if not self.is_dropped:
            self.stream.set_exception(error)

    def drop(self) -> None:
        """Keep nothing of what still comes."""
        refuse_late_readers(self.stream)
        self.is_dropped = True


def open_body(
    source: ReadPauser, head: ReceivedHead, length: int, rules: ServiceRules, loop: asyncio.AbstractEventLoop
) -> RequestBody:
    """Make the body that follows `head`, of the length that `request_framing` tells. Raises WireError."""
    stream = open_stream(source, head, rules, loop)
    return RequestBody(stream, body_decoder(length, rules.max_field_bytes, rules.max_fields))


def open_stream(
    source: ReadPauser, head: ReceivedHead, rules: ServiceRules, loop: asyncio.AbstractEventLoop
) -> StreamReader:
    """Make the stream in which a handler reads a body. Raises WireError for a content coding that is not known."""
    coding = head.content_encoding
    decoder = make_decoder(coding.split(",")) if coding is not None and rules.decompress else None
    return StreamReader(source, rules.read_limit_bytes, loop=loop, decoder=decoder, as_public=_as_payload_error)


def refuse_late_readers(stream: StreamReader) -> None:
    """Let reads of what is left in `stream` raise PayloadAccessError."""
    if not stream.at_eof():
        stream.set_exception(PayloadAccessError("the body was not read before its request was answered"))


def _as_payload_error(error: Exception) -> Exception:
    """Make of a damage of the wire what readers of a request's body see."""
    public = RequestPayloadError(str(error))
    public.__cause__ = error
    return public
