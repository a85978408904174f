"""`FileResponse`: a response whose body is a file.

What to answer is decided in a thread by `file_answer`, when the response is prepared; what is small comes back
with that answer and leaves in one write with the head. A large file is sent by the operating system, or in pieces
when it is to be encoded. A file that cannot be served makes the response a 403 or 404 without a body.
"""

from __future__ import annotations

import asyncio
import os
from typing import BinaryIO, Final

from trunkline import hdrs
from trunkline.abc import AbstractStreamWriter
from trunkline.conn.response_writer import ResponseWriter
from trunkline.ground.types import LooseHeaders
from trunkline.web.file_answer import FileAnswer, FileQuestion, answer_file
from trunkline.web.stream_response import AnsweredRequest, StreamResponse

DEFAULT_CHUNK_BYTES: Final = 256 * 1024  # aiohttp's chunk_size
_NEVER_SENDFILE: Final = bool(os.environ.get("AIOHTTP_NOSENDFILE"))  # aiohttp documents it for where sendfile fails


class FileResponse(StreamResponse):
    """Sends the file at `path`, or the part that the request's Range asks for.

    Conditions and ranges are heeded when `status` is 200. `headers` may bring their own Content-Type.
    chunk_size: of the pieces in which it is read when the operating system does not send it.
    """

    _sends_head_at_once = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        chunk_size: int = DEFAULT_CHUNK_BYTES,
        status: int = 200,
        reason: str | None = None,
        headers: LooseHeaders | None = None,
    ) -> None:
        super().__init__(status=status, reason=reason, headers=headers)
        self._path = os.fspath(path)
        self._chunk_bytes = chunk_size
        self._asked: tuple[FileQuestion, FileAnswer] | None = None

    def ask_ahead(self, request: AnsweredRequest) -> None:
        """Find out what to answer to `request`, in a thread that the caller is in already; a large file waits."""
        question = self._question(request)
        answer = answer_file(question)
        if answer.file is None:
            self._asked = question, answer
        else:
            answer.file.close()  # nobody could say who closes it if the response were never prepared

    async def prepare(self, request: AnsweredRequest) -> AbstractStreamWriter | None:
        """Send the head and the body."""
        if self.prepared:
            return await super().prepare(request)
        answer = await self._answer(self._question(request))
        try:
            self._take_head(answer)
            writer = await super().prepare(request)
            if writer is not None:
                await self._send_body(answer, writer)
        finally:
            if answer.file is not None:
                # Waits for no disk, as nothing was written; only for a read that a cancellation left behind.
                answer.file.close()
        return writer

    async def _answer(self, question: FileQuestion) -> FileAnswer:
        if self._asked is not None and self._asked[0] == question:
            return self._asked[1]
        return await _ask(question)  # or again, when compression was enabled since

    def _question(self, request: AnsweredRequest) -> FileQuestion:
        return FileQuestion(
            self._path,
            request.method,
            request.headers,
            self.status,
            is_coded=hdrs.CONTENT_ENCODING in self.headers,
            is_transformed=self._is_transformed,
        )

    @property
    def _is_transformed(self) -> bool:
        return self.compression or self.chunked

    def _take_head(self, answer: FileAnswer) -> None:
        if answer.status != self.status:
            self.set_status(answer.status)
        fields = answer.fields
        if hdrs.CONTENT_TYPE in self.headers:
            fields.pop(hdrs.CONTENT_TYPE, None)
        if hdrs.VARY in self.headers and hdrs.VARY in fields:
            fields[hdrs.VARY] = f"{self.headers[hdrs.VARY]}, {fields[hdrs.VARY]}"
        self.headers.update(fields)
        if not self._is_transformed and self.status != 304:
            self.content_length = len(answer.positions)

    async def _send_body(self, answer: FileAnswer, writer: AbstractStreamWriter) -> None:
        if answer.file is None:
            await self.write_eof(answer.content or b"")
            return
        if isinstance(writer, ResponseWriter) and not self._is_transformed and not _NEVER_SENDFILE:
            await writer.sendfile(answer.file, answer.positions.start, len(answer.positions))
        else:
            await self._write_pieces(answer.file, answer.positions)
        await self.write_eof()

    async def _write_pieces(self, file: BinaryIO, positions: range) -> None:
        await asyncio.to_thread(file.seek, positions.start)
        left = len(positions)
        while left:
            piece = await asyncio.to_thread(file.read, min(left, self._chunk_bytes))
            if not piece:
                raise ValueError(f"{self._path!r} ended {left} bytes early; it shrank while it was sent")
            left -= len(piece)
            await self.write(piece)


async def _ask(question: FileQuestion) -> FileAnswer:
    future = asyncio.get_running_loop().run_in_executor(None, answer_file, question)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        future.add_done_callback(_close_unused)  # the thread cannot be stopped, and may yet open the file
        raise


def _close_unused(future: asyncio.Future[FileAnswer]) -> None:
    if not future.cancelled() and future.exception() is None and (file := future.result().file) is not None:
        file.close()
