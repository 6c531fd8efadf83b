"""Filters and orders of a view, against a plain reference that goes through the items one by one."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labelsieve as ls
from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import Label, Value
from labelsieve.project import arrayparts, events, folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.database import transaction
from labelsieve.project.desk import flags
from labelsieve.project.views import arrayfiles, filtering, foreseen, stored, tiles
from labelsieve.project.views.filtering import All, Either, Filter, Other, Sort
from labelsieve.project.views.glances import Glance
from labelsieve.project.views.masks import chosen, in_order
from labelsieve.project.views.stored import GoneView, Wanted

N, CLASSES, PEOPLE = 60, ("a", "b", "c"), ("ann", "bob")


@dataclass
class Row:
    """One item as the reference knows it."""

    item: int
    key: str
    colour: str
    size: float | None
    label: str | None  # agreed
    differ: bool
    by: frozenset[str]
    guess: str
    p: float
    second: float
    flagged: bool
    seq: float
    last: str  # who answered last


@dataclass
class Made:
    context: Context
    rows: list[Row]


def _value(text: str) -> Value:
    return Value("skip") if text == "skip" else Value("unsure") if text == "unsure" else Value("class", (text,))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A project of texts with labels of two people, predictions and flags, all drawn by one seed."""
    home, rng = tmp_path_factory.mktemp("views"), np.random.default_rng(4)
    colours = rng.choice(["red", "dark red", "blue", ""], N).tolist()
    sizes = [None if rng.random() < 0.2 else round(float(rng.normal(5, 3)), 2) for _ in range(N)]
    lines = ["id,text,colour,size,truth"]
    lines += [
        f"K_{at:03d},text {at},{colours[at]},{'' if size is None else size},secret" for at, size in enumerate(sizes)
    ]
    (home / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    project = ls.create(
        home / "p", home / "t.csv", key="id", text="text", labels=None, classes=[*CLASSES], columns=None
    )
    context = project.context
    ids = Glance(context).ids
    said: dict[int, dict[str, tuple[str, int]]] = {}
    with transaction(context.conn):
        for seq in range(1, 71):
            item, by = int(rng.choice(ids)), str(rng.choice(PEOPLE))
            what = str(rng.choice([*CLASSES, *CLASSES, "skip", "unsure"]))
            before = said.get(item, {}).get(by)
            last = next(
                (one.id for one in reversed(list(events.history(context.conn, "main", item))) if one.by == by), None
            )
            label = Label(
                str(uuid.UUID(int=seq)), "main", item, _value(what), by, "2026-01-01T00:00:00+00:00", supersedes=last
            )
            events.write(context.conn, [label])
            said.setdefault(item, {}).pop(by, before)
            said[item][by] = (what, seq)
    code = rng.integers(0, 3, N)
    p = np.sort(rng.dirichlet([1, 1, 1], N), axis=1)[:, ::-1].astype(np.float32)
    _predict(context, ids, code, p)
    for item in ids[::7].tolist():
        flags.raise_flag(context.conn, context.task, item, "ann")
    rows = [
        _row(at, int(ids[at]), colours[at], sizes[at], said.get(int(ids[at]), {}), CLASSES[code[at]], p[at])
        for at in range(N)
    ]
    return Made(context, rows)


def _row(
    at: int, item: int, colour: str, size: float | None, said: dict[str, tuple[str, int]], guess: str, p: Any
) -> Row:
    given_ = sorted(said.values(), key=lambda one: one[1])
    counted = ["out" if text in ("skip", "unsure") else text for text, _ in given_]
    label = None
    if counted:
        best = max(
            counted, key=lambda text: (counted.count(text), max(k for k, other in enumerate(counted) if other == text))
        )
        label = [text for text, _ in given_ if text in ("skip", "unsure")][-1] if best == "out" else best
    differ = len({text for text in counted if text != "out"}) > 1
    seq = max((one[1] for one in given_), default=float("nan"))
    return Row(
        item,
        f"K_{at:03d}",
        colour,
        size,
        label,
        differ,
        frozenset(said),
        guess,
        float(p[0]),
        float(p[1]),
        at % 7 == 0,
        seq,
        max(said, key=lambda name: said[name][1], default=""),
    )


def _predict(context: Context, ids: Any, code: Any, p: Any) -> None:
    arrays = {"ids": ids, "code": code.astype(np.int16), "p": p[:, 0], "second": p[:, 1]}
    facts = {"classes": ["a", "b", "c"], "mark": "m", "items": 60}
    arrayparts.put(context.cache / "predictions" / "main", arrays, facts)


def holds(row: Row, tree: Any) -> bool:
    """What a filter says of one item, in plain words."""
    kind = tree.what
    if kind == "all":
        return all(holds(row, one) for one in tree.of)
    if kind == "any":
        return any(holds(row, one) for one in tree.of)
    if kind == "not":
        return not holds(row, tree.of)
    if kind == "label":
        state = {"skip": "skip", "unsure": "unsure", None: "none"}.get(row.label, "")
        return row.label in tree.classes or state in tree.states or ("any" in tree.states and row.label is not None)
    if kind == "guess":
        low, high = np.float32(tree.low), np.float32(tree.high)
        return bool(low <= np.float32(row.p) <= high) and (not tree.classes or row.guess in tree.classes)
    if kind == "disagreement":
        return row.differ if tree.between == "annotators" else row.label in CLASSES and row.label != row.guess
    if kind == "column":
        if tree.relation == "range":
            low, high = (-np.inf if tree.low is None else tree.low), (np.inf if tree.high is None else tree.high)
            return row.size is not None and low <= row.size <= high
        if tree.relation == "is":
            return row.colour in tree.texts
        return any(part.lower() in row.colour.lower() for part in tree.texts)
    if kind == "annotator":
        return bool(row.by & set(tree.names))
    if kind == "flagged":
        return row.flagged == tree.on
    assert kind == "key"
    return tree.text.lower() in row.key.lower()


def some(values: Any) -> Any:
    return st.lists(st.sampled_from(values), max_size=3).map(tuple)


numbers = st.floats(0, 1, width=32)
leaf = st.one_of(
    st.builds(filtering.Answered, st.just("label"), some(CLASSES), some(("none", "any", "skip", "unsure"))),
    st.builds(filtering.Guessed, st.just("guess"), some(CLASSES), numbers, numbers),
    st.builds(filtering.Doubted, st.just("disagreement"), st.sampled_from(["head", "annotators"])),
    st.builds(filtering.InColumn, st.just("column"), st.just("colour"), st.just("is"), some(("red", "blue", "", "x'"))),
    st.builds(filtering.InColumn, st.just("column"), st.just("colour"), st.just("contains"), some(("RED", "u", "%"))),
    st.builds(
        filtering.InColumn,
        *(st.just("column"), st.just("size"), st.just("range"), st.just(())),
        *(st.none() | st.floats(-5, 15), st.none() | st.floats(-5, 15)),
    ),
    st.builds(filtering.AnsweredBy, st.just("annotator"), some((*PEOPLE, "'; DROP TABLE events; --"))),
    st.builds(filtering.Flagged, st.just("flagged"), st.booleans()),
    st.builds(filtering.Keyed, st.just("key"), st.sampled_from(["k_0", "1", "_", "%", "K_05", "\\", "'", ""])),
)
trees = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds(All, st.just("all"), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Either, st.just("any"), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Other, st.just("not"), inner),
    ),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees)
