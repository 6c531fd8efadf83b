"""How many guesses are allowed: the bounds that docs/explanation/security.md states are played hour by hour."""

import sys
import threading

import pytest

from labelsieve.project.people import throttling
from labelsieve.project.people.throttling import (
    ADDRESS,
    MOST_SEEN,
    NAME,
    PAIR,
    TOKEN,
    Guesses,
    Keys,
    is_guessable,
    login_keys,
    token_keys,
)

HOUR = 3600.0


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def fail(guesses: Guesses, keys: Keys, times: int = 1) -> None:
    """So many wrong guesses, each as soon as it is let in."""
    clock = guesses._clock
    assert isinstance(clock, _Clock)
    for _ in range(times):
        clock.now += guesses.wait(keys)
        assert guesses.attempt(keys) == 0.0


def most_in_an_hour(guesses: Guesses, keys_of: list[Keys]) -> int:
    """Guesses that somebody gets in who never rests, and takes whichever of `keys_of` is free first."""
    clock, done = guesses._clock, 0
    assert isinstance(clock, _Clock)
    end, turn = clock.now + HOUR, 0
    while clock.now < end:
        waits = [guesses.wait(keys) for keys in keys_of]
        turn = min(range(len(keys_of)), key=lambda i: (waits[i], (i - turn) % len(keys_of)))
        clock.now += waits[turn]
        if clock.now < end:
            assert guesses.attempt(keys_of[turn]) == 0.0
            done += 1
            turn += 1
    return done


# The bounds


def test_an_hour_of_guesses_at_one_name_from_one_address() -> None:
    assert most_in_an_hour(Guesses(_Clock()), [login_keys("ada", "1.2.3.4")]) <= 16


def test_an_hour_of_guesses_at_one_name_where_its_owner_came_in_from() -> None:
    guesses = Guesses(_Clock())
    guesses.succeeded(login_keys("ada", "1.2.3.4"))
    assert most_in_an_hour(guesses, [login_keys("ada", "1.2.3.4")]) <= 16


def test_an_hour_of_guesses_at_many_names_from_one_address() -> None:
    names = [login_keys(f"n{k}", "1.2.3.4") for k in range(60)]
    assert 20 <= most_in_an_hour(Guesses(_Clock()), names) <= 83


def test_an_hour_of_guesses_at_one_name_from_everywhere() -> None:
    everywhere = [login_keys("ada", f"10.0.0.{k}") for k in range(60)]
    assert 50 <= most_in_an_hour(Guesses(_Clock()), everywhere) <= 173


def test_an_hour_of_guesses_at_a_token_from_one_address() -> None:
    clock = _Clock()
    guesses, right = Guesses(clock), 0
    for k in range(36_000):  # ten a second
        right += guesses.attempt(token_keys("1.2.3.4"), f"token {k}") == 0.0
        clock.now += 0.1
    assert 60 <= right <= 73


def test_guesses_at_once_are_counted_before_they_are_looked_at() -> None:
    guesses = Guesses(_Clock())
    let_in, barrier = [], threading.Barrier(20)

    def guess() -> None:
        barrier.wait()
        if guesses.attempt(login_keys("ada", "1.2.3.4")) == 0.0:
            let_in.append(1)

    threads = [threading.Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_in) == PAIR.free


# Who waits, and who does not


def test_wrong_guesses_have_to_wait_longer_and_longer() -> None:
    clock = _Clock()
    guesses, keys = Guesses(clock), login_keys("ada", "1.2.3.4")
    fail(guesses, keys, PAIR.free - 1)
    assert guesses.wait(keys) == 0.0
    fail(guesses, keys)
    assert guesses.wait(login_keys("ADA ", "1.2.3.4")) == PAIR.first  # the same name however it is typed
    fail(guesses, keys)
    assert guesses.wait(keys) == 2 * PAIR.first
    fail(guesses, keys, 30)
    assert guesses.wait(keys) == PAIR.longest
    assert guesses.attempt(keys) == PAIR.longest  # refused, and not counted
    assert guesses.wait(login_keys("ada", "9.9.9.9")) == 0.0  # she comes in from elsewhere
    clock.now += PAIR.forget + 1
    assert guesses.wait(keys) == 0.0


def test_a_right_password_forgets_the_wrong_ones_of_the_pair() -> None:
    guesses, keys = Guesses(_Clock()), login_keys("ada", "a")
    fail(guesses, keys, PAIR.free + 2)
    guesses.succeeded(keys)
    assert guesses.wait(keys) == 0.0


def test_colleagues_behind_one_address_come_in_while_one_of_them_mistypes() -> None:
    clock = _Clock()
    guesses = Guesses(clock)
    fail(guesses, login_keys("ann", "office"), 8)  # one who never came in
    assert guesses.attempt(login_keys("bob", "office")) == 0.0  # the first morning
    guesses.succeeded(login_keys("bob", "office"))
    fail(guesses, login_keys("bob", "office"), 4)  # his mistakes are his own
    assert guesses.wait(login_keys("cid", "office")) == 0.0
    for k in range(ADDRESS.free):  # a stranger in the office tries names
        fail(guesses, login_keys(f"name {k}", "office"))
    assert guesses.wait(login_keys("cid", "office")) > 0.0
    assert guesses.attempt(login_keys("bob", "office")) == 0.0


