"""The type of the fixture `run`."""

from collections.abc import Callable, Coroutine
from typing import Any

# Any: what a coroutine yields, takes and returns is the business of the loop and the test.
Run = Callable[[Coroutine[Any, Any, Any]], Any]
