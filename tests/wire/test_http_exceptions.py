"""aiohttp's exceptions of messages: their texts, attributes, bases, and that they pickle."""

import pickle

import pytest

from trunkline.wire.http_exceptions import (
    BadHttpMessage,
    BadHttpMethod,
    BadStatusLine,
    ContentLengthError,
    HttpProcessingError,
    InvalidHeader,
    LineTooLong,
    PayloadEncodingError,
    TransferEncodingError,
)


@pytest.mark.parametrize(
    ("error", "text", "arguments"),
    [
        (HttpProcessingError(), "0, message:\n", ()),
        (HttpProcessingError(code=502, message="bad\ngateway"), "502, message:\n  bad\n  gateway", ()),
        (BadHttpMessage("no"), "400, message:\n  no", ("no",)),
        (ContentLengthError("short"), "400, message:\n  short", ("short",)),
        (InvalidHeader(b"a\xff"), "400, message:\n  Invalid HTTP header: b'a\\xff'", (b"a\xff",)),
        (BadStatusLine("x"), "400, message:\n  Bad status line 'x'", ("x",)),
        (BadStatusLine("x", "why"), "400, message:\n  why", ("x",)),
        (BadHttpMethod("x"), "400, message:\n  Bad HTTP method in status line 'x'", ("x",)),
    ],
)
def test_what_an_error_says(error: HttpProcessingError, text: str, arguments: tuple[object, ...]) -> None:
    assert str(error) == text
    assert error.args == arguments
    assert repr(error) == f"<{type(error).__name__}: {error.code}, message={error.message!r}>"
    assert repr(pickle.loads(pickle.dumps(error))) == repr(error)


def test_a_line_that_is_too_long_is_a_value_error_too() -> None:
    error = LineTooLong(b"abc", 2)
    assert isinstance(error, ValueError)
    assert "Got more than 2 bytes when reading: b'abc'" in str(error)


@pytest.mark.parametrize("kind", [TransferEncodingError, ContentLengthError])
def test_bodies_have_a_base_of_their_own(kind: type[Exception]) -> None:
    assert issubclass(kind, PayloadEncodingError)
    assert issubclass(PayloadEncodingError, BadHttpMessage)
