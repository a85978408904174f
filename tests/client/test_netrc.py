import logging
import os
import re
from base64 import b64decode
from pathlib import Path

import pytest

from trunkline import BasicAuth
from trunkline.client.netrc import netrc_auth

LOGGER = "trunkline.client"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that $NETRC names."""
    path = tmp_path / "credentials"
    monkeypatch.setenv("NETRC", str(path))
    return path


def credentials(host: str) -> tuple[str, str] | None:
    auth = netrc_auth(host)
    assert auth is None or isinstance(auth, BasicAuth)
    return None if auth is None else (auth.login, auth.password)


@pytest.mark.parametrize(
    ("text", "host", "wanted"),
    [
        ("machine a.test login me password secret", "a.test", ("me", "secret")),
        ("machine a.test login me password secret", "b.test", None),
        ("machine a.test login me password secret", "sub.a.test", None),
        ("machine a.test login me password secret\ndefault login any password one", "b.test", ("any", "one")),
        ("machine a.test account me password secret", "a.test", ("me", "secret")),
        ("machine a.test password secret", "a.test", ("", "secret")),
        ("machine a.test login me", "a.test", ("me", "")),
        ('machine a.test\n  login me\n  password "se cret"\nmachine b.test login x password y', "b.test", ("x", "y")),
        ("machine a.test login m\xe9 password \u20ac", "a.test", ("m\xe9", "\u20ac")),
        ("", "a.test", None),
    ],
)
def test_an_entry_gives_the_credentials_of_its_host(
    file: Path, text: str, host: str, wanted: tuple[str, str] | None
) -> None:
    file.write_text(text, encoding="utf-8")
    assert credentials(host) == wanted


@pytest.mark.parametrize(("password", "encoding"), [("\xe9", "latin1"), ("\u20ac", "utf-8")])
def test_credentials_are_encoded_as_far_as_latin1_goes_else_as_in_the_file(
    file: Path, password: str, encoding: str
) -> None:
    file.write_text(f"machine a.test login me password {password}", encoding="utf-8")
    auth = netrc_auth("a.test")
    assert auth is not None
    assert b64decode(auth.encode().removeprefix("Basic ")) == f"me:{password}".encode(encoding)


def test_a_change_of_the_file_is_seen(file: Path) -> None:
    file.write_text("machine a.test login me password old")
    assert credentials("a.test") == ("me", "old")
    file.write_text("machine a.test login me password newer")
    assert credentials("a.test") == ("me", "newer")
    file.unlink()
    assert credentials("a.test") is None


def test_the_file_is_read_once_as_long_as_it_stays_the_same(file: Path) -> None:
    file.write_text("machine a.test login me password secret")
    seen = file.stat()
    assert credentials("a.test") == ("me", "secret")
    file.write_text("machine a.test login me password hidden")  # of the same size, and made to look as old
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert credentials("a.test") == ("me", "secret")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "Could not read .netrc file: .*No such file.*named by"),
        ("machine a.test login me password se cret", "Could not parse .netrc file: see line 1 of .*credentials"),
    ],
)
def test_a_named_file_of_no_use_is_one_warning(
    file: Path, caplog: pytest.LogCaptureFixture, text: str | None, why: str
) -> None:
    if text is not None:
        file.write_text(text)
    with caplog.at_level(logging.WARNING, LOGGER):
        assert [credentials("a.test") for _ in range(3)] == [None] * 3
    (record,) = caplog.records
    assert record.name == LOGGER
    assert re.search(why, record.getMessage())
    assert "cret" not in record.getMessage()


def test_a_folder_in_place_of_the_file_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path))
    assert netrc_auth("a.test") is None
    assert "Could not read .netrc file" in caplog.text


def test_without_the_variable_it_is_the_file_of_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert netrc_auth("a.test") is None
    assert not caplog.records  # most people have none
    (tmp_path / ".netrc").write_text("machine a.test login me password secret")
    assert credentials("a.test") == ("me", "secret")
