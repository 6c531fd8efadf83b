"""The fold against a model that replays the events one by one."""

import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from labelsieve.core.types import Label, Value
from labelsieve.project import events, manifest, tasks
from labelsieve.project.database import Ledger, connect
from labelsieve.project.folding import answers, class_counts, fold

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small databases: spare the disk
AT = "2024-05-01T12:00:00+00:00"
PEOPLE, CLASSES, ITEMS = ("ann", "bob", "cy"), ("cat", "dog", "fox"), 4

answer = st.tuples(
    st.just("answer"), st.sampled_from(PEOPLE), st.integers(1, ITEMS), st.sampled_from((*CLASSES, "skip"))
)
undo = st.tuples(st.just("undo"), st.sampled_from(PEOPLE), st.integers(1, 4), st.none())
redo = st.tuples(st.just("redo"), st.integers(0, 9), st.none(), st.none())
retry = st.tuples(st.just("retry"), st.integers(0, 9), st.none(), st.none())
correct = st.tuples(st.just("correct"), st.sampled_from(PEOPLE), st.integers(0, 9), st.sampled_from(CLASSES))
steps = st.lists(st.one_of(answer, answer, answer, undo, redo, retry, correct), max_size=30)


@dataclass
class Replay:
    """Everything that was sent, by order; whether it stands is worked out anew each time, the slow way."""

    sent: list[Label] = field(default_factory=list)

    def effective(self, label: Label) -> bool:
        return not any(u.value is None and u.supersedes == label.id and self.effective(u) for u in self.sent)

    def live(self, label: Label) -> bool:
        return self.effective(label) and not any(
            later.value is not None and later.supersedes == label.id and self.effective(later) for later in self.sent
        )

    def current(self) -> dict[tuple[int, str], Label]:
        found = [label for label in self.sent if label.value is not None and self.live(label)]
        return {(label.item, label.by): label for label in found}  # a later one takes the place

    def agreed(self) -> dict[int, str]:
        out = {}
        for item in range(1, ITEMS + 1):
            mine = sorted((a for a in self.current().values() if a.item == item), key=self.sent.index)
            said = [a.value.names[0] if a.value and a.value.names else "skip" for a in mine]
            if said:
                votes = Counter(said)
                most = max(votes.values())
                out[item] = next(name for name in reversed(said) if votes[name] == most)
        return {item: name for item, name in out.items() if name != "skip"}

    def last_of(self, by: str, n: int) -> list[Label]:
        mine = [label for label in self.sent if label.by == by and label.value is not None and self.effective(label)]
        return mine[::-1][:n]


def value(name: str) -> Value:
    return Value("skip") if name == "skip" else Value("class", (name,))


def play(conn: Ledger, model: Replay, step: tuple[str, object, object, object]) -> None:
    what, a, b, c = step
    if what == "answer":
        label = Label(events.new_id(), "main", int(str(b)), value(str(c)), str(a), AT)
        assert events.write(conn, [label]) == 1
        model.sent.append(label)
    elif what == "undo":
        expected = model.last_of(str(a), int(str(b)))
        undone = events.undo(conn, "main", str(a), n=int(str(b)))
        assert [u.supersedes for u in undone] == [label.id for label in expected]
        model.sent.extend(undone)
    elif what == "redo" and (undos := [label for label in model.sent if label.value is None]):
        target = undos[int(str(a)) % len(undos)]
        again = replace(target, id=events.new_id(), supersedes=target.id)
        events.write(conn, [again])
        model.sent.append(again)
    elif what == "retry" and model.sent:
        old = model.sent[int(str(a)) % len(model.sent)]
        assert events.write(conn, [old, replace(old, at="2025-01-01T00:00:00+00:00")]) == 0
    elif what == "correct" and (given_ := [label for label in model.sent if label.value is not None]):
        target = given_[int(str(b)) % len(given_)]
        label = Label(events.new_id(), "main", target.item, value(str(c)), str(a), AT, supersedes=target.id)
        events.write(conn, [label])
        model.sent.append(label)


def fresh(folder: str) -> Ledger:
    conn = connect(Path(folder) / "labels.sqlite", create=True)
    conn.execute("PRAGMA synchronous = OFF")  # these tests are about the fold, not about the disk
    tasks.add(conn, "main", "classes", CLASSES)
    source = manifest.add_source(conn, "toy", "text")
    manifest.add_items(conn, source, [(row, f"k{row}", f"{row:032x}") for row in range(ITEMS)])
    return conn


@settings(max_examples=150, deadline=None)
@given(steps)
def test_the_fold_equals_a_replay_at_any_depth_of_undo(taken: list[tuple[str, object, object, object]]) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, closing(fresh(folder)) as conn:
        model = Replay()
        for step in taken:
            play(conn, model, step)
        labels = fold(conn, "main")
        assert {int(i): labels.classes[y] for i, y in zip(labels.ids, labels.y, strict=True)} == model.agreed()
        assert {(a.item, a.by): a.id for a in answers(conn, "main")} == {k: a.id for k, a in model.current().items()}
        assert class_counts(conn, "main") == {name: list(model.agreed().values()).count(name) for name in CLASSES}
        assert [e.id for e in events.history(conn, "main")] == [label.id for label in model.sent]


@settings(max_examples=60, deadline=None)
@given(steps)
def test_the_fold_is_idempotent_and_so_is_sending_everything_again(
    taken: list[tuple[str, object, object, object]],
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, closing(fresh(folder)) as conn:
        model = Replay()
        for step in taken:
            play(conn, model, step)
        before = list(events.history(conn, "main"))
        first, again = fold(conn, "main"), fold(conn, "main")
        assert events.write(conn, before) == 0 and events.write(conn, before[::-1]) == 0
        after = fold(conn, "main")
        assert list(events.history(conn, "main")) == before
        for other in (again, after):
            assert first.ids.tolist() == other.ids.tolist() and first.y.tolist() == other.y.tolist()


@settings(max_examples=40, deadline=None)
@given(steps)
def test_a_replayed_history_gives_the_same_fold_elsewhere(taken: list[tuple[str, object, object, object]]) -> None:
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as one,
        tempfile.TemporaryDirectory(dir=MEMORY) as two,
        closing(fresh(one)) as conn,
        closing(fresh(two)) as copy,
    ):
        model = Replay()
        for step in taken:
            play(conn, model, step)
        events.write(copy, list(events.history(conn, "main")))
        a, b = fold(conn, "main"), fold(copy, "main")
        assert (a.ids.tolist(), a.y.tolist()) == (b.ids.tolist(), b.y.tolist())
