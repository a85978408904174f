"""The stream of a message that has no body; one serves them all."""

from typing import Final

from trunkline.body.stream import StreamReader


class _NeverPaused:
    """Stands in for the connection of a stream that is complete."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


NEVER_PAUSED: Final = _NeverPaused()


class EmptyStreamReader(StreamReader):
    """At its end from the beginning. It is shared, so it takes neither data nor errors."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(NEVER_PAUSED, 1)
        self._eof = True

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        """Ignore the data: the empty body was complete before."""
        return False

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Ignore the error: the empty body was complete before."""

    def unread_data(self, data: bytes) -> None:
        """Refuse: other responses share the instance."""
        raise RuntimeError("unread_data() on the stream of a response without a body")


EMPTY_PAYLOAD: Final[StreamReader] = EmptyStreamReader()
