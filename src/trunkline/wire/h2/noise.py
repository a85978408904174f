"""`Noise`: frames that bring nothing, counted against those that do.

Each of them is allowed, costs little, and is right now and then: a PING, a SETTINGS, an empty DATA, a stream that is
reset. Without end they are an attack (CVE-2019-9512 to 9518, rapid reset CVE-2023-44487, MadeYouReset CVE-2025-8671).
So each adds to a count that every stream which comes to its end takes from, and that time halves.
"""

from trunkline.wire.errors import H2Fault
from trunkline.wire.h2.codes import ErrorCode
from trunkline.wire.limits import H2_MAX_NOISE


class Noise:
    """The noise of one peer."""

    __slots__ = ("_level",)

    def __init__(self) -> None:
        self._level = 0

    def hear(self, what: str, weight: int = 1) -> None:
        """Count a frame that brought nothing. Raises H2Fault above the bound."""
        self._level += weight
        if self._level > H2_MAX_NOISE:
            raise H2Fault(
                ErrorCode.ENHANCE_YOUR_CALM, f"more than {H2_MAX_NOISE} frames that bring nothing, the last one {what}"
            )

    def settle(self) -> None:
        """Count a stream that came to its end."""
        if self._level:
            self._level -= 1

    def halve(self) -> None:
        """Let some time count: call it every few seconds or minutes, as the connection is looked after."""
        self._level //= 2
