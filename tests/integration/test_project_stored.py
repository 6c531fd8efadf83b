"""A project whose embeddings do not fit half of the memory keeps them as int8, and works as any other."""

from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.project import pooling
from labelsieve.store.shards import Shards
from labelsieve.testing.digits import write_digits


def test_a_pool_too_large_for_the_memory_is_stored_as_int8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_digits(tmp_path / "digits", 120)
    monkeypatch.setattr(pooling, "memory_bytes", lambda: 1000)
    with ls.create(tmp_path / "digits.sieve", folder, seed=3) as project:
        report = project.embed()
        assert report.done == 120
        for asked in project.rounds(n=20, budget=40):
            truth = [item.key.split("/")[0] for item in asked.items]
            project.label(asked.ids, truth, by="ann", query=asked.id)
        right = [name == key.split("/")[0] for (name,), key in zip(*_predicted(project), strict=True)]
        assert np.mean(right) > 0.6
        monkeypatch.undo()  # more memory now: the folder goes on as it began
        assert project.embed().done == 0
    (kept,) = (tmp_path / "digits.sieve" / "cache" / "embeddings").iterdir()
    shards = Shards(kept)
    assert shards.stored == "int8"
    assert len(shards) == 120
    assert len(list(kept.glob("*.scale.npy"))) == len(shards.names)


def _predicted(project: ls.Project) -> tuple[list[tuple[str, ...]], list[str]]:
    found = project.predict()
    return list(found.names), list(found.keys)
