"""AccessLogger: every atom of the format, values in `extra`, and nothing that a peer could forge a line with."""

import logging
import os
import re
from collections.abc import Iterator

import pytest

from trunkline.testing.mocked_request import make_mocked_request
from trunkline.web.access_log import AccessLogger
from trunkline.web.request import Request
from trunkline.web.response import Response

PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Recorder(logging.Handler):
    """Keeps the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep `record`."""
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        """The messages."""
        return [record.getMessage() for record in self.records]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A recorder on the logger "tests.access"."""
    handler = Recorder()
    logger = logging.getLogger("tests.access")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def request(path: str = "/a%20b?c=d", **fields: str) -> Request:
    """A request from 192.0.2.1."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return make_mocked_request("GET", path, headers).clone(remote="192.0.2.1")


def log(log_format: str, asked: Request | None, seconds: float = 3.7512341) -> None:
    """Log a response with a field X-Out."""
    response = Response(headers={"X-Out": "out"})
    AccessLogger(logging.getLogger("tests.access"), log_format).log(asked, response, seconds)


@pytest.mark.parametrize(
    ("log_format", "line"),
    [
        ("%a", "192.0.2.1"),
        ("%P", f"<{os.getpid()}>"),
        ("%r", "GET /a%20b?c=d HTTP/1.1"),
        ("%s %b", "200 0"),
        ("%T %Tf %D", "4 3.751234 3751234"),
        ("%{X-In}i %{x-in}i %{No}i", "in in -"),
        ("%{X-Out}o %{No}o", "out -"),
        ("100%% %%a %%%s %", "100% %a %200 %"),
        ("%q %{X y}i %{X}e %{}i", "%q %{X y}i %{X}e %{}i"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_atoms(recorder: Recorder, log_format: str, line: str) -> None:
    log(log_format, request(X_In="in"))
    assert recorder.lines == [line]


def test_the_start_is_written_with_its_zone(recorder: Recorder) -> None:
    log("%t", request())
    assert re.fullmatch(r"\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", recorder.lines[0])


def test_the_default_format(recorder: Recorder) -> None:
    AccessLogger(logging.getLogger("tests.access")).log(request(Referer="r"), Response(), 0.1)
    assert re.fullmatch(r'192\.0\.2\.1 \[.+\] "GET /a%20b\?c=d HTTP/1\.1" 200 0 "r" "-"', recorder.lines[0])


def test_values_are_in_extra(recorder: Recorder) -> None:
    log("%a %s %{X-In}i %{Y}i %{X-Out}o", request(X_In="in"))
    (record,) = recorder.records
    assert {key: value for key, value in vars(record).items() if key not in PLAIN} == {
        "remote_address": "192.0.2.1",
        "response_status": 200,
        "request_header": {"X-In": "in", "Y": "-"},
        "response_header": {"X-Out": "out"},
    }
    assert record.levelno == logging.INFO


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        ("a\x1b[31m", r"a\x1b[31m"),
        ("a\x85b\u2028", r"a\x85b\u2028"),
        ('" 200 0 "', r"\" 200 0 \""),
        ("a\\", r"a\\"),
        ("caf\u00e9 \udcff", "caf\u00e9 \\udcff"),
    ],
)
def test_what_could_forge_a_line_is_escaped(recorder: Recorder, sent: str, logged: str) -> None:
    log("%{X-In}i", request(X_In=sent))
    log("%r", request(f"/{sent}"))
    assert recorder.lines == [logged, f"GET /{logged} HTTP/1.1"]


def test_a_percent_sign_from_the_peer_is_no_directive(recorder: Recorder) -> None:
    log("%{X-In}i %s", request(X_In="%s %(name)s %"))
    assert recorder.lines == ["%s %(name)s % 200"]


def test_without_a_request_its_atoms_say_so(recorder: Recorder) -> None:
    log("%a %r %{X}i %s", None)
    assert recorder.lines == ["- - (no headers) 200"]


def test_an_error_is_logged_and_not_raised(recorder: Recorder) -> None:
    AccessLogger(logging.getLogger("tests.access"), "%s").log(request(), None, 0.1)
    (record,) = recorder.records
    assert (record.getMessage(), record.levelno) == ("Error in logging", logging.ERROR)
    assert record.exc_info is not None


def test_it_is_enabled_when_its_logger_takes_info() -> None:
    logger = logging.getLogger("tests.access.level")
    for level, enabled in ((logging.INFO, True), (logging.WARNING, False)):
        logger.setLevel(level)
        assert AccessLogger(logger).enabled is enabled
