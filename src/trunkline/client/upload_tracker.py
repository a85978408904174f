"""`UploadTracker`: how far the body of a request has come, for the user to read while it is sent.

A request is sent in attempts: redirects, retries and middlewares make new ones. The tracker counts them, shows the
bytes of the current one, and tells at the end whether the last one sent its body whole. Only requests that have a
tracker load this module.

Who calls what: the session enters `claimed` for as long as it takes to get a response or an error; whoever makes an
attempt calls `start_attempt`, before it looks for a connection; `upload` everything else.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from trunkline.client.errors import UploadAbortedError
from trunkline.conn.body_writer import BodyWriter, Outlet
from trunkline.conn.metered_writer import BodyMeter, MeteredWriter


class UploadAttempt:
    """The upload of one attempt. on_end: called when a writer that was opened has done what it could."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._meter = BodyMeter(None)
        self._writer: BodyWriter | None = None
        self.is_writing = False
        self.is_whole = False  # all of the body was written
        self.error: Exception | None = None  # of the body's source

    @property
    def bytes_written(self) -> int:
        """Bytes of the body that have left for the operating system."""
        return self._meter.gone

    def sent_with_head(self, nbytes: int) -> None:
        """Note that the whole body, of `nbytes` or none, went in one write with the head."""
        self._meter.taken = nbytes
        self._meter.finish()
        self.is_whole = True

    def open_writer(self, connection: Outlet, length: int | None, *, chunked: bool, coding: str | None) -> BodyWriter:
        """Return a writer for a body that is sent apart from the head; `close` is to follow."""
        self.is_writing = True
        self._meter = BodyMeter(connection.transport)
        self._writer = MeteredWriter(connection, length, chunked=chunked, coding=coding, meter=self._meter)
        return self._writer

    def close(self, error: Exception | None) -> None:
        """Note that nothing more will be written. error: the public one, when the body's source failed."""
        self.is_writing = False
        self.is_whole = self._writer is not None and self._writer.is_whole
        self.error = error
        self._on_end()


class UploadTracker:
    """Tracks the upload of one request; made in the loop that runs it.

    attempts: how often the request was sent. upload_complete: None once the last attempt has sent the body whole, else
    the error of the upload, or UploadAbortedError. It need not be looked at.
    """

    def __init__(self) -> None:
        """Raises RuntimeError when no loop is running."""
        self.upload_complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.attempts = 0
        self.attempt: UploadAttempt | None = None  # the current one
        self._is_claimed = False
        self._is_concluded = False

    @property
    def bytes_written(self) -> int:
        """Bytes of the body, before compression and framing, that have left in the current attempt; an estimate."""
        return 0 if self.attempt is None else self.attempt.bytes_written

    def claim(self) -> None:
        """Take the tracker for one request; raise RuntimeError when another one has it."""
        if self._is_claimed:
            raise RuntimeError("UploadTracker is already bound to a request; make a new one for each")
        self._is_claimed = True

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Claim the tracker, and conclude it when the request within has ended, whatever with."""
        self.claim()
        try:
            yield
        except BaseException as error:
            self.conclude(error if isinstance(error, Exception) else None)
            raise
        self.conclude()

    def start_attempt(self) -> None:
        """Begin anew: the request is about to be sent, for the first time or again."""
        self.attempts += 1
        self.attempt = UploadAttempt(self._settle)

    def conclude(self, error: Exception | None = None) -> None:
        """Note that there will be no other attempt: the request has its response, or ended with `error`."""
        attempt = self.attempt
        if attempt is not None and attempt.error is not None and error is not None:
            attempt.error = error  # it is the same failure
        self._is_concluded = True
        self._settle()

    def _settle(self) -> None:
        attempt, future = self.attempt, self.upload_complete
        if not self._is_concluded or future.done() or (attempt is not None and attempt.is_writing):
            return
        if attempt is not None and attempt.is_whole:
            future.set_result(None)
            return
        error = None if attempt is None else attempt.error
        future.set_exception(error or UploadAbortedError("The request body was not fully sent"))
        future.exception()  # asyncio shall not complain when nobody looks
