"""`reify`: computed once, kept in `_cache`, read-only."""

from typing import Any

import pytest

from trunkline.ground.reify import reify


class Square:
    __slots__ = ("_cache", "computed", "side")

    def __init__(self, side: int) -> None:
        self._cache: dict[str, Any] = {}
        self.side = side
        self.computed = 0

    @reify
    def area(self) -> int:
        """The area."""
        self.computed += 1
        return self.side**2


def test_it_is_computed_once_for_each_instance() -> None:
    one, two = Square(2), Square(3)
    assert (one.area, one.area, two.area) == (4, 4, 9)
    assert (one.computed, two.computed) == (1, 1)
    assert one._cache == {"area": 4}


def test_it_cannot_be_set() -> None:
    with pytest.raises(AttributeError, match="area is computed"):
        Square(1).area = 5


def test_of_the_class_it_is_the_property_with_its_documentation() -> None:
    assert isinstance(Square.area, reify)
    assert Square.area.__doc__ == "The area."
