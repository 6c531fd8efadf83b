"""Passwords, people, sessions, tokens, the trail and the limits of guessing, on a real ledger."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from labelsieve.core.errors import InputError, ProjectError, UnknownName
from labelsieve.project.database import Ledger, connect
from labelsieve.project.people import passwords, sessions, tokens, trail, users

GOOD = "a horse of four legs"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same function at a cost that tests can pay."""
    monkeypatch.setattr(passwords, "COST", 16)
    monkeypatch.setattr(passwords._key, "__defaults__", (16, passwords.BLOCK, 1))
    monkeypatch.setattr(passwords, "PARALLEL", 1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    conn = connect(tmp_path / "labels.sqlite", create=True)
    yield conn
    conn.close()


@pytest.fixture
def people(ledger: Ledger) -> Ledger:
    """Ada is admin, bob annotates."""
    users.add_person(ledger, "ada", "admin", GOOD)
    users.add_person(ledger, "bob", "annotator", GOOD)
    return ledger


def test_a_password_matches_itself_alone() -> None:
    stored = passwords.hashed(GOOD)
    assert GOOD not in stored
    assert stored != passwords.hashed(GOOD)  # a salt of its own
    assert passwords.matches(GOOD, stored)
    assert not any(passwords.matches(other, stored) for other in ("", GOOD[:-1], GOOD + " ", GOOD.upper()))
    assert not passwords.matches(GOOD, "") and not passwords.matches(GOOD, "plain$text")


def test_the_same_letters_from_another_keyboard_match() -> None:
    assert passwords.matches("re\u0301sume\u0301 of a life", passwords.hashed("r\u00e9sum\u00e9 of a life"))


def test_the_cost_stands_in_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = passwords.hashed(GOOD)
    monkeypatch.setattr(passwords._key, "__defaults__", (32, passwords.BLOCK, 1))
    assert passwords.matches(GOOD, stored)  # a later version may cost more


@pytest.mark.parametrize(
    ("password", "said"),
    [("short", "5 characters"), ("x" * 2000, "at most"), ("PasswordPassword", "first"), ("a" * 12, "first")],
)
def test_poor_passwords_are_refused(ledger: Ledger, password: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        users.add_person(ledger, "ada", "admin", password)
    assert password not in str(error.value)
    with pytest.raises(InputError, match="first"):
        users.add_person(ledger, "ada lovelace", "admin", "ada LOVELACE")


def test_people_are_added_changed_and_removed(people: Ledger) -> None:
    assert [(one.name, one.role) for one in users.everyone(people)] == [("ada", "admin"), ("bob", "annotator")]
    users.change_person(people, "bob", role="reviewer")
    assert users.person_named(people, "bob").may("reviewer")
    users.remove_person(people, "bob")
    assert [one.name for one in users.everyone(people)] == ["ada"]
    assert users.signed_in(people, "bob", GOOD) is None
    users.add_person(people, "bob", "viewer", "another phrase")  # the same person again
    back = users.signed_in(people, "bob", "another phrase")
    assert back is not None and back.role == "viewer"


@pytest.mark.parametrize("name", ["", " ", "a/b", "<b>", "x" * 81, "a\nb", "..", "a\0b", "Ada", "BOB"])
def test_names_that_cannot_be(people: Ledger, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot be a name|already"):
        users.add_person(people, name, "viewer", GOOD)


def test_there_is_always_an_admin(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="first person"):
        users.add_person(ledger, "bob", "annotator", GOOD)
    users.add_person(ledger, "ada", "admin", GOOD)
    with pytest.raises(InputError, match="only admin"):
        users.change_person(ledger, "ada", role="viewer")
    with pytest.raises(InputError, match="only admin"):
        users.remove_person(ledger, "ada")
    users.add_person(ledger, "eve", "admin", GOOD)
    users.remove_person(ledger, "ada")
    with pytest.raises(UnknownName, match="Did you mean 'eve'"):
        users.person_named(ledger, "evee")
    with pytest.raises(UnknownName, match="role"):
        users.change_person(ledger, "eve", role="king")


def test_who_signs_in(people: Ledger) -> None:
    found = users.signed_in(people, " ada ", GOOD)
    assert found is not None and (found.name, found.role) == ("ada", "admin")
    for name, password in (("ada", "wrong"), ("nobody", GOOD), ("", ""), ("ad\0a", GOOD), ("ada", "x" * 5000)):
        assert users.signed_in(people, name, password) is None


def test_an_unknown_name_takes_as_long_as_a_wrong_password(people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = passwords._key
    monkeypatch.setattr(passwords, "_key", lambda *given: calls.append(given) or real(*given))
    users.signed_in(people, "ada", "wrong")
    users.signed_in(people, "nobody", "wrong")
    assert len(calls) == 2


def test_a_session_lives_while_it_is_used(people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = sessions.begin_session(people, users.person_named(people, "bob"))
    assert people.execute("SELECT COUNT(*) FROM sessions WHERE hash = ?", (opened.cookie,)).fetchone() == (0,)
    found = sessions.session_of(people, opened.cookie)
    assert found is not None and (found.person.name, found.csrf, found.due) == ("bob", opened.csrf, False)
    monkeypatch.setattr(sessions, "IDLE", timedelta(hours=14))  # as if two hours had gone by
    later = sessions.session_of(people, opened.cookie)
    assert later is not None and later.due
    sessions.renew_session(people, opened.cookie)
    renewed = sessions.session_of(people, opened.cookie)
    assert renewed is not None and not renewed.due
    monkeypatch.setattr(sessions, "LIFE", timedelta(seconds=-1))
    sessions.renew_session(people, opened.cookie)
    assert sessions.session_of(people, opened.cookie) is None


def test_sessions_end(people: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = users.person_named(people, "bob")
    first, second = sessions.begin_session(people, bob), sessions.begin_session(people, bob)
    assert first.cookie != second.cookie and first.csrf != second.csrf
    sessions.end_session(people, first.cookie)
    assert sessions.session_of(people, first.cookie) is None
    users.change_person(people, "bob", role="reviewer")
    now = sessions.session_of(people, second.cookie)
    assert now is not None and now.person.role == "reviewer"  # at once
    users.change_person(people, "bob", password="a new phrase")
    assert sessions.session_of(people, second.cookie) is None
    third = sessions.begin_session(people, bob)
    users.remove_person(people, "bob")
    assert sessions.session_of(people, third.cookie) is None
    monkeypatch.setattr(sessions, "IDLE", timedelta(seconds=-1))
    assert sessions.session_of(people, sessions.begin_session(people, users.person_named(people, "ada")).cookie) is None


def test_a_token_is_known_by_its_hash_alone(people: Ledger) -> None:
    token = tokens.new_token(people, "bob", "upload", days=30)
    assert token.startswith(tokens.PREFIX)
    dump = "\n".join(people.iterdump())
    assert token not in dump and token[3:] not in dump
    found = tokens.token_person(people, token)
    assert found is not None and (found.person.name, found.due) == ("bob", True)
    tokens.touch_token(people, token)
    again = tokens.token_person(people, token)
    assert again is not None and not again.due
    (row,) = tokens.tokens_of(people, "bob")
    assert row.used is not None and row.until is not None
    assert tokens.token_person(people, token + "x") is None and tokens.token_person(people, "") is None


def test_tokens_end(people: Ledger) -> None:
    one, two, three = (tokens.new_token(people, "bob", name, None) for name in ("one", "two", "three"))
    first = tokens.tokens_of(people, "bob")[0]
    with pytest.raises(InputError, match="no open token"):
        tokens.revoke_token(people, first.id, "ada")
    tokens.revoke_token(people, first.id, "bob")
    assert tokens.token_person(people, one) is None
    people.execute("UPDATE tokens SET until = '2020-01-01' WHERE name = 'two'")
    assert tokens.token_person(people, two) is None
    users.remove_person(people, "bob")
    assert tokens.token_person(people, three) is None
    users.add_person(people, "bob", "admin", GOOD)
    assert tokens.token_person(people, three) is None  # what was removed stays so
    assert tokens.tokens_of(people) == []


@pytest.mark.parametrize(("name", "days"), [("", 1), ("x" * 81, 1), ("a\nb", 1), ("up", 0), ("up", 99_999)])
def test_tokens_that_cannot_be(people: Ledger, name: str, days: int) -> None:
    with pytest.raises(InputError):
        tokens.new_token(people, "bob", name, days)
    tokens.new_token(people, "bob", "twice", 1)
    with pytest.raises(InputError, match="already"):
        tokens.new_token(people, "bob", "twice", 1)


def test_the_trail_keeps_what_was_done(ledger: Ledger) -> None:
    trail.put(ledger, "ada", "person.add", {"name": "bob"})
    trail.put(ledger, "bob", "login")
    trail.put(ledger, "ada", "export.write", {"long": "x" * 9000})
    assert [(one.who, one.what) for one in trail.newest(ledger)] == [
        ("ada", "export.write"), ("bob", "login"), ("ada", "person.add"),
    ]  # fmt: skip
    assert [one.what for one in trail.entries(ledger, after=1)] == ["login", "export.write"]
    assert [one.what for one in trail.entries(ledger, what="person.")] == ["person.add"]
    assert [one.what for one in trail.entries(ledger, who="bob", limit=0)] == ["login"]
    assert [row[3] for row in trail.block(ledger, 0)] == ["person.add", "login", "export.write"]
    assert max(len(row[4]) for row in trail.block(ledger, 0)) <= trail.LONGEST
    assert json.loads(trail.block(ledger, 0)[0][4]) == {"name": "bob"}
    assert trail.block(ledger, 3) == []


@pytest.mark.parametrize("sql", ["DELETE FROM trail", "UPDATE trail SET who = 'eve'"])
def test_the_trail_cannot_be_changed(ledger: Ledger, sql: str) -> None:
    trail.put(ledger, "ada", "login")
    with pytest.raises((sqlite3.IntegrityError, ProjectError), match="append-only"):
        ledger.execute(sql)
