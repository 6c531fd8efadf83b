"""Which view the heads and strategies of a task see, by what the rows of its pool are."""

from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.project.standing import stand
from labelsieve.project.training import view_way


@pytest.mark.parametrize(
    ("kind", "meaning", "way"),
    [
        ("screen", "axes", "isotropic"),
        ("screen", "directions", "z"),
        ("screen", "columns", "z"),
        ("screen", "scaled", "z"),
        ("classes", "axes", "unit"),
        ("classes", "directions", "unit"),
        ("multilabel", "columns", "z"),
        ("classes", "scaled", "raw"),
    ],
)
def test_the_view_of_a_task(kind, meaning, way):
    assert view_way(kind, meaning) == way


@pytest.mark.slow
def test_a_screen_of_few_texts_by_the_built_in_engine_tells_them_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = [f"{a}{b}" for a in ("pump", "door", "rail", "seat", "lamp", "gate") for b in ("", "s", "ing", "ed")]
    odd = np.arange(300) % 12 == 5
    rows = []
    for i in range(300):
        said = [*rng.choice(words, 6), *(["smoke"] if odd[i] else [])]
        rows.append(f"t{i},{' '.join(rng.permutation(said))}")
    (tmp_path / "t.csv").write_text("\n".join(["id,text", *rows]) + "\n", encoding="utf-8")
    with ls.create(tmp_path / "p.sieve", tmp_path / "t.csv", text="text", key="id", task="screen") as project:
        project.embed()
        assert stand(project.context).view.how == "isotropic"
        query = project.next(100, strategy="random")
        kinds = ["odd" if odd[int(item.key[1:])] else "dull" for item in query.items]
        project.label([item.key for item in query.items], kinds, by="ann", query=query.id)
        project.fit()
        found = sum(odd[int(item.key[1:])] for item in project.next(12, strategy="greedy_search").items)
    assert found >= 9  # of about 17 among 200; at random 1
