"""Strategies by name: nesting, spaces, options, errors, and what the query says it was."""

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core import plugins
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.sockets import Strategy
from labelsieve.core.types import Labels, Query
from labelsieve.heads.choose import choose_head
from labelsieve.selection.naming import candidates_called, parted, strategies_in, strategy_called
from labelsieve.testing.toys import toy_classes

TOY = toy_classes(200)


def state(number: int = 0, known: int = 40) -> Round:
    labels = TOY.labels(np.arange(known))
    head = choose_head(labels).fit(TOY.x[:known], labels.y) if known else None
    return Round(ArrayPool(TOY.x), labels, head, number=number)


def spoken(name: str) -> Strategy:
    """A strategy that says its name as the reason."""

    def strategy(state: Round, n: int, rng: np.random.Generator) -> Query:
        return Query(state.free()[:n], np.zeros(n), np.full(n, np.nan), name, (name,), scored=1)

    return strategy


def who(text: str, number: int) -> str:
    return strategy_called(text, spoken)(state(number), 2, np.random.default_rng(0)).why[0]


def test_a_name_is_the_plugin_itself() -> None:
    assert strategy_called(" margin ") is plugins.load("strategies", "margin")


@pytest.mark.parametrize("text", ["a@2->b", "a@2 -> b", "  a @ 2  ->  b ", "a@ 2->b\n"])
def test_a_switch_changes_after_its_queries(text: str) -> None:
    assert [who(text, k) for k in range(4)] == ["a", "a", "b", "b"]


def test_switches_nest_and_count_from_the_first_query() -> None:
    assert [who("a@1 -> b@3 -> c", k) for k in range(5)] == ["a", "b", "b", "c", "c"]
    assert who("a@0 -> b", 0) == "b"


@pytest.mark.parametrize("text", ["part(limit=30) | margin", "part(limit=30)|margin", "part( limit = 30 )  |  margin"])
def test_candidates_narrow_what_is_scored(text: str) -> None:
    query = strategy_called(text)(state(), 5, np.random.default_rng(0))
    assert query.scored == 30 and len(query) == 5
    assert query.strategy == " ".join(text.split())


def test_candidates_bind_before_a_switch() -> None:
    text = "part(limit=30) | margin@2 -> entropy"
    scored = [strategy_called(text)(state(k), 5, np.random.default_rng(0)).scored for k in range(4)]
    assert scored == [30, 30, 160, 160]
    text = "random@1 -> part(limit=25) | margin"
    scored = [strategy_called(text)(state(k), 5, np.random.default_rng(0)).scored for k in range(2)]
    assert scored == [0, 25]


def test_a_query_says_word_by_word_what_asked_for_it() -> None:
    query = strategy_called("  random@2   ->  margin ")(state(), 3, np.random.default_rng(0))
    assert query.strategy == "random@2 -> margin"
    assert query.why == ("drawn at random",)
    assert strategy_called("margin")(state(), 3, np.random.default_rng(0)).strategy == "margin"


def test_a_switch_asks_what_its_part_alone_would_ask() -> None:
    alone = strategy_called("margin")(state(5), 7, np.random.default_rng(1))
    inside = strategy_called("random@2 -> everything | margin")(state(5), 7, np.random.default_rng(1))
    assert inside.ids.tolist() == alone.ids.tolist()


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "margin@2", "margin ->", "-> margin", "margin@x -> random", "margin random", "a|b|c"),
        *("margin(k=2)", "@2 -> margin", "| margin", "margin |", "margin@2 -> ", "part(limit=3 | margin"),
        "margin@-1 -> random",
    ],
)
def test_what_is_no_strategy_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ls.InputError, match=r"is no strategy|names no candidates|cannot be read") as caught:
        strategy_called(text)
    assert "labelsieve strategies lists" in str(caught.value) or "seals(k=50)" in str(caught.value)


@pytest.mark.parametrize("text", ["margine", "margine@2 -> random", "random@2 -> margine", "part(limit=9) | margine"])
def test_an_unknown_strategy_lists_what_there_is(text: str) -> None:
    with pytest.raises(ls.UnknownName, match="margine.*least_confident"):
        strategy_called(text)


def test_unknown_candidates_list_what_there_is() -> None:
    with pytest.raises(ls.UnknownName, match="nowhere.*everything"):
        strategy_called("nowhere | margin")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("part(limit=3, size=3)", "size"),
        ("part()", "limit"),
        ("part(3)", "cannot be read"),
        ("part(limit=)", "cannot be read"),
        ("part(limit=2 + [])", "cannot be read"),
        ("part(**limit)", "cannot be read"),
        ("part(limit=3, limit=4)", "cannot be read"),
        ("part(limit=__import__('os'))", "cannot be read"),
        ("part[3]", "names no candidates"),
    ],
)
def test_options_that_do_not_fit_are_named(text: str, match: str) -> None:
    with pytest.raises(ls.InputError, match=match):
        candidates_called(text)


def test_words_need_no_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def make(around: str = "all", k: int = 1):
        given.append((around, k))
        return lambda state, rng: state.free()

    monkeypatch.setattr(plugins, "load", lambda group, name: make)
    for text in ("seals(around=wanted, k=3)", "seals(around='wanted', k=3)", 'seals(k=3,around="wanted")'):
        candidates_called(text)
    candidates_called("seals(around='a|b -> c, d')")
    assert given == [("wanted", 3)] * 3 + [("a|b -> c, d", 1)]


def test_marks_inside_brackets_and_quotes_do_not_part() -> None:
    assert parted("a(x, 'y)', [1, 2]), b", ",") == ["a(x, 'y)', [1, 2])", " b"]
    assert parted("a->b('->')->c", "->") == ["a", "b('->')", "c"]
    assert parted("", ",") == [""]


def test_a_list_of_strategies_parts_at_its_own_commas() -> None:
    assert strategies_in("margin,,seals(k=50, explore=.1)|random , a@2->b,") == (
        "margin",
        "seals(k=50, explore=.1)|random",
        "a@2->b",
    )


def test_the_one_shot_query_takes_such_texts() -> None:
    y = TOY.y[:40]
    query = ls.query(TOY.x, 6, strategy="random@1 -> part(limit=50) | margin", labelled=np.arange(40), y=y)
    assert query.strategy == "random@1 -> part(limit=50) | margin"
    assert query.scored == 50
    with pytest.raises(ls.InputError, match="is no strategy"):
        ls.query(TOY.x, 6, strategy="margin; random")


def test_nothing_labelled_goes_through_every_form() -> None:
    empty = Labels(np.zeros(0, np.int64), np.zeros(0, np.int64), ("?",))
    for text in ("margin@2 -> random", "part(limit=9) | margin", "everything | typiclust"):
        query = strategy_called(text)(Round(ArrayPool(TOY.x), empty), 4, np.random.default_rng(0))
        assert len(set(query.ids.tolist())) == 4
