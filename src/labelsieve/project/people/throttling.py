"""How many guesses at a password or token are allowed. In memory, with a clock that is passed in: no I/O.

login_keys(name, address)     what a guess at a password counts against
token_keys(address)           what a guess at a token counts against

Of passwords a name and an address together have a few guesses, then have to wait, twice as long after each further
one. An address alone has more, for the guesses at many names; a name alone has more still, and never waits long: else
anybody could lock anybody out. Of tokens, which are too long to be guessed, an address has ten a minute.
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
TOKEN = Allowance(10, 60.0, 60.0, forget=60.0)
Keys = tuple[tuple[tuple[str, ...], Allowance], ...]  # the narrowest first


@dataclass(slots=True)
class _Count:
    failed: int
    at: float


class Guesses:
    """Counts wrong guesses by keys, each with its allowance. Safe to call from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, ...], _Count] = OrderedDict()

    def wait(self, keys: Keys) -> float:
        """Seconds to wait before the next guess that counts against `keys`; 0.0 where none."""
        with self._lock:
            now = self._clock()
            return max(self._left(key, allowance, now) for key, allowance in keys)

    def failed(self, keys: Keys) -> None:
        """Counts one wrong guess."""
        with self._lock:
            now = self._clock()
            for key, allowance in keys:
                count = self._counts.pop(key, None)
                old = count is None or now - count.at > allowance.forget
                self._counts[key] = _Count(1 if old or count is None else count.failed + 1, now)
            while len(self._counts) > MOST_KEYS:
                self._counts.popitem(last=False)

    def succeeded(self, keys: Keys) -> None:
        """Forgets the wrong guesses of the narrowest key; those of an address or a name alone stay."""
        with self._lock:
            self._counts.pop(keys[0][0], None)

    def _left(self, key: tuple[str, ...], allowance: Allowance, now: float) -> float:
        count = self._counts.get(key)
        if count is None or count.failed < allowance.free or now - count.at > allowance.forget:
            return 0.0
        pause = min(allowance.first * 2.0 ** min(count.failed - allowance.free, 30), allowance.longest)
        return max(0.0, count.at + pause - now)


def login_keys(name: str, address: str) -> Keys:
    """Of a guess at a password: the name (however it is typed) with the address, then each alone."""
    who = name.strip().casefold()[:200]
    return ((("pair", who, address), PAIR), (("address", address), ADDRESS), (("name", who), NAME))


def token_keys(address: str) -> Keys:
    """Of a guess at a token: its address."""
    return ((("token", address), TOKEN),)
