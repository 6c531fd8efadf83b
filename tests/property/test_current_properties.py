"""Whoever asks what stands gets what a naive reference says: the fold, the desk, the grid, audits, near-duplicates."""

import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import labelsieve as ls
from labelsieve.core.types import Label, Purpose, Query, Value
from labelsieve.project import current, deciding, events, folding, grouping, live, queries
from labelsieve.project.claims.audits import Audit, hidden_answers
from labelsieve.project.claims.claiming import counted_events
from labelsieve.project.context import Context
from labelsieve.project.desk.accepting import Draft, accept
from labelsieve.project.desk.recent import latest
from labelsieve.project.doubting import confirmed
from labelsieve.project.labelling import Given, labels_of, undo_together
from labelsieve.project.people.adjudicating import decide
from labelsieve.project.views.glances import NONE, SKIP, UNSURE, Glance
from labelsieve.project.views.tiles import tiles_of

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small databases: spare the disk
AT = "2024-05-01T12:00:00+00:00"
PEOPLE, CLASSES, ITEMS, LEADS = ("ann", "bob", "rev"), ("dull", "odd", "scratch"), 4, (1,)
IDS = np.arange(1, ITEMS + 1)
HIDDEN = (2,)  # items that an audit hides; 3 goes with 1

who, which = st.sampled_from((*PEOPLE, "rev")), st.integers(1, ITEMS)  # a reviewer twice: decisions are rare
said = st.sampled_from((*CLASSES, "skip", "unsure"))
step = st.one_of(
    st.tuples(st.just("send"), who, which, said),
    st.tuples(st.just("group"), who, st.sampled_from(LEADS), said),
    st.tuples(st.just("hidden"), who, st.sampled_from(HIDDEN), said),
    st.tuples(st.just("script"), who, which, said),
    st.tuples(st.just("bulk"), who, which, said),
    st.tuples(st.just("import"), who, which, said),
    st.tuples(st.just("decide"), st.just("rev"), which, said),
    st.tuples(st.just("decide"), st.just("rev"), which, said),
    st.tuples(st.just("undo"), who, st.integers(0, 9), st.none()),
    st.tuples(st.just("redo"), who, st.integers(0, 9), st.none()),
    st.tuples(st.just("together"), who, st.none(), st.none()),
    st.tuples(st.just("name"), who, st.integers(0, 9), said),
    st.tuples(st.just("correct"), who, st.integers(0, 9), said),
)
Step = tuple[str, str, object, object]


def value(name: object) -> Value:
    if name in ("skip", "unsure"):
        return Value("skip" if name == "skip" else "unsure")
    return Value("class", (str(name),))


def new() -> str:
    return str(uuid.uuid4())


@dataclass
class Reference:
    """All events in their order; what stands is worked out from the sentences of the glossary, the slow way."""

    events: list[Label]
    deciding: frozenset[int]
    hiding: int
    place: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.place = {one.id: at for at, one in enumerate(self.events)}

    def taken(self, one: Label) -> bool:
        return any(u.value is None and u.supersedes == one.id and not self.taken(u) for u in self.events)

    def live(self, one: Label) -> bool:
        replaced = any(x.value is not None and x.supersedes == one.id and not self.taken(x) for x in self.events)
        return not self.taken(one) and not replaced

    def hidden(self, one: Label) -> bool:
        return one.query == self.hiding and one.item in HIDDEN

    def answers(self, item: int, by: str | None = None) -> list[Label]:
        """Live answers that count as answers to the item; in one person's own view those to hidden items too."""
        own = [one for one in self.events if one.item == item and one.value is not None and by in (None, one.by)]
        return [one for one in own if self.live(one) and (by is not None or not self.hidden(one))]

    def current(self, item: int, by: str | None = None) -> list[Label]:
        said = self.answers(item, by)
        kept = []
        for name in {one.by for one in said}:
            mine = [one for one in said if one.by == name]
            kept.append(([one for one in mine if one.query in self.deciding] or mine)[-1])
        return sorted(kept, key=lambda one: self.place[one.id])

    def agreed(self, item: int, by: str | None = None) -> Label | None:
        """The last of those answers that most give; skip and unsure are one answer."""
        said = self.current(item, by)
        said = [one for one in said if one.query in self.deciding] or said
        names = ["".join(one.value.names) if one.value else "" for one in said]
        most = max(Counter(names).values(), default=0)
        return next((one for one, name in zip(said[::-1], names[::-1], strict=True) if names.count(name) == most), None)


