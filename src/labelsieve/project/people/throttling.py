"""How many guesses at a password or token are allowed. In memory, with a clock that is passed in: no I/O.

A name and an address together have a few guesses, then have to wait, twice as long after each further one. An address
alone has more, for the guesses at many names; a name alone has more still, and never waits long: else anybody could
lock anybody out.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_KEYS = 20_000  # that are remembered; the longest unused are forgotten first


@dataclass(frozen=True, slots=True)
class Allowance:
    """`free` guesses, then `first` seconds of waiting, doubled each time up to `longest`. Forgotten after `forget`."""

    free: int
    first: float
    longest: float
    forget: float = 3600.0


PAIR = Allowance(5, 2.0, 900.0)
ADDRESS = Allowance(20, 2.0, 900.0)
NAME = Allowance(50, 1.0, 30.0)


@dataclass(slots=True)
class _Count:
    failed: int
    at: float


class Guesses:
    """Counts wrong guesses by name and address. Safe to call from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, ...], _Count] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """Seconds that this name from this address has to wait before the next guess; 0.0 where it need not."""
        with self._lock:
            now = self._clock()
            return max(self._left(key, allowance, now) for key, allowance in _keys(name, address))

    def failed(self, name: str, address: str) -> None:
        """Counts one wrong guess."""
        with self._lock:
            now = self._clock()
            for key, allowance in _keys(name, address):
                count = self._counts.pop(key, None)
                old = count is None or now - count.at > allowance.forget
                self._counts[key] = _Count(1 if old or count is None else count.failed + 1, now)
            while len(self._counts) > MOST_KEYS:
                self._counts.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forgets the wrong guesses of this name from this address; those of the address alone stay."""
        with self._lock:
            self._counts.pop(_keys(name, address)[0][0], None)

    def _left(self, key: tuple[str, ...], allowance: Allowance, now: float) -> float:
        count = self._counts.get(key)
        if count is None or count.failed < allowance.free or now - count.at > allowance.forget:
            return 0.0
        pause = min(allowance.first * 2.0 ** min(count.failed - allowance.free, 30), allowance.longest)
        return max(0.0, count.at + pause - now)


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, ...], Allowance], ...]:
    who = name.strip().casefold()[:200]
    return ((("pair", who, address), PAIR), (("address", address), ADDRESS), (("name", who), NAME))
