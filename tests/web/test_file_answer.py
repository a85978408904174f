"""What is answered with a file, without any server: only regular files, conditions, ranges, siblings."""

import os
import socket
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from multidict import CIMultiDict

from trunkline.web.file_answer import SMALL_BYTES, FileAnswer, FileQuestion, answer_file, guess_type

MODIFIED_AT = 1_600_000_000
TEXT = b"0123456789"


def make_file(path: Path, content: bytes = TEXT) -> Path:
    path.write_bytes(content)
    os.utime(path, (MODIFIED_AT, MODIFIED_AT + 0.5))
    return path


def ask(path: Path, headers: dict[str, str] | None = None, method: str = "GET", **question: bool | int) -> FileAnswer:
    # The keywords are those of FileQuestion, which mypy cannot tell from one type for all.
    return answer_file(FileQuestion(str(path), method, CIMultiDict(headers or {}), **question))  # type: ignore[arg-type]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return make_file(tmp_path / "a.txt")


def test_a_small_file_is_read_at_once(text: Path) -> None:
    answer = ask(text)
    assert (answer.status, answer.content, answer.file) == (200, TEXT, None)
    assert answer.fields["Content-Type"] == "text/plain"
    assert answer.fields["Accept-Ranges"] == "bytes"
    assert answer.fields["Last-Modified"] == formatdate(MODIFIED_AT, usegmt=True)


def test_a_large_file_is_handed_over_open(tmp_path: Path) -> None:
    answer = ask(make_file(tmp_path / "large", bytes(SMALL_BYTES + 1)))
    assert answer.content is None
    assert answer.file is not None
    assert len(answer.positions) == SMALL_BYTES + 1
    answer.file.close()


def test_head_is_told_the_length_without_the_bytes(text: Path) -> None:
    answer = ask(text, method="HEAD")
    assert (len(answer.positions), answer.content, answer.file) == (10, None, None)


@pytest.mark.parametrize("name", ["nothing", "a.txt/below", "n" * 300, "a\0b", "\ud800"])
def test_a_name_without_a_file_is_404(text: Path, name: str) -> None:
    assert ask(text.parent / name) == FileAnswer(404)