@contextmanager
def desk() -> Iterator[tuple[Context, int, int]]:
    """A screen of four items with a query of one that stands for another, and one that hides one."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        np.save(Path(folder) / "x.npy", np.random.default_rng(0).normal(size=(ITEMS, 3)).astype(np.float32))
        x = Path(folder) / "x.npy"
        with ls.create(Path(folder) / "p.sieve", x, task="screen", classes=list(CLASSES)) as project:
            project.context.conn.execute("PRAGMA synchronous = OFF")
            search = asked(project.context, "margin", LEADS, "search")
            grouping.keep(project.context.conn, search, {1: np.array([3])})
            yield project.context, search, asked(project.context, "certify", HIDDEN, "repeat")


def asked(context: Context, strategy: str, ids: tuple[int, ...], purpose: Purpose) -> int:
    nothing = np.zeros(len(ids))
    query = Query(np.array(ids), nothing, nothing, strategy, purpose=(purpose,) * len(ids))
    return queries.save(context.conn, "main", query, 0, 0)


def play(context: Context, search: int, hiding: int, taken: Step) -> None:
    """One act through the door that people, scripts and files use for it."""
    what, by, a, b = taken
    conn, history = context.conn, list(events.history(context.conn, "main"))
    given = [one for one in history if one.value is not None]
    drafts: list[Draft] = []
    if what in ("send", "bulk"):
        drafts = [Draft(new(), int(str(a)), value(b), source="rule" if what == "bulk" else "human")]
    elif what == "group":
        drafts = [Draft(new(), int(str(a)), value(b), query=search, group=True)]
    elif what == "hidden":
        drafts = [Draft(new(), int(str(a)), value(b), query=hiding)]
    elif what == "script":
        events.write(conn, labels_of(context, np.array([int(str(a))]), [value(b)], Given(by)))
    elif what == "import":
        events.write(conn, [Label(new(), "main", int(str(a)), value(b), by, AT, source="import")])
    elif what == "decide":
        assert decide(context, [Draft(new(), int(str(a)), value(b))], by).refused == []
    elif what == "together":
        undo_together(context, by)
    elif what == "undo" and (mine := [one for one in given if one.by == by]):
        one = mine[int(str(a)) % len(mine)]
        drafts = [Draft(new(), one.item, None, supersedes=one.id)]
    elif what == "redo" and (back := [one for one in history if one.value is None and one.by == by]):
        one = back[int(str(a)) % len(back)]
        drafts = [Draft(new(), one.item, None, supersedes=one.id)]
    elif what == "name" and (mine := [one for one in given if one.by == by]):
        one = mine[int(str(a)) % len(mine)]
        drafts = [Draft(new(), one.item, value(b), supersedes=one.id)]
    elif what == "correct" and given:  # as other programs may write: of somebody else's answer too
        one = given[int(str(a)) % len(given)]
        events.write(conn, [replace(one, id=new(), value=value(b), by=by, query=None, supersedes=one.id)])
    if drafts:
        assert accept(context, drafts, by).refused == []


def ids_of(labels: list[Label]) -> list[str]:
    return [one.id for one in labels]


@settings(max_examples=50, deadline=None)
@given(st.lists(step, max_size=16))
def test_what_stands_is_the_same_for_whoever_asks(taken: list[Step]) -> None:
    with desk() as (context, search, hiding):
        for one in taken:
            play(context, search, hiding, one)
        conn, task = context.conn, context.task
        model = Reference(list(events.history(conn, "main")), deciding.decision_queries(conn, task), hiding)
        _ledger(context, model)
        _people(context, model)
        _agreed(context, model)
        _audits(context, model)


def _ledger(context: Context, model: Reference) -> None:
    """What is live, of the whole task and of each item."""
    conn, task = context.conn, context.task
    seqs = {id_: seq for seq, id_ in conn.execute("SELECT seq, id FROM events")}
    dead = {seqs[one.id] for one in model.events if not model.live(one)}
    assert live.not_live(conn, task) == dead == live.not_live(conn, task, IDS)
    assert live.taken_back(conn, task) == {seqs[one.id] for one in model.events if model.taken(one)}
    for item in IDS.tolist():
        assert (
            live.not_live(conn, task, np.array([item])) == {seqs[o.id] for o in model.events if o.item == item} & dead
        )
    halfway = [one for one in model.events if model.place[one.id] < len(model.events) // 2]
    before = Reference(halfway, model.deciding, model.hiding)
    upto = max((seqs[one.id] for one in halfway), default=0)
    assert live.not_live(conn, task, None, upto) == {seqs[one.id] for one in halfway if not before.live(one)}


def _people(context: Context, model: Reference) -> None:
    """Who says what: the desk of a few items, the export of all, one person's own view, what comes next replaces."""
    conn, task = context.conn, context.task
    found = current.standing_answers(conn, task, IDS)
    assert {item: ids_of(labels) for item, labels in found.items()} == {
        item: ids_of(labels) for item in IDS.tolist() if (labels := model.current(item))
    }
    assert ids_of(list(folding.answers(conn, "main"))) == [x for i in IDS.tolist() for x in ids_of(model.current(i))]
    assert folding.answered(conn, "main").tolist() == sorted(found)
    rows = current.current_rows(conn, task, current.Which(ids=IDS))
    whole = current.current_rows(conn, task, current.Which())
    assert (rows.seq.tolist(), rows.decides.tolist()) == (whole.seq.tolist(), whole.decides.tolist())
    for by in PEOPLE:
        own = current.standing_answers(conn, task, IDS, by)
        assert {i: ids_of(said) for i, said in own.items()} == {
            i: ids_of(said) for i in IDS.tolist() if (said := model.current(i, by))
        }
        plain = {i: [o for o in model.answers(i) if o.by == by and o.query not in model.deciding] for i in IDS.tolist()}
        assert current.current_of(conn, "main", IDS, by) == {i: said[-1].id for i, said in plain.items() if said}
        mine = [o for o in model.events if o.by == by and o.value is not None and o.source == "human" and model.live(o)]
        assert [one.label.id for one in latest(context, by, 99)] == ids_of(mine[::-1])
        for item in HIDDEN:
            asked_ = [one for one in model.answers(item, by) if model.hidden(one)]
            own_ = current.own_answer(conn, task, item, model.hiding, by)
            assert own_ == (asked_[-1].id if asked_ else None)


