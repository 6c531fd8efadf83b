"""Budgets and prices go into labelsieve.toml, and status counts against them."""

from pathlib import Path

import pytest

import labelsieve as ls
from labelsieve.project.limits import Limits, set_limits


@pytest.fixture
def project(tmp_path: Path) -> ls.Project:
    (tmp_path / "t.csv").write_text("text\n" + "".join(f"text number {i}\n" for i in range(20)))
    with ls.create(tmp_path / "p.sieve", tmp_path / "t.csv", text="text"):
        pass
    return ls.open(tmp_path / "p.sieve")


def test_limits_are_kept_and_counted(project: ls.Project) -> None:
    set_limits(project.context, Limits(labels=3, money=1.0, costs=["0.1", "ann=0.25"], currency="EUR"))
    with ls.open(project.path) as again:
        keys = [item.key for item in again.items(again.context.ids_of([1, 2]))]
        again.label(keys[:1], ["a"], by="ann")
        again.label(keys[1:], ["b"], by="bob")
        state = again.status()
    assert state["spent"]["money"] == pytest.approx(0.35)
    assert state["budget"] == {"labels": 3.0, "EUR": 1.0}
    set_limits(project.context, Limits(labels=0))
    assert "labels" not in project.status()["budget"]
    project.close()


@pytest.mark.parametrize("text", ["x", "ann=", "ann=-1", "nan", "inf"])
def test_a_price_is_a_number(project: ls.Project, text: str) -> None:
    with pytest.raises(ls.InputError, match="price"):
        set_limits(project.context, Limits(costs=[text]))
    with pytest.raises(ls.InputError, match="minutes"):
        set_limits(project.context, Limits(minutes=-1))
    project.close()
