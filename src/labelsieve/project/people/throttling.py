"""How many guesses at a password or token are allowed. In memory, with a clock that is passed in: no I/O.

login_keys(name, address)     what a guess at a password counts against
token_keys(address)           what a guess at a token counts against
is_guessable(token)           whether a token is so short that only counting protects it

A guess counts by what is guessed and by where it comes from. Of passwords a name and an address together have a few
guesses, then have to wait, twice as long after each further one. An address alone has more, for the guesses at many
names; a name alone has more still, and never waits long. Whoever has come in from an address before has there what
the pair has: neither others behind the same address nor strangers elsewhere let them wait.

Whoever brings the right token or session is not asked here at all. Wrong tokens are counted so that a program that
goes wrong is told: the same wrong token again is no further guess. What keeps a token from being guessed is that it is
long; one that is_guessable has to wait with the wrong ones.

At most, in an hour: from one address 16 guesses at one name, and 83 at all names that never came in from there; at one
name from everywhere 173; 73 at a guessable token from one address. Guesses at once count too: each is counted before
it is looked at. tests/unit/test_throttling.py plays them, docs/explanation/security.md says what they mean.
"""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

MOST_KEYS = 20_000  # that are remembered; the longest unused are forgotten first
MOST_PAIRS = 10_000  # of names and addresses that came in
MOST_SEEN = 10  # wrong tokens of an address that are known again
LONG_ENOUGH = 22  # characters of a token: 128 bits where they are random


@dataclass(frozen=True, slots=True)
class Allowance:
    """`free` guesses, then `first` seconds of waiting, doubled each time up to `longest`. Forgotten after `forget`."""

    free: int
    first: float
    longest: float
    forget: float = 3600.0


PAIR = Allowance(5, 2.0, 900.0)
ADDRESS = Allowance(20, 2.0, 60.0)
NAME = Allowance(50, 1.0, 30.0)
TOKEN = Allowance(10, 2.0, 60.0)
Keys = tuple[tuple[tuple[str, ...], Allowance], ...]  # the narrowest first


@dataclass(slots=True)
class _Count:
    failed: int = 0
    at: float = 0.0
    seen: tuple[bytes, ...] = field(default=())


class Guesses:
    """Counts wrong guesses by keys, each with its allowance. Safe to call from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, ...], _Count] = OrderedDict()
        self._came: OrderedDict[tuple[str, ...], None] = OrderedDict()  # narrowest keys that were right once

    def wait(self, keys: Keys) -> float:
        """Seconds to wait before the next guess that counts against `keys`; 0.0 where none."""
        with self._lock:
            now = self._clock()
            return max(self._left(key, allowance, now) for key, allowance in self._counting(keys))

    def attempt(self, keys: Keys, guess: str = "") -> float:
        """Seconds to wait; 0.0 where the guess may be looked at. It counts as a wrong one until `succeeded`.

        A `guess` that is among the last wrong ones of the first key is known to be wrong, and counts no more.
        """
        with self._lock:
            now, counting = self._clock(), self._counting(keys)
            wait = max(self._left(key, allowance, now) for key, allowance in counting)
            if wait:
                return wait
            mark = blake2b(guess.encode("utf-8", "surrogatepass"), digest_size=8).digest() if guess else b""
            first = self._counts.get(counting[0][0])
            if mark and first is not None and mark in first.seen:
                return 0.0
            for key, allowance in counting:
                count = self._counts.pop(key, _Count())
                if now - count.at > allowance.forget:
                    count = _Count()
                seen = (*count.seen, mark)[-MOST_SEEN:] if mark else ()
                self._counts[key] = _Count(count.failed + 1, now, seen)
            while len(self._counts) > MOST_KEYS:
                self._counts.popitem(last=False)
            return 0.0

    def succeeded(self, keys: Keys) -> None:
        """The last attempt was right: it counts no more, nor do wrong ones of the narrowest key, which is known now."""
        with self._lock:
            for key, _ in self._counting(keys):
                if (count := self._counts.get(key)) is not None:
                    count.failed -= 1
            narrow = keys[0][0]
            self._counts.pop(narrow, None)
            self._came.pop(narrow, None)
            self._came[narrow] = None
            while len(self._came) > MOST_PAIRS:
                self._came.popitem(last=False)

    def _counting(self, keys: Keys) -> Keys:
        return keys[:1] if keys[0][0] in self._came else keys

    def _left(self, key: tuple[str, ...], allowance: Allowance, now: float) -> float:
        count = self._counts.get(key)
        if count is None or count.failed < allowance.free or now - count.at > allowance.forget:
            return 0.0
        pause = min(allowance.first * 2.0 ** min(count.failed - allowance.free, 30), allowance.longest)
        return max(0.0, count.at + pause - now)


def login_keys(name: str, address: str) -> Keys:
    """Of a guess at a password: the name (however it is typed) with the address, then each alone."""
    who, where = name.strip().casefold()[:200], _place(address)
    return ((("pair", who, where), PAIR), (("address", where), ADDRESS), (("name", who), NAME))


def token_keys(address: str) -> Keys:
    """Of a guess at a token: its address."""
    return ((("token", _place(address)), TOKEN),)


def is_guessable(token: str) -> bool:
    """Whether a token that somebody chose could be found by trying. Those that labelsieve makes cannot."""
    return len(token) < LONG_ENOUGH


def _place(address: str) -> str:
    """An address as it counts: whoever has one of IPv6 has 2**64 of them, so these count together."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False).network_address)