def test_one_right_guess_opens_no_address() -> None:
    guesses = Guesses(_Clock())
    for k in range(ADDRESS.free + 1):
        fail(guesses, login_keys(f"name {k}", "a"))
    wait = guesses.wait(login_keys("bob", "a"))
    assert wait > 0.0
    guesses.succeeded(login_keys("eve", "a"))
    assert guesses.wait(login_keys("bob", "a")) >= wait / 2


def test_strangers_everywhere_let_nobody_wait_where_they_come_in_from() -> None:
    clock = _Clock()
    guesses = Guesses(clock)
    guesses.succeeded(login_keys("ada", "home"))
    for k in range(300):
        fail(guesses, login_keys("ada", f"address {k}"))
    assert 0.0 < guesses.wait(login_keys("ada", "train")) <= NAME.longest
    assert guesses.attempt(login_keys("ada", "home")) == 0.0


def test_an_address_of_ipv6_is_its_network() -> None:
    assert login_keys("ada", "2001:db8:1:2::1") == login_keys("ada", "2001:db8:1:2:ffff::9%eth0")
    assert login_keys("ada", "2001:db8:1:2::1") != login_keys("ada", "2001:db8:1:3::1")
    assert token_keys("::ffff:1.2.3.4") == token_keys("1.2.3.4") != token_keys("1.2.3.5")
    assert token_keys("testclient") != token_keys("?")


# Tokens


def test_an_address_has_ten_guesses_at_a_token_then_waits_longer_and_longer() -> None:
    clock = _Clock()
    guesses = Guesses(clock)
    for k in range(TOKEN.free):
        assert guesses.attempt(token_keys("a"), f"t{k}") == 0.0
    assert guesses.attempt(token_keys("a"), "another") == 2.0  # one that was wrong by mistake is soon heard again
    assert guesses.wait(token_keys("b")) == guesses.wait(login_keys("ada", "a")) == 0.0
    for k, pause in enumerate((4.0, 8.0, 16.0, 32.0, 60.0, 60.0)):
        clock.now += guesses.wait(token_keys("a"))
        assert guesses.attempt(token_keys("a"), f"another {k}") == 0.0
        assert guesses.wait(token_keys("a")) == pause


def test_the_same_wrong_token_again_is_no_further_guess() -> None:
    guesses = Guesses(_Clock())
    for _ in range(500):
        assert guesses.attempt(token_keys("a"), "ls_of-last-year") == 0.0
    for k in range(TOKEN.free - 1):
        assert guesses.attempt(token_keys("a"), f"t{k}") == 0.0
    assert guesses.wait(token_keys("a")) > 0.0


def test_a_short_token_can_be_guessed() -> None:
    import secrets

    assert is_guessable("T") and is_guessable("correct horse")
    assert not is_guessable(secrets.token_urlsafe(16)) and not is_guessable("ls_" + secrets.token_urlsafe(32))


# Memory


def test_the_limits_forget_what_is_old_before_memory_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MOST_KEYS", 10)
    monkeypatch.setattr(throttling, "MOST_PAIRS", 10)
    guesses = Guesses(_Clock())
    guesses.succeeded(login_keys("ada", "home"))
    for k in range(500):
        guesses.attempt(login_keys(f"n{k}", f"a{k}"))
        guesses.attempt(token_keys(f"a{k}"), "x" * 10_000)
    assert len(guesses._counts) == 10
    fail(guesses, login_keys("ada", "home"), 6)
    assert guesses.wait(login_keys("ada", "home")) > 0.0  # failures of others forget nobody who came in
    for k in range(500):
        guesses.succeeded(login_keys(f"n{k}", f"a{k}"))
    assert len(guesses._came) == 10


def test_a_million_addresses_take_no_more_than_some_megabytes() -> None:
    """Every count at its largest: as many as are remembered, each with as many wrong tokens as are known again."""
    guesses = Guesses(_Clock())
    size = 0
    for k in range(throttling.MOST_KEYS + 1000):
        for guess in range(MOST_SEEN if k < 100 else 1):
            guesses.attempt(token_keys(f"2001:db8:{k:x}::1"), f"{guess}" * 1000)
    assert len(guesses._counts) == throttling.MOST_KEYS
    for key, count in [*guesses._counts.items()][:1000]:
        parts = [key, *key, count, count.at, count.seen, *[b"12345678"] * MOST_SEEN]
        size = max(size, sum(map(sys.getsizeof, parts)) + 8 * MOST_SEEN)
    assert size * throttling.MOST_KEYS < 50e6
