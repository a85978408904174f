"""The fuzzers' corpora, replayed: whatever broke a parser once never does so again."""

from pathlib import Path

import pytest

from fuzz.corpus import CORPUS, seeds
from fuzz.targets import TARGETS

INPUTS = [(target, path) for target in TARGETS for path in seeds(target)]
MAX_FILES, MAX_BYTES = 1000, 300_000  # so that replaying stays a matter of seconds, and a clone small


@pytest.mark.parametrize(("target", "path"), INPUTS, ids=[f"{target}/{path.name}" for target, path in INPUTS])
def test_no_input_of_the_corpus_breaks_its_target(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert {target for target, _ in INPUTS} == set(TARGETS)


def test_the_corpora_stay_small() -> None:
    assert len(INPUTS) <= MAX_FILES
    assert sum(path.stat().st_size for _, path in INPUTS) <= MAX_BYTES
