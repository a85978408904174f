"""The one value that means "the caller did not say": None is a meaningful argument in many places."""

from enum import Enum
from typing import Final


class Sentinel(Enum):
    """A type with one member, so that type checkers can tell it from every other value."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "<unset>"


sentinel: Final = Sentinel.UNSET