def _agreed(context: Context, model: Reference) -> None:
    """What all say together: what trains, what the grid and a filter show, what travelled, what is decided."""
    conn, task = context.conn, context.task
    best = {item: one for item in IDS.tolist() if (one := model.agreed(item))}
    names = {item: one.value.names for item, one in best.items() if one.value and one.value.names}
    assert folding.agreed(conn, "main") == names == folding.agreed(conn, "main", IDS)
    labels = folding.fold(conn, "main")
    assert dict(zip(labels.ids.tolist(), labels.y.tolist(), strict=True)) == {
        item: int(said != ("dull",)) for item, said in names.items()
    }
    for by in (None, *PEOPLE):
        codes = [
            NONE if one is None or one.value is None
            else CLASSES.index(one.value.names[0]) if one.value.names
            else {"skip": SKIP, "unsure": UNSURE}[one.value.tag]
            for one in (model.agreed(item, by) for item in IDS.tolist())
        ]  # fmt: skip
        assert Glance(context, by).code.tolist() == codes
        shown = [tile["label"] for tile in tiles_of(context, IDS, by)]
        assert [label and (label["tag"], *label["names"]) for label in shown] == [
            one and one.value and (one.value.tag, *one.value.names)
            for one in (model.agreed(item, by) for item in IDS.tolist())
        ]
    every = {i: [one for one in model.events if one.item == i and one.value and model.live(one)] for i in IDS.tolist()}
    by_rule = {i: all(one.source == "rule" and one.query is not None for one in said) for i, said in every.items()}
    assert queries.travelled(conn, "main").tolist() == [i for i in IDS.tolist() if every[i] and by_rule[i]]
    looked_at = {i for i, labels in every.items() if any(one.source != "rule" for one in labels)}
    assert set(grouping.still_open(conn, "main", IDS).tolist()) == set(IDS.tolist()) - looked_at
    decided = {i for i, labels in every.items() if any(one.query in model.deciding for one in labels)}
    assert deciding.decided_items(conn, task) == decided
    said = [
        one.item
        for one in model.events
        if one.value == value("dull") and not model.taken(one) and not model.hidden(one)
    ]
    assert confirmed(conn, task).tolist() == sorted(item for item, n in Counter(said).items() if n > 1)


def _audits(context: Context, model: Reference) -> None:
    """What hidden items measure, and the answers that a claim lists."""
    nothing = np.empty(0, np.int64)
    pairs = tuple((model.hiding, item, "search") for item in HIDDEN)
    audit = Audit("main", 1, 0, IDS, IDS, nothing, nothing, IDS, pairs, (model.hiding,), (1,), None)
    measured = {item: [one for one in model.events if model.hidden(one) and one.item == item] for item in HIDDEN}
    lasts = {item: [one for one in said if one.value and model.live(one)] for item, said in measured.items()}
    assert hidden_answers(context.conn, audit) == {
        (model.hiding, item): said[-1].value is not None and said[-1].value.names not in ((), ("dull",))
        for item, said in lasts.items()
        if said
    }
    looked = ("human", "import")
    seen = [item for item in IDS.tolist() if any(one.source in looked for one in model.answers(item))]
    listed = [row[0] for row in counted_events(context.conn, audit)]
    reviewed, code = folding.reviewed(context.conn, "main")
    assert reviewed.tolist() == seen
    counted = reviewed[code != 0].tolist()
    assert listed == [
        o.id for o in model.events if o.item in counted and o.value and model.live(o) and not model.hidden(o)
    ]
