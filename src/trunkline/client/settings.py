"""`Settings`: the options of a session that decide how a request is sent and its response read.

They are computed once for a session; a request that overrides some gets a copy of its own.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from trunkline.client.failures import as_payload_error
from trunkline.client.timeouts import ClientTimeout, as_client_timeout
from trunkline.conn.exchange import ExchangeRules
from trunkline.ground.sentinel import sentinel
from trunkline.pool.rules import ConnectLimits, checked_priority, checked_queue_limit, checked_queue_timeout

# A bool, or a coroutine function that raises for responses it does not like. Any: responses are above this module.
RaiseForStatus = bool | Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a request is sent. total_s: 0 for no limit; read_timeout_s and the rest of the timeouts are in the parts.

    retry: send again what a stale connection has lost, where that is safe.
    """

    rules: ExchangeRules
    limits: ConnectLimits
    total_s: float
    raise_for_status: RaiseForStatus = False
    allow_redirects: bool = True
    max_redirects: int = 10  # aiohttp's default; 0 for no limit
    retry: bool = True

    def overridden(self, options: dict[str, Any]) -> "Settings":
        """Return these settings with what one request's `options` say; Any: values by `ClientSession.request`."""
        rules = {field: options[name] for name, field in _RULES.items() if options.get(name) is not None}
        changes: dict[str, Any] = {}
        timeout = options.get("timeout", sentinel)
        if timeout is not sentinel:
            of_timeout = as_client_timeout(timeout)
            rules["read_timeout_s"] = of_timeout.sock_read or None
            limits = connect_limits(of_timeout)
            changes["limits"] = self.limits._replace(connect_s=limits.connect_s, open_s=limits.open_s)
            changes["total_s"] = of_timeout.total or 0
        if options.get("priority") is not None:
            priority = checked_priority(options["priority"])
            changes["limits"] = changes.get("limits", self.limits)._replace(priority=priority)
        for name in ("allow_redirects", "max_redirects"):
            if name in options:
                changes[name] = options[name]
        for name in ("raise_for_status", "retry"):
            if options.get(name) is not None:
                changes[name] = options[name]
        if rules:
            changes["rules"] = replace(self.rules, **rules)
        return replace(self, **changes) if changes else self


# Options of a request, by the field of ExchangeRules that they override.
_RULES: Final = {
    "read_bufsize": "read_limit_bytes",
    "auto_decompress": "decompress",
    "read_until_eof": "read_until_eof",
    "max_line_size": "max_line_bytes",
    "max_field_size": "max_field_bytes",
    "max_headers": "max_fields",
}


def exchange_rules(
    timeout: ClientTimeout,
    read_bufsize: int,
    auto_decompress: bool,
    max_line_size: int,
    max_field_size: int,
    max_headers: int,
) -> ExchangeRules:
    """Return the rules that a session's arguments of these names ask for."""
    return ExchangeRules(
        max_line_size,
        max_field_size,
        max_headers,
        read_bufsize,
        auto_decompress,
        read_timeout_s=timeout.sock_read or None,
        as_payload_error=as_payload_error,
    )


def connect_limits(timeout: ClientTimeout) -> ConnectLimits:
    """Return the part of `timeout` that the pool heeds."""
    return ConnectLimits(timeout.connect or None, timeout.sock_connect or None)


def session_limits(
    timeout: ClientTimeout, priority: int, queue_limit: int | None, queue_timeout: float | None
) -> ConnectLimits:
    """Return what the pool heeds of a session's arguments; raise TypeError or ValueError when they make no sense."""
    return connect_limits(timeout)._replace(
        queue_s=checked_queue_timeout(queue_timeout),
        queue_limit=checked_queue_limit(queue_limit),
        priority=checked_priority(priority),
    )
