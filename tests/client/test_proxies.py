import logging
import os
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import pytest
from yarl import URL

from trunkline import InvalidURL
from trunkline.client.proxies import environment_proxy

PROXY = "http://proxy.test:3128"
OTHER = "http://other.test:3128"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment without proxies and credentials."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("REQUEST_METHOD", "NETRC"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("variables", "url", "wanted"),
    [
        ({}, "http://a.test/", None),
        ({"http_proxy": PROXY}, "http://a.test/", PROXY),
        ({"HTTP_PROXY": PROXY}, "http://a.test/", PROXY),
        ({"HTTP_PROXY": PROXY, "http_proxy": OTHER}, "http://a.test/", OTHER),
        ({"HTTP_PROXY": PROXY, "http_proxy": ""}, "http://a.test/", None),
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, "http://a.test/", None),
        ({"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, "http://a.test/", PROXY),
        ({"HTTPS_PROXY": PROXY, "REQUEST_METHOD": "GET"}, "https://a.test/", PROXY),
        ({"http_proxy": PROXY}, "https://a.test/", None),
        ({"https_proxy": PROXY}, "https://a.test/", PROXY),
        ({"https_proxy": PROXY}, "wss://a.test/", None),
        ({"http_proxy": PROXY}, "ws://a.test/", None),
        ({"WS_PROXY": PROXY}, "ws://a.test/", PROXY),
        ({"wss_proxy": PROXY}, "wss://a.test/", PROXY),
        ({"all_proxy": PROXY, "ALL_PROXY": PROXY}, "http://a.test/", None),
        ({"http_proxy": PROXY, "no_proxy": "a.test"}, "http://a.test/", None),
        ({"http_proxy": PROXY, "NO_PROXY": "a.test"}, "http://a.test/", None),
        ({"http_proxy": PROXY, "NO_PROXY": "a.test", "no_proxy": "b.test"}, "http://a.test/", PROXY),
        ({"http_proxy": PROXY, "NO_PROXY": "a.test", "no_proxy": ""}, "http://a.test/", PROXY),
        ({"http_proxy": PROXY, "no_proxy": "A.Test"}, "http://a.test/", None),
        ({"http_proxy": PROXY, "no_proxy": ".test"}, "http://a.test/", None),
        ({"http_proxy": PROXY, "no_proxy": "test"}, "http://a.test/", None),
        ({"http_proxy": PROXY, "no_proxy": "est"}, "http://a.test/", PROXY),
        ({"http_proxy": PROXY, "no_proxy": "a"}, "http://a.test/", PROXY),
        ({"http_proxy": PROXY, "no_proxy": "*"}, "http://a.test/", None),
        ({"http_proxy": PROXY, "no_proxy": "b.test, a.test"}, "http://a.test/", None),
        ({"http_proxy": PROXY, "no_proxy": "b.test,, "}, "http://a.test/", PROXY),
        ({"http_proxy": PROXY, "no_proxy": "127.0.0.1"}, "http://127.0.0.1:8080/", None),
        ({"http_proxy": PROXY, "no_proxy": "127.0.0.0/8"}, "http://127.0.0.1/", PROXY),
        ({"http_proxy": PROXY, "no_proxy": "::1"}, "http://[::1]/", None),
    ],
)
def test_variables_mean_what_they_mean_to_urllib(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, wanted: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    target = URL(url)
    found = environment_proxy(target)
    assert found == (None if wanted is None else (URL(wanted), None))
    # The oracle, which aiohttp's documentation names.
    of_urllib = None if proxy_bypass(target.raw_host or "") else getproxies().get(target.scheme)
    assert of_urllib == wanted


@pytest.mark.parametrize(
    ("value", "url", "login", "password"),
    [
        ("http://me:s%40cret@proxy.test:3128", PROXY, "me", "s@cret"),
        ("http://me@proxy.test:3128", PROXY, "me", ""),
        ("me:secret@proxy.test:3128", PROXY, "me", "secret"),
        ("socks5://me:secret@proxy.test", "socks5://proxy.test", "me", "secret"),
    ],
)
def test_credentials_are_taken_out_of_the_url(
    monkeypatch: pytest.MonkeyPatch, value: str, url: str, login: str, password: str
) -> None:
    monkeypatch.setenv("http_proxy", value)
    found = environment_proxy(URL("http://a.test/"))
    assert found is not None
    proxy, auth = found
    assert auth is not None
    assert (proxy, auth.login, auth.password) == (URL(url), login, password)


@pytest.mark.parametrize(("value", "login"), [(PROXY, "from-netrc"), ("http://own:x@proxy.test:3128", "own")])
def test_netrc_has_credentials_for_a_proxy_that_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str, login: str
) -> None:
    (tmp_path / ".netrc").write_text(
        "machine proxy.test login from-netrc password x\nmachine a.test login no password x"
    )
    monkeypatch.setenv("http_proxy", value)
    found = environment_proxy(URL("http://a.test/"))
    assert found is not None
    assert found[1] is not None
    assert found[1].login == login


def test_a_host_without_a_scheme_is_an_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "proxy.test:3128")
    assert environment_proxy(URL("http://a.test/")) == (URL(PROXY), None)


def test_a_scheme_that_is_no_proxys_is_ignored_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("http_proxy", "gopher://me:secret@only-here.test:70")
    with caplog.at_level(logging.WARNING, "trunkline.client"):
        assert [environment_proxy(URL("http://a.test/")) for _ in range(3)] == [None] * 3
    (record,) = caplog.records
    assert "'gopher'" in record.getMessage()
    assert "secret" not in record.getMessage()


@pytest.mark.parametrize("value", ["http://[bad", "http://:x", "http://", "http://me:secret@:1"])
def test_a_variable_that_names_no_proxy_is_an_error_without_its_value(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("http_proxy", value)
    with pytest.raises(InvalidURL, match=r"\$http_proxy - the environment variable should be like") as caught:
        environment_proxy(URL("http://a.test/"))
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None or "secret" not in str(caught.value.__context__)
