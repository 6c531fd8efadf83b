"""Report and exports of a real project of digits: what they say is what the project's own labels say."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest

from labelsieve.core.statistics import wilson
from labelsieve.core.types import Value
from labelsieve.project import fitting
from labelsieve.project.facade import Project, create
from labelsieve.project.facade import open as open_project
from labelsieve.project.pooling import raw_pool
from labelsieve.project.report.collect import gathered
from labelsieve.testing.digits import write_digits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 digits, 120 answers by two annotators: one skip, one price, a random control, a broken file."""
    root = tmp_path_factory.mktemp("report")
    write_digits(root / "digits")
    for at, path in enumerate(sorted((root / "digits").rglob("*.png"))):
        if at % 3:
            path.unlink()
    (root / "digits" / "0" / "empty.png").touch()
    with create(root / "digits.sieve", root / "digits") as project:
        project.embed()
        project.context.change(cost=0.5, currency="EUR", costs={"bo": 2.0})
        for number, asked in enumerate(project.rounds(20, 120, control=True)):
            names = [item.key.split("/")[0] for item in asked.items]
            project.label(asked.ids, names, by="bo" if number == 2 else "ann", seconds=3.0, query=asked.id)
        project.label(project.context.ids_of(["3/" + first_of(root, "3")]), [Value("skip")], by="cy")
    return root


def first_of(root: Path, name: str) -> str:
    return sorted(path.name for path in (root / "digits" / name).glob("*.png"))[0]


@pytest.fixture
def project(root: Path) -> Iterator[Project]:
    with open_project(root / "digits.sieve") as opened:
        yield opened


def test_the_numbers_are_those_of_the_audit_slice(project: Project) -> None:
    data = gathered(project.context)
    fitted = project.fit()
    audit = fitted.stand.audit
    right = (fitted.head.predict_proba(fitted.stand.pool.take(audit.ids)).argmax(axis=1) == audit.y).sum()
    assert data.audit is not None
    assert data.audit.n == data.audit_labels == len(audit) >= 10
    assert data.audit.score == wilson(int(right), len(audit))
    assert data.curve.points[-1].score == data.audit.score
    assert data.curve.points[-1].labels == len(fitted.stand.train)
    assert not set(audit.ids.tolist()) & set(fitted.stand.train.ids.tolist())


def test_the_curve_has_a_point_a_query_and_a_control(project: Project) -> None:
    curve = gathered(project.context).curve
    labels = [point.labels for point in curve.points]
    assert labels == sorted(labels)
    assert len(labels) == 6
    assert curve.control
    assert curve.over_control is not None
    assert curve.over_control.low <= curve.over_control.mean <= curve.over_control.high
    assert curve.forecast is not None
    assert curve.forecast.labels == labels[-1] + 100


def test_spending_is_counted_by_annotator(project: Project) -> None:
    spending = gathered(project.context).spending
    people = {one.name: one for one in spending.annotators}
    assert {name: one.answers for name, one in people.items()} == {"ann": 100, "bo": 20, "cy": 1}
    assert people["cy"].skipped == 1
    assert people["bo"].money == 40.0
    assert people["ann"].money == 50.0
    assert people["ann"].median_seconds == 3.0
    assert spending.minutes == pytest.approx(6.0)
    assert spending.currency == "EUR"


def test_queries_show_what_was_asked_and_why(project: Project) -> None:
    data = gathered(project.context)
    assert [one.number for one in data.queries] == [6, 5, 4, 3, 2, 1]
    assert all(one.asked == one.answered == 20 for one in data.queries)
    assert all(one.reasons and sum(n for _, n in one.reasons) == 20 for one in data.queries)
    assert all(one.items and one.items[0].picture.startswith("data:image/") for one in data.queries)
    assert dict(data.purposes)["audit"] == data.audit_labels
    assert sum(n for _, n in data.purposes) == 120
    assert data.doubted
    assert [one.key for one in data.set_aside] == ["0/empty.png"]


def test_the_report_is_the_same_again_but_for_its_date(project: Project) -> None:
    first, second = (gathered(project.context) for _ in range(2))
    assert first.curve == second.curve
    assert first.doubts == second.doubts
    assert first.facts == second.facts


def test_a_report_can_be_made_before_there_is_anything(root: Path, tmp_path: Path) -> None:
    with create(tmp_path / "new.sieve", root / "digits") as project:
        data = gathered(project.context)
        page = project.report()
    assert data.audit is None
    assert data.labels == 0
    assert "Not measured yet" in page.read_text(encoding="utf-8")


def test_labels_go_out_and_come_back(project: Project, root: Path, tmp_path: Path) -> None:
    for ending in ("csv", "jsonl", "parquet"):
        (path,) = project.export(labels=tmp_path / f"labels.{ending}")
        with create(tmp_path / f"{ending}.sieve", root / "digits") as other:
            done = other.import_labels(path, by="nobody")
            assert done.added == 121
            assert not done.set_aside
            assert other.status()["classes"] == project.status()["classes"]
            assert set(other.status()["annotators"]) == {"ann", "bo", "cy"}, "the skip too"


def test_exported_labels_say_who_when_and_for_which_query(project: Project, tmp_path: Path) -> None:
    (path,) = project.export(labels=tmp_path / "labels.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 121
    assert all(row["label"] == row["key"].split("/")[0] for row in rows if row["answer"] == "class")
    assert {row["purpose"] for row in rows if row["query"]} == {"search", "audit", "control"}
    assert {row["seconds"] for row in rows} == {"3.0", ""}


def test_predictions_of_the_file_are_those_of_the_project(project: Project, tmp_path: Path) -> None:
    (path,) = project.export(predictions=tmp_path / "p.parquet")
    rows, said = pq.read_table(path), project.predict()
    assert rows["key"].to_pylist() == list(said.keys)
    assert rows["label"].to_pylist() == [names[0] for names in said.names]
    assert np.allclose(rows["probability"].to_numpy(), said.proba.max(axis=1), atol=1e-6)
    assert rows.num_columns == 3 + 10


def test_the_exported_head_runs_elsewhere(project: Project, tmp_path: Path) -> None:
    files = project.export(head=tmp_path / "head")
    assert {path.name for path in files} == {"README.md", "head.json", "head.npz", "head.onnx", "view.npz"}
    facts = json.loads((tmp_path / "head" / "head.json").read_text(encoding="utf-8"))
    assert facts["classes"] == list(project.task.classes)
    fitted = project.fit()
    final = fitting.final_head(fitted)
    pool = raw_pool(project.context)
    x = np.asarray(pool.take(pool.ids[:200]), np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "head" / "head.onnx")
    proba = session.run(None, {session.get_inputs()[0].name: x})[-1]
    expected = fitted.temperature(final.predict_proba(fitted.stand.view(x)))
    assert np.allclose(proba, expected, atol=2e-4)
    card = (tmp_path / "head" / "README.md").read_text(encoding="utf-8")
    assert "fitted once more on all labels" in card
    assert "patches at revision" in card


def test_everything_goes_to_exports_when_nothing_is_named(project: Project) -> None:
    home = project.path / "exports"
    for _ in range(2):  # a second export replaces the first
        paths = project.export()
        assert {path.parent.name for path in paths} <= {"exports", "main-head"}
        assert sorted(path.name for path in home.iterdir()) == [
            "main-card.md", "main-head", "main-labels.csv", "main-predictions.csv"
        ]  # fmt: skip
    shutil.rmtree(home)
