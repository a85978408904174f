"""AppStore: a mapping by typed keys that is an object of its own, and that deprecates late changes."""

import warnings

import pytest

from trunkline.web.app_store import AppStore
from trunkline.web.keys import AppKey, NotAppKeyWarning

NUMBER = AppKey("number", int)
TEXT = AppKey("text", str)


def test_values_are_kept_by_key() -> None:
    store = AppStore()
    store[NUMBER] = 1
    number: int = store[NUMBER]
    assert number == 1
    assert list(store) == [NUMBER]
    assert store.get(TEXT) is None
    assert store.get(TEXT, "none") == "none"
    del store[NUMBER]
    assert len(store) == 0
    with pytest.raises(KeyError):
        store[NUMBER]


def test_a_str_key_is_taken_with_a_warning() -> None:
    store = AppStore()
    with pytest.warns(NotAppKeyWarning):
        store["name"] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store["name"] == store.get("name") == 1


def test_a_store_is_itself_only_and_never_false() -> None:
    store = AppStore()
    assert store
    assert store != AppStore()
    assert {store: 1}[store] == 1


def test_changes_after_freeze_are_deprecated() -> None:
    store = AppStore()
    store[NUMBER] = 1
    store.freeze()
    assert store.frozen
    with pytest.warns(DeprecationWarning, match="Changing state of started or joined application") as warned:
        store[NUMBER] = 2
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="Changing state"):
        del store[NUMBER]
