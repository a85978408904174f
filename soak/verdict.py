"""Whether figures grow: a rule that neither noise nor a single outlier decides.

The first quarter of the samples is warm-up: caches fill, and the allocator finds its size. Over the others, growth per
request is the median of the slopes between all pairs of samples (Theil-Sen), and what is judged is the lower bound of
its confidence interval (Sen 1968): what the figure has grown by at least. That must be above a tolerance to fail.
Figures that come back to the same value whenever nothing is under way (descriptors, tasks) are compared as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

WARM_UP = 0.25  # of the samples
SURENESS = 3.09  # standard deviations: 1 in 1,000 flat runs would fail without the tolerance


class Growth(NamedTuple):
    """How a figure grows with each request: most likely, and surely."""

    likely: float
    surely: float


def growth(requests: Sequence[int], values: Sequence[float]) -> Growth:
    """Return the slope of `values` over `requests`, and the lower bound of its confidence interval."""
    points = list(zip(requests, values, strict=True))[int(len(values) * WARM_UP) :]
    slopes = sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))
    n = len(points)
    # The variance of Kendall's statistic (Sen 1968, §3).
    width = SURENESS * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return Growth(slopes[len(slopes) // 2], slopes[max(0, int((len(slopes) - width) / 2))])


def has_left_over(values: Sequence[int]) -> bool:
    """Tell whether more than the first value is left for good: in every sample of the second half."""
    return min(values[len(values) // 2 :]) > values[0]
