"""`json_text` is `json.dumps` without its detours: the same text, the same errors."""

import enum
import json
import sys
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trunkline.body.json_text import json_text


class Colour(enum.IntEnum):
    RED = 1


class Word(str):
    """A str of another class."""


# Any: what JSON can hold.
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_keys = st.text() | st.integers() | st.floats() | st.booleans() | st.none()
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(_keys, inner),
    max_leaves=20,
)


@given(_values)
def test_it_is_what_json_dumps_returns(value: Any) -> None:
    assert json_text(value) == json.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "é\ud800\u2028\0",
        10**400,
        float("nan"),
        float("-inf"),
        -0.0,
        Colour.RED,
        Word("w"),
        {Colour.RED: Word("w")},
        {1: 2, "1": 3, None: 4, False: 5, 1.5: 6},
        [[], {}, ()],
    ],
)
def test_odd_values_are_no_exception(value: Any) -> None:
    assert json_text(value) == json.dumps(value)


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append({"again": circle})
    return circle


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(sys.getrecursionlimit() * 100):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    "value",
    [object(), [1, {"a": object()}], {(1, 2): 3}, {b"a": 1}, b"a", {1, 2}, _circle()],
    ids=["object", "object inside", "tuple as key", "bytes as key", "bytes", "set", "circle"],
)
def test_it_fails_as_json_dumps_fails(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as expected:
        json.dumps(value)
    with pytest.raises(expected.type) as seen:
        json_text(value)
    assert str(seen.value) == str(expected.value)


def test_what_is_nested_too_deep_for_json_dumps_is_too_deep_here() -> None:
    deep = _deep()
    with pytest.raises(RecursionError):
        json_text(deep)


def test_an_error_leaves_nothing_behind() -> None:
    with pytest.raises(TypeError):
        json_text([object()])
    assert json_text([1]) == "[1]"
