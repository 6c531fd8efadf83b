"""head = "mixup" in labelsieve.toml: fitted beside the plain head, and kept only where the audit slice says so."""

from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.heads.linear import Linear
from labelsieve.heads.mixup import Mixup
from labelsieve.project import fitting
from labelsieve.testing.toys import toy_classes


def labelled(folder: Path, answers: int) -> Path:
    toy = toy_classes(400, spread=1.5)
    np.save(folder / "x.npy", toy.x)
    path = folder / "toy.sieve"
    with ls.create(path, folder / "x.npy", seed=1) as project:
        asked = project.next(answers, strategy="random")
        names = [toy.classes[toy.y[int(item.key)]] for item in asked.items]
        project.label(asked.ids, names, by="ann", query=asked.id)
    settings = (path / "labelsieve.toml").read_text()
    assert "[tasks.main]" in settings
    (path / "labelsieve.toml").write_text(settings.replace("[tasks.main]", '[tasks.main]\nhead = "mixup"'))
    return path


@pytest.mark.parametrize("kept", [True, False])
def test_the_audit_slice_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    seen = []
    monkeypatch.setattr(fitting, "keeps", lambda plain, other, y: seen.append((plain, other, y)) or kept)
    with ls.open(labelled(tmp_path, 250)) as project:
        fitted = project.fit()
        assert type(fitted.head) is (Mixup if kept else Linear)
        plain, other, y = seen[0]
        assert len(plain) == len(other) == len(y) == len(fitted.stand.audit) >= 10
        assert np.abs(plain - other).max() > 1e-3
        assert type(fitting.final_head(fitted)) is (Mixup if kept else Linear)
    with ls.open(tmp_path / "toy.sieve") as project:  # from the cache, without being asked again
        assert type(project.fit().head) is (Mixup if kept else Linear)
        assert len(seen) == 1


def test_without_an_audit_slice_there_are_no_mixtures(tmp_path: Path) -> None:
    with ls.open(labelled(tmp_path, 40)) as project:
        assert len(project.context.conn.execute("SELECT 1 FROM events").fetchall()) == 40
        fitted = project.fit()
        assert len(fitted.stand.audit) < 10
        assert type(fitted.head) is Linear
