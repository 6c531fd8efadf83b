"""Near-duplicates of what a screen asks are answered with it, and only where the annotator lets them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run

from labelsieve.core.errors import InputError
from labelsieve.project import folding, manifest
from labelsieve.project.facade import create
from labelsieve.project.facade import open as open_project

TWINS = [3, 17, 90, 155, 201, 288]  # rows that are equal, and far from all others


@pytest.fixture
def place(tmp_path: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    x[TWINS] = [9, 0, 0, 0, 0]
    np.save(tmp_path / "x.npy", x)
    create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen").close()
    return tmp_path


def _query(place: Path, name: str = "q.csv") -> tuple[list[dict[str, str]], str]:
    said = run(place, "next", "p.sieve", "-n", "8", "--out", name).stderr
    with (place / name).open(newline="") as file:
        return list(csv.DictReader(file)), said


def _fill(place: Path, rows: list[dict[str, str]], name: str = "q.csv") -> None:
    with (place / name).open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def _sources(place: Path) -> dict[str, tuple[str, str]]:
    with open_project(place / "p.sieve") as project:
        found = list(folding.answers(project.context.conn, "main"))
        keys = manifest.keys(project.context.conn, np.array([label.item for label in found], np.int64))
        return {key: (label.source, label.by) for key, label in zip(keys, found, strict=True)}


def test_a_filled_in_query_answers_its_groups_and_says_so(place: Path) -> None:
    rows, said = _query(place)
    asked = [int(row["key"]) for row in rows]
    (lead,) = set(asked) & set(TWINS)
    travelling = {row["key"]: int(row["stands_for"]) for row in rows}
    assert sum(travelling.values()) == travelling[str(lead)] >= 3, "audit items travel with nothing"
    assert f"{travelling[str(lead)]} near-duplicates will get the answers" in said
    for row in rows:
        row["label"] = "odd" if int(row["key"]) in TWINS else "dull"
    _fill(place, rows)
    told = run(place, "import", "p.sieve", "q.csv", "--by", "ann").stdout
    assert f"{travelling[str(lead)]} near-duplicates got the answer" in told
    sources = _sources(place)
    assert sources[str(lead)] == ("human", "ann")
    rest = [key for key, (source, _) in sources.items() if source == "rule"]
    assert len(rest) == travelling[str(lead)] and set(map(int, rest)) < set(TWINS)
    state = json.loads(run(place, "status", "p.sieve", "--json").stdout)
    assert state["spent"]["labels"] == 8 and state["labels"] == 8 + len(rest)
    with open_project(place / "p.sieve") as project:
        fitted = project.fit()
        assert len(fitted.stand.train) <= 8, "what nobody looked at teaches nothing new"
    again = run(place, "import", "p.sieve", "q.csv", "--by", "ann").stdout
    assert "0 labels imported" in again and "near-duplicate" not in again
    later, _ = _query(place, "later.csv")
    searched = [row["key"] for row in later if row["purpose"] == "search"]
    assert not set(searched) & set(sources), "what travelled is not asked again"
    assert sum(row["purpose"] == "audit" for row in later) <= 3, "they do not count as asked"


def test_an_item_is_answered_alone_where_the_file_says_so(place: Path) -> None:
    rows, _ = _query(place)
    for row in rows:
        row["label"], row["stands_for"] = "dull", "0"
    _fill(place, rows)
    assert "near-duplicate" not in run(place, "import", "p.sieve", "q.csv", "--by", "ann").stdout
    assert len(_sources(place)) == 8


def test_one_key_answers_a_group_another_parts_it_and_undo_takes_all_back(place: Path) -> None:
    _query(place)
    with open_project(place / "p.sieve") as project:
        asked = project.next(8)
        at = next(i for i, group in enumerate(asked.groups) if len(group))
        size = len(asked.groups[at])
    said = run(place, "label", "p.sieve", "--by", "ann", "-n", "8", input="d" * at + "oq").stdout
    assert f"This stands for {size} near-duplicates too" in said and f"and {size} near-duplicates too" in said
    sources = _sources(place)
    assert len(sources) == at + 1 + size
    assert sum(source == "rule" for source, _ in sources.values()) == size


def test_undo_and_alone(place: Path) -> None:
    with open_project(place / "p.sieve") as project:
        asked = project.next(8)
        at = next(i for i, group in enumerate(asked.groups) if len(group))
    run(place, "label", "p.sieve", "--by", "ann", "-n", "8", input="d" * at + "ou=oq")
    state = json.loads(run(place, "status", "p.sieve", "--json").stdout)
    assert state["classes"] == ({"dull": at, "odd": 1} if at else {"odd": 1}), "the group was taken back, one was kept"


def test_the_setting_ends_it_and_a_wrong_one_is_refused(place: Path) -> None:
    path = place / "p.sieve" / "labelsieve.toml"
    text = path.read_text()
    path.write_text(text.replace('kind = "screen"', 'kind = "screen"\ntogether = 0.0'))
    rows, said = _query(place)
    assert "stands_for" not in rows[0] and "near-duplicate" not in said
    path.write_text(text.replace('kind = "screen"', 'kind = "screen"\ntogether = 1.5'))
    assert "together is 1.5" in run(place, "next", "p.sieve", "-n", "8", code=1).stderr


def test_what_somebody_looked_at_meanwhile_keeps_its_own_answer(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(120, 4)).astype(np.float32)
    x[:5] = 8
    np.save(tmp_path / "x.npy", x)
    with create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as project:
        asked = project.next(10)
        at = next(i for i, group in enumerate(asked.groups) if len(group))
        group = asked.groups[at]
        project.label(group[:1], ["dull"], by="ben")
        written = project.label_group([asked.ids[at], *group], "odd", by="ann", query=asked.id)
        assert [label.item for label in written] == [asked.ids[at], *group[1:]]
        assert [label.source for label in written] == ["human", *["rule"] * (len(group) - 1)]
        with pytest.raises(InputError, match="has no query"):
            project.label_group([asked.ids[at]], "odd", by="ann", query=999)


def test_an_answer_that_was_looked_at_counts_beside_the_same_by_a_rule(tmp_path: Path) -> None:
    """A row of a file says what a near-duplicate's answer said already: now somebody has looked at the item itself."""
    np.save(tmp_path / "x.npy", np.zeros((4, 3), np.float32) + np.arange(4, dtype=np.float32)[:, None] // 2)
    with create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as p:
        query = p.next(1)
        p.label_group([query.ids[0], *query.groups[0]], "dull", by="ann", query=query.id)
        twin = next(iter(query.groups[0].tolist()))
        (tmp_path / "l.csv").write_text(f"key,label\n{p.items([twin])[0].key},dull\n")
        assert p.import_labels(tmp_path / "l.csv", by="ann").added == 1
        assert p.import_labels(tmp_path / "l.csv", by="ann").known == 1
        assert twin in folding.reviewed(p.context.conn, "main")[0]
