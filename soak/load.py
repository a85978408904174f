"""`Load`: drives a number of requests with a fixed number in flight, and notes how each went.

What it notes is bounded, so that it does not grow itself: kinds are counted, and latencies are kept for one lap.
"""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections import Counter
from collections.abc import Iterator

from soak.flows import FAULTY, HEALTHY, Flow
from trunkline import ClientSession

IN_FLIGHT = 32
LAP_TIMEOUT_S = 60.0  # and for each request of the lap what it takes a slow machine; requests have limits of their own
REQUEST_TIMEOUT_S = 0.02
MAX_KINDS = 20  # of unexpected errors kept


class Load:
    """Sends requests to `session`'s base URL, the part `faults` of them with a fault.

    unexpected: errors by their text. flows: requests by their flow. latencies: of the last lap's healthy requests.
    """

    def __init__(self, session: ClientSession, faults: float) -> None:
        self.unexpected: Counter[str] = Counter()
        self.flows: Counter[str] = Counter()
        self.latencies = array("d")
        self._session = session
        self._faults = faults
        self._number = 0

    async def lap(self, requests: int) -> None:
        """Send `requests`, and wait until all have ended. Raises TimeoutError when they do not."""
        self.latencies = array("d")
        flows = self._chosen(requests)
        async with asyncio.timeout(LAP_TIMEOUT_S + requests * REQUEST_TIMEOUT_S), asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(self._work(flows))

    def _chosen(self, requests: int) -> Iterator[tuple[str, Flow]]:
        healthy, weights = list(HEALTHY), list(HEALTHY.values())
        for _ in range(requests):
            if random.random() < self._faults:
                yield random.choice(list(FAULTY.items()))
            else:
                flow = random.choices(healthy, weights)[0]
                yield flow.__name__, flow

    async def _work(self, flows: Iterator[tuple[str, Flow]]) -> None:
        for name, flow in flows:
            self._number += 1
            self.flows[name] += 1
            began_at = time.perf_counter()
            try:
                await flow(self._session, self._number)
            except Exception as error:
                self._note(f"{name}: {type(error).__name__}: {error}")
            else:
                if name not in FAULTY:
                    self.latencies.append(time.perf_counter() - began_at)

    def _note(self, text: str) -> None:
        if text in self.unexpected or len(self.unexpected) < MAX_KINDS:
            self.unexpected[text] += 1
