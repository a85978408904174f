from typing import Any

import pytest

from trunkline.client.settings import Settings, connect_limits
from trunkline.client.timeouts import ClientTimeout
from trunkline.conn.exchange import ExchangeRules
from trunkline.pool.rules import ConnectLimits

SESSION = Settings(ExchangeRules(read_timeout_s=7), ConnectLimits(1, 2), 60, raise_for_status=True)


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("read_bufsize", 10, "read_limit_bytes"),
        ("auto_decompress", False, "decompress"),
        ("read_until_eof", False, "read_until_eof"),
        ("max_line_size", 11, "max_line_bytes"),
        ("max_field_size", 12, "max_field_bytes"),
        ("max_headers", 13, "max_fields"),
    ],
)
def test_an_option_replaces_the_sessions_rule(option: str, value: object, field: str) -> None:
    assert getattr(SESSION.overridden({option: value}).rules, field) == value


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": {}},
        {"read_bufsize": None, "auto_decompress": None, "max_line_size": None, "max_headers": None},
        {"raise_for_status": None},
    ],
)
def test_options_that_say_nothing_leave_the_session_as_it_is(options: dict[str, Any]) -> None:
    assert SESSION.overridden(options) == SESSION


@pytest.mark.parametrize(
    ("timeout", "limits", "total_s", "read_timeout_s"),
    [
        (5, ConnectLimits(None, None), 5, None),
        (2.5, ConnectLimits(None, None), 2.5, None),
        (None, ConnectLimits(None, None), 0, None),
        (0, ConnectLimits(None, None), 0, None),
        (ClientTimeout(total=3, connect=4, sock_connect=5, sock_read=6), ConnectLimits(4, 5), 3, 6),
        (ClientTimeout(sock_read=6), ConnectLimits(None, None), 0, 6),
        (ClientTimeout(total=0, connect=0, sock_connect=0, sock_read=0), ConnectLimits(None, None), 0, None),
    ],
)
def test_a_timeout_replaces_the_sessions_as_a_whole(
    timeout: Any, limits: ConnectLimits, total_s: float, read_timeout_s: float | None
) -> None:
    settings = SESSION.overridden({"timeout": timeout})
    assert (settings.limits, settings.total_s, settings.rules.read_timeout_s) == (limits, total_s, read_timeout_s)


def test_redirects_and_status_checks_are_overridden() -> None:
    settings = SESSION.overridden({"allow_redirects": False, "max_redirects": 3, "raise_for_status": False})
    assert (settings.allow_redirects, settings.max_redirects, settings.raise_for_status) == (False, 3, False)


def test_zero_seconds_are_no_limit_for_connecting() -> None:
    assert connect_limits(ClientTimeout(connect=0, sock_connect=0)) == ConnectLimits(None, None)
