"""What the providers cost: calls, quota units and seconds, counted where a call is made.

Every attempt counts, also one that fails or is made again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import perf_counter

from placement_pipeline.domain.costs import Cost


class Meter:
    """Adds up what is counted on it and on its branches; any thread may count.

    Args:
        trunk: the meter that counts the same.
    """

    def __init__(self, trunk: "Meter | None" = None) -> None:
        self._trunk = trunk
        self._lock = Lock()
        self._costs: dict[tuple[str, str], tuple[int, int, float]] = {}

    def branch(self) -> "Meter":
        """A meter for one piece of the work; this one counts it too."""
        return Meter(self)

    def count(self, provider: str, operation: str, seconds: float, units: int = 0) -> None:
        """Count one attempt."""
        with self._lock:
            calls, spent, waited = self._costs.get((provider, operation), (0, 0, 0.0))
            self._costs[provider, operation] = (calls + 1, spent + units, waited + seconds)
        if self._trunk is not None:
            self._trunk.count(provider, operation, seconds, units)

    @contextmanager
    def timed(self, provider: str, operation: str, units: int = 0) -> Iterator[None]:
        """Count the block as one attempt, however it ends."""
        started = perf_counter()
        try:
            yield
        finally:
            self.count(provider, operation, perf_counter() - started, units)

    def costs(self) -> list[Cost]:
        """What was counted so far, ordered by provider and operation."""
        with self._lock:
            counted = sorted(self._costs.items())
        return [Cost(*key, calls, units, seconds) for key, (calls, units, seconds) in counted]

    def calls(self) -> dict[str, int]:
        """Attempts by operation, over all providers."""
        return {cost.operation: cost.call_count for cost in self.costs()}
