"""ChainMapProxy: the first mapping that has a key wins; nothing can be written."""

import pytest

from trunkline.web.chain_map import ChainMapProxy
from trunkline.web.keys import AppKey

KEY = AppKey("key", int)
INNER: dict[object, int] = {"a": 1, KEY: 7}
OUTER = {"a": 2, "b": 3}


def test_the_first_mapping_that_has_a_key_wins() -> None:
    chain = ChainMapProxy([INNER, OUTER])
    assert (chain["a"], chain["b"], chain[KEY]) == (1, 3, 7)
    assert list(chain.items()) == [("a", 1), ("b", 3), (KEY, 7)]
    assert len(chain) == 3
    assert "b" in chain
    assert "c" not in chain


def test_a_missing_key_raises_and_get_gives_the_default() -> None:
    chain = ChainMapProxy([INNER, OUTER])
    with pytest.raises(KeyError, match="c"):
        chain["c"]
    assert chain.get("c") is None
    assert chain.get("c", 5) == 5
    assert chain.get(KEY, 5) == 7


@pytest.mark.parametrize(("maps", "truth"), [([], False), ([{}, {}], False), ([{}, {"a": 0}], True)])
def test_a_chain_is_true_when_one_of_its_mappings_is(maps: list[dict[str, int]], truth: bool) -> None:
    assert bool(ChainMapProxy(maps)) is truth


def test_repr_shows_the_mappings() -> None:
    assert repr(ChainMapProxy([{"a": 1}, {"b": 2}])) == "ChainMapProxy({'a': 1}, {'b': 2})"


def test_the_class_cannot_be_inherited_from() -> None:
    with pytest.raises(TypeError, match="class Mine inherits from ChainMapProxy"):

        class Mine(ChainMapProxy):
            pass
