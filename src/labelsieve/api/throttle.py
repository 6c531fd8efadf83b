"""How often one address may guess wrong."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST_NAMES = 10_000  # addresses that are remembered


class Throttle:
    """At most `limit` failures in `seconds` for each name; then nothing is tried until the oldest is that old."""

    def __init__(self, limit: int = 10, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._seconds, self._clock = limit, seconds, clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until `name` may try again; 0 where it may now."""
        failures = self._failures.get(name)
        if failures is None:
            return 0.0
        now = self._clock()
        while failures and now - failures[0] >= self._seconds:
            failures.popleft()
        return self._seconds - (now - failures[0]) if len(failures) >= self._limit else 0.0

    def failed(self, name: str) -> None:
        """Counts a failure."""
        self._failures.setdefault(name, deque(maxlen=self._limit)).append(self._clock())
        self._failures.move_to_end(name)
        while len(self._failures) > MOST_NAMES:
            self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forgets the failures of a name."""
        self._failures.pop(name, None)
