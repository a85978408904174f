import random
from collections.abc import Callable

import pytest

from soak.verdict import growth, has_left_over

REQUESTS = range(10_000, 210_000, 10_000)  # 20 samples
NOISE = 300  # objects: a dozen connections more or fewer

Figure = Callable[[int], float]


def lower_bound(figure: Figure) -> float:
    return growth(REQUESTS, [figure(requests) for requests in REQUESTS]).surely


def noise() -> float:
    return random.uniform(-NOISE, NOISE)


@pytest.fixture(autouse=True)
def _same_noise_in_each_run() -> None:
    random.seed(1)


def test_an_object_lost_in_a_hundred_requests_shows_through_the_noise() -> None:
    assert lower_bound(lambda requests: 36_000 + requests / 100 + noise()) > 0.0025


@pytest.mark.parametrize(
    "figure",
    [
        lambda requests: 36_000,
        lambda requests: 36_000 + noise(),
        lambda requests: 36_000 - requests / 100 + noise(),
        lambda requests: 36_000 + requests % 30_000 / 10,  # a cache that is emptied when it is full
        lambda requests: 36_000 + 50_000 * (requests == 200_000) + noise(),  # one outlier, the last
        lambda requests: 36_000 + min(requests, 50_000) + noise(),  # warm-up
    ],
    ids=["constant", "noise", "shrinking", "sawtooth", "outlier", "warm-up"],
)
def test_what_does_not_grow_for_good_is_not_growth(figure: Figure) -> None:
    assert lower_bound(figure) <= 0


def test_the_likely_growth_is_the_slope() -> None:
    assert growth(REQUESTS, [0.5 * requests for requests in REQUESTS]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7, 7, 7, 7, 7, 7], False),
        ([7, 8, 9, 8, 7, 9], False),
        ([7, 7, 7, 7, 7, 9], False),
        ([7, 7, 7, 8, 8, 8], True),
        ([7, 8, 9, 10, 11, 12], True),
    ],
)
def test_what_stays_in_the_whole_second_half_is_left_over(values: list[int], expected: bool) -> None:
    assert has_left_over(values) is expected
