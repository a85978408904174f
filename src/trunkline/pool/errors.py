"""What the pool itself refuses, and what it could not wait for any longer."""

from trunkline.ground.errors import TrunklineError


class PoolClosed(TrunklineError):
    """The connector was closed, before the request or while it waited."""


class ConnectTimeout(TrunklineError):
    """No connection was to be had in time.

    phase: what took so long, in words. limit_s, elapsed_s: what was allowed and what passed.
    """

    def __init__(self, phase: str, limit_s: float, elapsed_s: float) -> None:
        super().__init__(f"{phase} took more than {limit_s:g} s (gave up after {elapsed_s:.3g} s)")
        self.phase = phase
        self.limit_s = limit_s
        self.elapsed_s = elapsed_s
