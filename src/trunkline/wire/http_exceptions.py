"""What is wrong with a message, in aiohttp's classes (its module of that name), for programs that raise or catch them.

Of these, only `LineTooLong` is raised here. Damage on a connection is a `WireError`, and reaches users as one of the
public errors of the client, or as a response of the server.
"""

from multidict import CIMultiDict


class HttpProcessingError(Exception):
    """A message that cannot be processed. code: the status to answer with."""

    code = 0
    message = ""
    headers: "CIMultiDict[str] | None" = None

    def __init__(
        self, *, code: int | None = None, message: str = "", headers: "CIMultiDict[str] | None" = None
    ) -> None:
        if code is not None:
            self.code = code
        self.headers = headers
        self.message = message

    def __str__(self) -> str:
        indented = "".join(f"  {line}" for line in self.message.splitlines(keepends=True))
        return f"{self.code}, message:\n{indented}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.code}, message={self.message!r}>"


class BadHttpMessage(HttpProcessingError):
    """A message that breaks the protocol."""

    code = 400
    message = "Bad Request"

    def __init__(self, message: str, *, headers: "CIMultiDict[str] | None" = None) -> None:
        super().__init__(message=message, headers=headers)
        self.args = (message,)


class HttpBadRequest(BadHttpMessage):
    """A request that is answered with 400."""


class PayloadEncodingError(BadHttpMessage):
    """A body that cannot be decoded."""


class ContentEncodingError(PayloadEncodingError):
    """Of its content coding (RFC 9110 §8.4)."""


class TransferEncodingError(PayloadEncodingError):
    """Of its transfer coding (RFC 9112 §6.1)."""


class ContentLengthError(PayloadEncodingError):
    """Of its length (RFC 9112 §6.3)."""


class InvalidHeader(BadHttpMessage):
    """A field line that matches no grammar."""

    def __init__(self, hdr: bytes | str) -> None:
        self.hdr = hdr.decode("utf-8", "backslashreplace") if isinstance(hdr, bytes) else hdr
        super().__init__(f"Invalid HTTP header: {hdr!r}")
        self.args = (hdr,)


class LineTooLong(BadHttpMessage, ValueError):
    """A line longer than its limit."""

    def __init__(self, line: str | bytes, limit: str | int = "Unknown", actual_size: str = "Unknown") -> None:
        super().__init__(f"Got more than {limit} bytes when reading: {line!r}. Raise the limit, or read in portions")
        self.args = (line, limit, actual_size)


class BadStatusLine(BadHttpMessage):
    """A first line that matches no grammar."""

    def __init__(self, line: str = "", error: str | None = None) -> None:
        self.line = line if isinstance(line, str) else repr(line)
        super().__init__(error or f"Bad status line {self.line!r}")
        self.args = (self.line,)


class BadHttpMethod(BadStatusLine):
    """A request line whose method matches no grammar."""

    def __init__(self, line: str = "", error: str | None = None) -> None:
        super().__init__(line, error or f"Bad HTTP method in status line {line!r}")


class InvalidURLError(BadHttpMessage):
    """A request target that is no URL."""
