"""Which view the heads and strategies of a task see, by what the rows of its pool are."""

from pathlib import Path

import pytest

import labelsieve as ls
from labelsieve.project.standing import stand
from labelsieve.project.training import view_way
from labelsieve.testing.digits import write_digits


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
def test_a_screen_of_few_pictures_by_the_built_in_engine_tells_them_apart(tmp_path: Path) -> None:
    for file in sorted(write_digits(tmp_path / "digits").rglob("*.png"))[::6]:
        (tmp_path / "pool" / file.parent.name).mkdir(parents=True, exist_ok=True)
        file.rename(tmp_path / "pool" / file.parent.name / file.name)
    with ls.create(tmp_path / "p.sieve", tmp_path / "pool", task="screen") as project:
        project.embed()
        assert stand(project.context).view.how == "isotropic"
        query = project.next(100, strategy="random")
        kinds = ["odd" if item.key.startswith("0/") else "dull" for item in query.items]
        assert 5 <= kinds.count("odd") <= 20
        project.label([item.key for item in query.items], kinds, by="ann", query=query.id)
        project.fit()
        rest = project.next(15, strategy="greedy_search")
        found = sum(item.key.startswith("0/") for item in rest.items)
    assert found >= 12  # of about 20 among 200; at random 1 or 2
