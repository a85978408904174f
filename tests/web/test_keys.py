"""Keys of stores: equal to themselves only, named for people, and warned about when something else is used."""

import warnings

import pytest

from trunkline.web.keys import AppKey, BaseKey, NotAppKeyWarning, RequestKey, ResponseKey, check_key

# This module, however the tests are imported.
HERE = __name__


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (AppKey("name", str), f"<AppKey({HERE}.name, type=str)>"),
        (AppKey[int]("name"), f"<AppKey({HERE}.name, type=int)>"),
        (AppKey("name"), f"<AppKey({HERE}.name, type=<<Unknown>>)>"),
        (AppKey("name", NotAppKeyWarning), f"<AppKey({HERE}.name, type=trunkline.web.keys.NotAppKeyWarning)>"),
        (RequestKey("name", list[int]), f"<RequestKey({HERE}.name, type=list[int])>"),
        (ResponseKey("name", str), f"<ResponseKey({HERE}.name, type=str)>"),
    ],
)
def test_a_key_shows_its_module_name_and_type(key: BaseKey[object], shown: str) -> None:
    assert repr(key) == shown


def test_a_key_is_equal_to_itself_only() -> None:
    key, other = AppKey("name", str), AppKey("name", str)
    assert {key: 1}.get(other) is None
    assert key == key
    assert key != other


def test_keys_sort_by_name_and_before_strings() -> None:
    a, b = AppKey("a", int), AppKey("b", int)
    assert sorted([b, a]) == [a, b]
    assert a < "0"


def test_a_name_that_is_no_str_is_refused() -> None:
    with pytest.raises(TypeError, match="name of a key is 5"):
        AppKey(5)  # type: ignore[arg-type]  # the mistake under test


def test_a_key_of_the_wrong_kind_is_warned_about_at_the_callers_line() -> None:
    def store(key: object) -> None:
        check_key(key, AppKey)

    with pytest.warns(NotAppKeyWarning, match=r"'name' of type str may clash.*use a web\.AppKey") as warned:
        store("name")
    assert warned[0].filename == __file__
    with pytest.warns(NotAppKeyWarning):
        store(RequestKey("name", str))


def test_a_key_of_the_right_kind_is_not_warned_about() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_key(AppKey("name", str), AppKey)
