"""What the pool itself refuses, and what it could not wait for any longer."""

from trunkline.ground.errors import TrunklineError


class PoolClosed(TrunklineError):
    """The connector was closed, before the request or while it waited."""


class QueueFull(TrunklineError):
    """As many requests as allowed wait for a connection already. limit: how many. state: of the pool, in words."""

    def __init__(self, host: str, port: int, limit: int, state: str) -> None:
        super().__init__(
            f"no connection to {host}:{port} is free, and the queue is full ({state}; queue_limit={limit}); "
            "send fewer requests at a time, or raise the connector's limit or queue_limit"
        )
        self.limit = limit
        self.state = state


class OutOfDescriptors(TrunklineError):
    """The system lends this process no descriptor for a new connection. os_error: with its bounds, and what to do."""

    def __init__(self, host: str, port: int, os_error: OSError) -> None:
        super().__init__(f"cannot open a connection to {host}:{port}: {os_error.strerror}")
        self.os_error = os_error


class ConnectTimeout(TrunklineError):
    """No connection was to be had in time.

    phase: what took so long, in words. limit_s, elapsed_s: what was allowed and what passed.
    """

    def __init__(self, phase: str, limit_s: float, elapsed_s: float) -> None:
        super().__init__(f"{phase} took more than {limit_s:g} s (gave up after {elapsed_s:.3g} s)")
        self.phase = phase
        self.limit_s = limit_s
        self.elapsed_s = elapsed_s