def test_a_filter_lets_through_what_the_reference_does(made: Made, tree: Filter) -> None:
    expected = [row.item for row in made.rows if holds(row, tree)]
    assert chosen(Glance(made.context), tree).tolist() == expected


KEYS = {
    "id": lambda row: row.item,
    "key": lambda row: row.key,
    "probability": lambda row: row.p,
    "margin": lambda row: float(np.float32(row.p) - np.float32(row.second)),
    "disagreement": lambda row: row.p if row.label in CLASSES and row.label != row.guess else float("nan"),
    "labelled": lambda row: row.seq,
    "label": lambda row: [*CLASSES, "unsure", "skip"].index(row.label) if row.label else float("nan"),
    "guess": lambda row: CLASSES.index(row.guess),
    "source": lambda row: 0,
    "column size": lambda row: float("nan") if row.size is None else row.size,
    "column colour": lambda row: ["blue", "dark red", "red"].index(row.colour) if row.colour else float("nan"),
    "annotator": lambda row: PEOPLE.index(row.last) if row.last else float("nan"),
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("by", list(KEYS))
def test_an_order_is_that_of_the_reference(made: Made, by: Any, descending: bool) -> None:
    key = KEYS[by]
    there = [row for row in made.rows if key(row) == key(row)]
    sign = sorted(there, key=key, reverse=descending)  # Python's sort is stable in both directions
    expected = [row.item for row in sign] + [row.item for row in made.rows if key(row) != key(row)]
    glance = Glance(made.context)
    by, _, name = by.partition(" ")
    assert in_order(glance, glance.ids, Sort(by, descending, name=name)).tolist() == expected


def test_a_column_that_there_is_not_orders_nothing(made: Made) -> None:
    glance = Glance(made.context)
    with pytest.raises(UnknownName, match="colour"):
        in_order(glance, glance.ids, Sort("column", name="truthful"))


def test_nobody_is_ordered_by_what_others_answered(made: Made) -> None:
    mine = Glance(made.context, "ann")
    ordered = in_order(mine, mine.ids, Sort("annotator")).tolist()
    answered = [row.item for row in made.rows if "ann" in row.by]
    assert ordered == answered + [row.item for row in made.rows if "ann" not in row.by]


def test_a_random_order_follows_from_its_seed(made: Made) -> None:
    glance = Glance(made.context)
    first, again, other = (in_order(glance, glance.ids, Sort("random", seed=seed)).tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert sorted(first) == glance.ids.tolist()


def test_one_annotator_sees_their_own_answers_alone(made: Made) -> None:
    mine = Glance(made.context, "ann")
    expected = [row.item for row in made.rows if "ann" in row.by]
    assert chosen(mine, filtering.Answered("label", states=("any",))).tolist() == expected
    assert not len(chosen(mine, filtering.AnsweredBy("annotator", ("bob",))))
    assert not len(chosen(mine, filtering.Doubted("disagreement", "annotators")))


def test_tiles_say_what_the_fold_says(made: Made) -> None:
    shown = tiles.tiles_of(made.context, Glance(made.context).ids)
    said = {"skip": ("skip", []), "unsure": ("unsure", []), None: None} | {name: ("class", [name]) for name in CLASSES}
    for tile, row in zip(shown, made.rows, strict=True):
        label = tile["label"] and (tile["label"]["tag"], tile["label"]["names"])
        assert (tile["key"], label, tile["flagged"]) == (row.key, said[row.label], row.flagged)
        assert (tile["guess"], tile["text"]) == (row.guess, f"text {int(row.key[2:])}")
        assert tile["label"] is None or tile["label"]["differ"] == row.differ
    agreed = folding.agreed(made.context.conn, "main")
    assert {row.item: (row.label,) for row in made.rows if row.label in CLASSES} == agreed


def test_equal_views_are_one_file_until_what_they_depend_on_changes(made: Made) -> None:
    by_flag = Wanted(filtering.Flagged("flagged"))
    first = stored.create(made.context, by_flag)
    assert stored.create(made.context, by_flag) == first
    assert stored.create(made.context, by_flag, "ann").id != first.id
    item = made.rows[1].item
    flags.raise_flag(made.context.conn, made.context.task, item, "bob")
    after = stored.create(made.context, by_flag)
    flags.lower_flag(made.context.conn, made.context.task, item, "bob")
    assert after.id != first.id
    assert after.total == (first.total or 0) + 1
    assert stored.open_view(made.context, first.id)[1].tolist() == [row.item for row in made.rows if row.flagged]


def test_items_that_are_named_stay_in_their_order(made: Made) -> None:
    ids = np.array([made.rows[at].item for at in (9, 2, 2, 30, 7)] + [10**9], np.int64)
    plain = stored.create(made.context, Wanted(ids=ids))
    assert stored.open_view(made.context, plain.id)[1].tolist() == [made.rows[at].item for at in (9, 2, 30, 7)]
    by_key = stored.create(made.context, Wanted(sort=Sort("key"), ids=ids))
    assert stored.open_view(made.context, by_key.id)[1].tolist() == [made.rows[at].item for at in (2, 7, 9, 30)]
    flagged = stored.create(made.context, Wanted(filtering.Flagged("flagged"), ids=ids))
    assert stored.open_view(made.context, flagged.id)[1].tolist() == [made.rows[7].item]


@pytest.mark.parametrize("name", ["", "1", "../../labels", "1-" + "0" * 32, "99-" + "0" * 32, "1-" + "Z" * 32])
def test_a_view_that_there_is_not_is_named(made: Made, name: str) -> None:
    with pytest.raises(GoneView):
        stored.open_view(made.context, name)


def test_selections_are_within_their_view(made: Made) -> None:
    view = stored.create(made.context, Wanted(sort=Sort("key", descending=True)))
    ids = stored.open_view(made.context, view.id)[1].tolist()
    some_ = stored.selected(made.context, None, view.id, [(0, 2), (1, 4), (59, 60)])
    assert some_.tolist() == [*ids[:4], ids[59]]
    assert stored.selected(made.context, None, view.id, None).tolist() == ids
    for ranges in ([(0, 61)], [(-1, 2)], [(3, 2)]):
        with pytest.raises(InputError):
            stored.selected(made.context, None, view.id, ranges)
    for items, name in ((None, None), ([1], view.id)):
        with pytest.raises(InputError):
            stored.selected(made.context, items, name, None)


def test_names_that_there_are_not_are_errors(made: Made) -> None:
    for tree in (filtering.InColumn("column", "nope"), filtering.FromSource("source", ("nope",))):
        with pytest.raises(UnknownName):
            chosen(Glance(made.context), tree)


def test_a_filter_is_not_larger_than_it_may_be(made: Made) -> None:
    tree: Filter = filtering.Flagged("flagged")
    for _ in range(filtering.MOST):
        tree = Other("not", tree)
    with pytest.raises(InputError, match="conditions"):
        stored.create(made.context, Wanted(tree))


def test_what_is_alike_stands_nearest_first(tmp_path: Path) -> None:
    x = np.array([[1, 0], [0, 1], [0.9, 0.1], [0.1, 0.9], [0.7, 0.3]], np.float32)
    np.save(tmp_path / "x.npy", x)
    context = ls.create(tmp_path / "p", tmp_path / "x.npy", classes=["a"]).context
    ids = Glance(context).ids
    view = stored.create(context, Wanted(near=int(ids[0])))
    assert stored.open_view(context, view.id)[1].tolist() == ids[[0, 2, 4, 3, 1]].tolist()
    flags.raise_flag(context.conn, context.task, int(ids[4]), "me")
    view = stored.create(context, Wanted(filtering.Flagged("flagged"), near=int(ids[0])))
    assert stored.open_view(context, view.id)[1].tolist() == [int(ids[4])]
    with pytest.raises(UnknownName):
        stored.create(context, Wanted(near=10**9))


def test_files_that_are_damaged_or_old_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "view.npy"
    assert arrayfiles.kept(path) is None
    arrayfiles.put(path, np.arange(5))
    assert arrayfiles.kept(path) is not None
    path.write_bytes(path.read_bytes()[:-9])
    assert arrayfiles.kept(path) is None
    monkeypatch.setattr(arrayfiles, "MOST", 2)
    monkeypatch.setattr(arrayfiles, "FRESH", -1.0)
    for name in "abcd":
        arrayfiles.put(tmp_path / f"{name}.npy", np.arange(3))
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_predictions_of_another_pool_leave_gaps(made: Made) -> None:
    known = foreseen.read(made.context)
    assert known is not None
    glance = Glance(made.context)
    object.__setattr__(known, "ids", known.ids[1:])
    for name in ("code", "p", "second"):
        object.__setattr__(known, name, getattr(known, name)[1:])
    glance.__dict__["_foreseen"] = known
    assert glance.guess[0] == -1
    assert np.isnan(glance.p[0])
    assert glance.guess[1:].tolist() == [CLASSES.index(row.guess) for row in made.rows[1:]]


@pytest.mark.parametrize(
    ("dull", "names"), [("dull", ("dull", "odd")), ("fine", ("fine", "odd")), ("odd", ("dull", "odd"))]
)
def test_a_screen_guesses_by_the_name_of_its_dull_class(tmp_path: Path, dull: str, names: tuple[str, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    x[:10] += 6
    np.save(tmp_path / "x.npy", x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen", dull=dull) as project:
        project.label([*range(1, 7), *range(21, 51)], ["crack"] * 6 + [dull] * 30, by="ann")
        context = project.context
        foreseen.write(context, project.fit())
        known = foreseen.read(context)
        assert known is not None
        assert known.classes == names
        assert {found[0] for found in known.of(known.ids) if found} == set(names)
        told = np.isin(known.ids, [*range(1, 7), *range(21, 51)])
        assert not Glance(context).gainsaid[told].any()


def test_columns_are_told_of_rows_that_moved(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("id,text,colour\n" + "".join(f"k{k},text {k},{'red' if k % 3 else 'blue'}\n" for k in range(9)))
    with ls.create(tmp_path / "p", table, key="id", text="text", classes=["a"]) as project:
        conn = project.context.conn
        source = next(iter(project.context.rows))
        ids, rows = manifest.numbered(conn, source)
        assert (ids - rows).tolist() == [int(ids[0])] * 9
        blue = filtering.InColumn("column", "colour", "is", ("blue",))
        assert manifest.keys(conn, chosen(Glance(project.context), blue)) == ["k0", "k3", "k6"]
        kept = [8, 0, 3, 4, 6]  # in another order, and some have gone
        table.write_text("id,text,colour\n" + "".join(f"k{k},text {k},{'red' if k % 3 else 'blue'}\n" for k in kept))
        project.sync()
        ids, rows = manifest.numbered(conn, source)
        said = dict(zip(manifest.keys(conn, ids), rows.tolist(), strict=True))
        assert said == {f"k{k}": at for at, k in enumerate(kept)}
        assert manifest.keys(conn, chosen(Glance(project.context), blue)) == ["k0", "k3", "k6"]
        gone = filtering.InColumn("column", "colour", "is", ("red",))
        assert manifest.keys(conn, chosen(Glance(project.context), gone)) == ["k4", "k8"]
