"""`KeyedStore`: a mapping that is made when something is stored, and is equal to itself only."""

from collections.abc import MutableMapping

import pytest

from trunkline.web.keys import NotAppKeyWarning, RequestKey
from trunkline.web.store import KeyedStore


class Store(KeyedStore):
    _key_type = RequestKey


USER = RequestKey("user", str)
COUNT = RequestKey("count", int)


def test_what_is_stored_is_found_by_its_key() -> None:
    store = Store()
    store[COUNT] = 1
    store[USER] = "ada"
    assert (store[COUNT], store[USER], len(store), list(store)) == (1, "ada", 2, [COUNT, USER])
    assert list(store.items()) == [(COUNT, 1), (USER, "ada")]
    assert USER in store
    del store[COUNT]
    assert list(store) == [USER]
    assert isinstance(store, MutableMapping)


def test_two_keys_of_the_same_name_are_two_keys() -> None:
    store = Store()
    store[USER] = "ada"
    assert store.get(RequestKey("user", str)) is None


def test_an_empty_one_has_nothing_and_is_true_all_the_same() -> None:
    store = Store()
    assert (len(store), list(store), store.get("a"), bool(store)) == (0, [], None, True)
    with pytest.raises(KeyError):
        store["a"]
    with pytest.raises(KeyError):
        del store["a"]


def test_a_str_is_a_key_too_but_may_clash() -> None:
    store = Store()
    with pytest.warns(NotAppKeyWarning, match="use a web.RequestKey") as seen:
        store["a str of its own"] = 1
    assert seen[0].filename == __file__
    assert store["a str of its own"] == 1


def test_a_str_is_warned_of_once_lest_every_request_warn() -> None:
    with pytest.warns(NotAppKeyWarning):
        Store()["a str that comes again"] = 1
    Store()["a str that comes again"] = 2  # a warning would be an error


def test_each_instance_has_its_own() -> None:
    first, second = Store(), Store()
    first[USER] = "ada"
    assert USER not in second


def test_it_is_equal_to_itself_only_and_may_be_in_a_set() -> None:
    first, second = Store(), Store()
    assert first == first
    assert first != second
    assert len({first, second, first}) == 2
