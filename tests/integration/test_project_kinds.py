"""Every kind of source and task, end to end: texts, rows, ready embeddings; multilabel and screen; groups."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.project.comparing import merged_items
from labelsieve.project.labelling import SKIP
from labelsieve.project.standing import stand


def write_csv(path: Path, columns: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def people(path: Path, n: int = 400) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        age, town = int(rng.integers(18, 80)), rng.choice(["Ulm", "Rom", "Oslo"])
        pays = "late" if age < 35 and town != "Oslo" else "in time"
        rows.append([f"p{i // 4}", age, town, f"2024-01-{1 + i % 28:02d}", pays])
    return write_csv(path, ["customer", "age", "town", "since", "pays"], rows)


def test_rows_with_groups(tmp_path: Path) -> None:
    source = people(tmp_path / "people.csv")
    with ls.create(tmp_path / "p.sieve", source, columns=("age", "town"), group="customer", time="since") as project:
        project.embed()
        for asked in project.rounds(n=20, budget=120):
            answers = [item.meta["pays"] for item in asked.items]
            project.label(asked.ids, answers, by="ann", query=asked.id)
        fitted = project.fit()
        group = {item.id: item.meta["customer"] for item in project.items(fitted.stand.pool.ids)}
        train, audit = ({group[id_] for id_ in side.ids.tolist()} for side in (fitted.stand.train, fitted.stand.audit))
        assert train and audit and not train & audit
        found = project.predict()
        truth = [item.meta["pays"] for item in project.items(found.ids)]
        assert np.mean([names[0] == said for names, said in zip(found.names, truth, strict=True)]) > 0.85
        result = project.simulate("pays", budget=60, n=20, seeds=2)
        assert result["pool"]["items"] == 400


def test_a_truth_that_the_engine_has_seen_is_an_error(tmp_path: Path) -> None:
    with ls.create(tmp_path / "p.sieve", people(tmp_path / "people.csv")) as project:
        project.embed()
        with pytest.raises(ls.InputError, match="seen the truth column 'pays'") as raised:
            project.simulate("pays", budget=20, n=10)
        assert "--columns customer,age,town,since" in raised.value.hint


def test_labels_columns_never_feed_an_engine(tmp_path: Path) -> None:
    with ls.create(tmp_path / "p.sieve", people(tmp_path / "people.csv"), labels="pays", group="customer") as project:
        project.embed()
        state = project.status()
        assert state["labels"] == 400 and set(state["classes"]) == {"late", "in time"}
        assert state["spent"]["labels"] == 0  # imported labels cost nothing
        assert project.fit().audit is not None  # a pool that is labelled as a whole has its audit slice labelled too
        assert project.simulate("pays", budget=20, n=10, seeds=1)["summary"]["auto"]["area"]["mean"] > 0.6


def test_texts_with_several_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    words = {"fruit": ["apple", "pear", "plum"], "tool": ["saw", "axe", "drill"], "town": ["ulm", "rom", "oslo"]}
    rows = []
    for i in range(300):
        has = [name for name in words if rng.random() < 0.4]
        text = " ".join(str(rng.choice(words[name])) for name in has) + f" and more {rng.integers(9)}"
        rows.append([f"t{i}", text, ";".join(has)])
    source = write_csv(tmp_path / "texts.csv", ["id", "text", "about"], rows)
    truth = {str(row[0]): str(row[2]).split(";") if row[2] else [] for row in rows}
    with ls.create(tmp_path / "t.sieve", source, text="text", key="id", task="multilabel") as project:
        project.embed()
        for asked in project.rounds(n=20, budget=140):
            project.label(asked.ids, [truth[item.key] for item in asked.items], by="ann", query=asked.id)
        found = project.predict()
        hits = [set(names) == set(truth[key]) for names, key in zip(found.names, found.keys, strict=True)]
        assert np.mean(hits) > 0.7
        result = project.simulate("about", budget=60, n=20, seeds=2)
        run = result["runs"][0]
        assert run["accuracy"] == [None] * 3 and all(0 < value <= 1 for value in run["average_precision"])


def screen_arrays(path: Path, n: int = 600, odd: int = 12) -> tuple[Path, np.ndarray]:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    y = np.zeros(n, np.int8)
    y[rng.choice(n, odd, replace=False)] = 1
    x[y == 1, :2] += 5
    np.savez(path, X=x, y=y)
    return path, y


def test_a_screen_over_ready_embeddings(tmp_path: Path) -> None:
    source, y = screen_arrays(tmp_path / "rows.npz")
    with ls.create(tmp_path / "r.sieve", source, embeddings="X", task="screen", dull="0") as project:
        out = tmp_path / "out.json"
        result = project.simulate("y", budget=100, n=10, against=("auto", "random"), seeds=3)
        out.write_text(json.dumps(result))
        summary = result["summary"]["auto"]
        assert summary["area"]["mean"] > 0.6 and summary["gain_over_random"]["low"] > 0.2
        assert result["runs"][1]["found"][-1] == 12 and result["runs"][1]["average_precision"][-1] is None
        asked = project.next(20)
        project.label(asked.ids, [str(y[int(item.key)]) for item in asked.items], by="ann", query=asked.id)
        found = project.predict()
        assert found.classes == ("dull", "odd") and found.proba[y == 1, 1].mean() > found.proba[y == 0, 1].mean() + 0.2


def test_dull_labels_alone_give_a_head(tmp_path: Path) -> None:
    source, y = screen_arrays(tmp_path / "rows.npz")
    with ls.create(tmp_path / "r.sieve", source, embeddings="X", task="screen", dull="0") as project:
        dull = [str(row) for row in np.flatnonzero(y == 0)[:60]]
        project.label(dull, ["0"] * 60, by="ann")
        found = project.predict()
        assert np.median(found.proba[y == 1, 1]) > np.quantile(found.proba[y == 0, 1], 0.95)


def test_rows_with_nan_are_set_aside_and_named(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    x[7, 2], x[9, 0] = np.nan, np.inf
    np.save(tmp_path / "x.npy", x)
    with ls.create(tmp_path / "x.sieve", tmp_path / "x.npy") as project:
        state = project.status()
        assert {row["key"] for row in state["set_aside"]} == {"7", "9"}
        ids = project.next(48).ids
        assert len(ids) == 48
        with pytest.raises(ls.PoolExhausted):
            project.next(49)


def test_an_array_may_grow_but_never_change(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x[:50])
    with ls.create(tmp_path / "x.sieve", tmp_path / "x.npy") as project:
        project.label(["3"], ["cat"], by="ann")
        np.save(tmp_path / "x.npy", x)
        assert project.sync().added == 10
        assert len(project.next(59).ids) == 59
        np.save(tmp_path / "x.npy", x[::-1].copy())
        with pytest.raises(ls.ProjectError, match="--key"):
            project.sync()
    with ls.open(tmp_path / "x.sieve") as project, pytest.raises(ls.ProjectError, match="has changed since the last"):
        project.next(5)  # labels of the old rows never meet the new ones


def test_embeddings_of_two_widths_are_an_error(tmp_path: Path) -> None:
    for name, d in (("a", 4), ("b", 5)):
        np.save(tmp_path / f"{name}.npy", np.ones((10, d), np.float32))
    with (
        ls.create(tmp_path / "x.sieve", tmp_path / "a.npy", tmp_path / "b.npy") as project,
        pytest.raises(ls.InputError, match="4 and 5 columns"),
    ):
        project.next(3)


def test_closed_classes_take_no_other(tmp_path: Path) -> None:
    source = people(tmp_path / "people.csv", 40)
    with ls.create(tmp_path / "p.sieve", source, classes=("late", "in time"), columns=("age", "town")) as project:
        project.embed()
        asked = project.next(3)
        with pytest.raises(ls.UnknownName, match="never"):
            project.label(asked.ids, ["late", "never", SKIP], by="ann")
        assert project.status()["answered"] == 0  # all or nothing


def test_engines_are_compared_on_audit_labels(tmp_path: Path, shared: Path) -> None:
    from labelsieve.testing.digits import write_digits

    pictures = write_digits(tmp_path / "digits", 1400)
    with ls.create(tmp_path / "d.sieve", pictures) as project:
        project.embed()
        sides = stand(project.context).sides
        ids = np.concatenate([sides.audit, np.random.default_rng(0).choice(sides.search, 50, replace=False)])
        engines = ["patches", str(shared / "models" / "mobilenetv1-025-128")]
        project.label(ids, [item.key.split("/")[0] for item in project.items(ids)], by="ann")
        active = project.status()["engine"]
        rows = project.compare_engines(engines)
        assert [row["engine"] for row in rows] == engines and rows[0]["enough"] and rows[1]["enough"]
        assert rows[1]["behind_low"] > 0 and rows[1]["audit"] == rows[0]["audit"] >= 40
        assert project.status()["engine"] == active
        project.undo(by="ann", n=len(ids) - 5)
        with pytest.raises(ls.NotEnoughLabels, match="audit labels"):
            project.compare_engines(engines)


def test_an_engine_that_merges_items_of_two_classes_is_seen() -> None:
    x = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]], np.float32)
    y = np.array([0, 1, 2, 2, 0])
    assert merged_items(x, y, ["a", "b", "c", "d", "e"]) == 2
    assert merged_items(x, y, ["a", "a", "c", "d", "e"]) == 0  # the same content twice: no engine can tell them apart


def test_rows_are_never_mistaken_for_one_another(tmp_path: Path) -> None:
    source = people(tmp_path / "people.csv", 60)
    with ls.create(tmp_path / "p.sieve", source, columns=("customer", "age", "town", "since")) as project:
        asked = project.context.items(np.arange(1, 61))
        project.label([item.id for item in asked], [item.meta["pays"] for item in asked], by="ann")
    lines = source.read_text().splitlines()
    source.write_text("\n".join([lines[0], *reversed(lines[1:])]))  # the same rows in another order
    with ls.open(tmp_path / "p.sieve") as project:
        assert [item.data for item in project.context.items(np.arange(1, 61))] == [item.data for item in asked]
    shutil.rmtree(tmp_path / "p.sieve" / "cache")
    with ls.open(tmp_path / "p.sieve") as project:
        with pytest.raises(ls.ProjectError, match="changed since the last sync"):
            project.items(np.arange(1, 61))
        report = project.sync()
        assert report.added == report.gone == 0
        assert [item.data for item in project.items(np.arange(1, 61))] == [item.data for item in asked]
