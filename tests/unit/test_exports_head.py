"""An exported head: a folder that is whole or not there, and a card that says what was measured."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from labelsieve.core.errors import InputError
from labelsieve.project.auditing import audit_tables
from labelsieve.project.exports import HeadExport, write_head
from labelsieve.project.modelcard import HeadFacts, model_card
from labelsieve.project.report.data import AnnotatorSpending, ReportData, Spending

EXPORT = HeadExport(
    {"name": "linear", "classes": ["cat", "собака"]},
    {"head": {"coef": np.arange(6.0).reshape(2, 3)}, "view": {"how": np.array("unit")}},
    "---\nlibrary_name: labelsieve\n---\n",
    b"onnx",
)
FACTS = HeadFacts("Linear", "minilm", "a1b2", "tok-1", "unit", 384, ("cat", "d|og"), 0.8, 140)


def data(n: int = 60) -> ReportData:
    y = np.arange(n) % 2
    proba = np.eye(2)[y] * 0.8 + 0.1
    proba[:4] = proba[:4, ::-1]
    return ReportData(
        "tickets.sieve", "main", "classes", "2024-05-09T15:02:11+00:00", 1797, 140,
        class_counts=(("cat", 135), ("d|og", 5)),
        audit=audit_tables(y, proba, ("cat", "d|og")) if n >= 10 else None,
        audit_labels=n,
        spending=Spending((AnnotatorSpending("ann", 140),)),
        set_aside_total=3,
        facts=(("seed", "0"), ("head", "of the report")),
    )  # fmt: skip


def test_the_folder_holds_arrays_facts_onnx_and_card(tmp_path: Path) -> None:
    files = write_head(tmp_path / "out", EXPORT)
    assert [path.name for path in files] == ["README.md", "head.json", "head.npz", "head.onnx", "view.npz"]
    facts = json.loads((tmp_path / "out" / "head.json").read_text(encoding="utf-8"))
    assert facts["classes"] == ["cat", "собака"]
    with np.load(tmp_path / "out" / "head.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["coef"], np.arange(6.0).reshape(2, 3))
    with np.load(tmp_path / "out" / "view.npz", allow_pickle=False) as arrays:
        assert str(arrays["how"]) == "unit"
    assert (tmp_path / "out" / "head.onnx").read_bytes() == b"onnx"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_newer_head_replaces_the_older_one_as_a_whole(tmp_path: Path) -> None:
    write_head(tmp_path / "out", EXPORT)
    files = write_head(tmp_path / "out", dataclasses.replace(EXPORT, onnx=None, arrays={}))
    assert [path.name for path in files] == ["README.md", "head.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_is_no_head_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "head.json").write_text('{"mine": 1}')
    with pytest.raises(InputError, match="not overwritten"):
        write_head(tmp_path / "photos", EXPORT)
    assert (tmp_path / "photos" / "head.json").read_text() == '{"mine": 1}'
    (tmp_path / "empty").mkdir()
    assert write_head(tmp_path / "empty", EXPORT)


def test_a_folder_that_fails_halfway_leaves_the_old_one(tmp_path: Path) -> None:
    write_head(tmp_path / "out", EXPORT)
    bad = dataclasses.replace(EXPORT, facts={"not json": object()})
    with pytest.raises(TypeError):
        write_head(tmp_path / "out", bad)
    assert json.loads((tmp_path / "out" / "head.json").read_text())["name"] == "linear"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_card_gives_measured_numbers_with_intervals() -> None:
    given = data()
    text = model_card(given, FACTS)
    score = given.audit.score  # type: ignore[union-attr]
    assert f"Accuracy {100 * score.mean:.1f} % ({100 * score.low:.1f}–{100 * score.high:.1f})" in text
    assert "drawn at random" in text
    assert "fitted once more on all labels" in text
    assert "minilm at revision a1b2" in text
    assert "| d\\|og | 5 |" in text, "a class name cannot break the table"
    assert "3 items could not be used" in text
    assert "1 of 2 classes have fewer than 10 labels" in text
    assert text.count("| head |") == 1
    assert text.startswith("---\nlibrary_name: labelsieve\n")


def test_the_card_claims_nothing_without_an_audit_slice() -> None:
    text = model_card(data(4), FACTS)
    assert "Not measured" in text
    assert "%" not in text.split("## What it is made of")[0]


def test_a_foreign_head_is_said_to_be_refitted_and_never_saved() -> None:
    text = model_card(data(), dataclasses.replace(FACTS, foreign=True, onnx=False, head="sklearn.svm:SVC"))
    assert "never saved" in text
    assert "head.onnx" not in text


def test_the_card_shows_how_to_run_the_head() -> None:
    code = model_card(data(), FACTS).split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert "head.onnx" in code