def test_a_circle_of_symbolic_links_is_404(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    assert ask(tmp_path / "link") == FileAnswer(404)


@pytest.mark.parametrize("kind", ["directory", "fifo", "socket", "device"])
def test_what_is_no_regular_file_is_403_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "it"
    match kind:
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as unix_socket:
                unix_socket.bind(str(path))
        case "device":
            path = Path("/dev/zero")
    assert ask(path) == FileAnswer(403)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read any file")
def test_a_file_that_we_may_not_read_is_403(text: Path) -> None:
    text.chmod(0)
    assert ask(text) == FileAnswer(403)


def test_the_etag_changes_with_time_and_size(text: Path) -> None:
    first = ask(text).fields["Etag"]
    assert ask(text).fields["Etag"] == first
    make_file(text, b"longer than it was")
    second = ask(text).fields["Etag"]
    os.utime(text, ns=(1, 1))
    assert len({first, second, ask(text).fields["Etag"]}) == 3


def test_last_modified_is_never_in_the_future(text: Path) -> None:
    os.utime(text, (time.time() + 1000, time.time() + 1000))
    assert ask(text).fields["Last-Modified"] <= formatdate(time.time() + 1, usegmt=True)


@pytest.mark.parametrize("by_s", [0, 1])
def test_a_client_that_has_it_gets_304_without_content_fields(text: Path, by_s: int) -> None:
    etag = ask(text).fields["Etag"]
    for headers in ({"If-None-Match": etag}, {"If-Modified-Since": formatdate(MODIFIED_AT + by_s, usegmt=True)}):
        answer = ask(text, headers)
        assert (answer.status, answer.content, answer.file) == (304, None, None)
        assert answer.fields.keys() == {"Etag", "Last-Modified"}


@pytest.mark.parametrize("headers", [{"If-Match": '"other"'}, {"If-Unmodified-Since": formatdate(MODIFIED_AT - 1)}])
def test_a_failed_condition_is_412(text: Path, headers: dict[str, str]) -> None:
    assert ask(text, headers) == FileAnswer(412)


@pytest.mark.parametrize(
    ("field", "content", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=5-", b"56789", "bytes 5-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=0-99", TEXT, "bytes 0-9/10"),
    ],
)
def test_a_range_is_206(text: Path, field: str, content: bytes, content_range: str) -> None:
    answer = ask(text, {"Range": field})
    assert (answer.status, answer.content, answer.fields["Content-Range"]) == (206, content, content_range)


@pytest.mark.parametrize("field", ["bytes=10-", "bytes=9-2", "bytes=-", "bytes=-0"])
def test_a_range_that_cannot_be_is_416_and_tells_the_size(text: Path, field: str) -> None:
    assert ask(text, {"Range": field}) == FileAnswer(416, {"Content-Range": "bytes */10"})


@pytest.mark.parametrize("field", ["blocks=0-1", "bytes=0-1,4-5"])
def test_a_range_that_we_do_not_know_gets_the_whole(text: Path, field: str) -> None:
    assert ask(text, {"Range": field}).content == TEXT


def test_a_range_of_another_version_gets_the_whole(text: Path) -> None:
    answer = ask(text, {"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (answer.status, answer.content) == (200, TEXT)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 200), ("GET", 404)])
def test_ranges_are_for_a_get_that_succeeds(text: Path, method: str, status: int) -> None:
    answer = ask(text, {"Range": "bytes=0-1"}, method, status=status)
    assert (answer.status, len(answer.positions)) == (status, 10)


@pytest.mark.parametrize(("method", "status"), [("POST", 200), ("GET", 404)])
def test_conditions_are_for_a_get_that_succeeds(text: Path, method: str, status: int) -> None:
    assert ask(text, {"If-None-Match": "*"}, method, status=status).status == status


@pytest.mark.parametrize(
    ("accepted", "content", "coding"),
    [
        ("gzip", b"GZIP", "gzip"),
        ("gzip, zstd", b"ZSTD", "zstd"),
        ("gzip, zstd, br", b"BROTLI", "br"),
        ("gzip, br;q=0.5", b"GZIP", "gzip"),
    ],
)
def test_the_best_sibling_is_sent(text: Path, accepted: str, content: bytes, coding: str) -> None:
    for suffix, of_sibling in ((".gz", b"GZIP"), (".br", b"BROTLI"), (".zst", b"ZSTD")):
        make_file(text.with_suffix(f".txt{suffix}"), of_sibling)
    answer = ask(text, {"Accept-Encoding": accepted})
    assert (answer.content, answer.fields["Content-Encoding"]) == (content, coding)
    assert (answer.fields["Content-Type"], answer.fields["Vary"]) == ("text/plain", "Accept-Encoding")


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "*", "br"])
def test_without_a_sibling_that_is_accepted_the_file_itself_is_sent(text: Path, accepted: str) -> None:
    make_file(text.with_suffix(".txt.gz"))
    answer = ask(text, {"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.fields
    assert answer.fields["Vary"] == "Accept-Encoding"


def test_a_sibling_and_its_file_have_different_etags(text: Path) -> None:
    make_file(text.with_suffix(".txt.gz"), b"same size!")
    os.utime(text.with_suffix(".txt.gz"), (1, 1))
    assert ask(text).fields["Etag"] != ask(text, {"Accept-Encoding": "gzip"}).fields["Etag"]


def test_a_304_varies_as_its_200_would(text: Path) -> None:
    make_file(text.with_suffix(".txt.gz"))
    assert ask(text, {"If-None-Match": "*"}).fields["Vary"] == "Accept-Encoding"


def test_a_sibling_that_is_a_link_may_lead_anywhere_and_is_not_sent(text: Path, tmp_path: Path) -> None:
    secret = make_file(tmp_path / "secret", b"secret")
    text.with_suffix(".txt.gz").symlink_to(secret)
    assert ask(text, {"Accept-Encoding": "gzip"}).content == TEXT


def test_a_coded_or_transformed_answer_has_no_siblings(text: Path) -> None:
    make_file(text.with_suffix(".txt.gz"), b"GZIP")
    for answer in (
        ask(text, {"Accept-Encoding": "gzip"}, is_coded=True),
        ask(text, {"Accept-Encoding": "gzip"}, is_transformed=True),
    ):
        assert answer.content == TEXT


def test_a_transformed_answer_has_a_weak_etag_and_no_ranges(text: Path) -> None:
    answer = ask(text, {"Range": "bytes=0-1"}, is_transformed=True)
    assert answer.fields["Etag"].startswith('W/"')
    assert "Accept-Ranges" not in answer.fields
    assert answer.content == TEXT


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.html", "text/html"),
        ("a.js", "text/javascript"),
        ("a.webp", "image/webp"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt.zst", "application/zstd"),
        ("a.txt.br", "application/x-brotli"),
        ("a", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
    ],
)
def test_the_extension_tells_the_type(name: str, media_type: str) -> None:
    assert guess_type(f"/some/where.d/{name}") == media_type
