"""The map: who is near stays near, by a seed, for pools of all sizes and shapes; colours say what they stand for."""

from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.rounds import ArrayPool
from labelsieve.core.types import Value
from labelsieve.project.projection import layout, projecting, spreading
from labelsieve.project.projection.colouring import colours
from labelsieve.project.projection.layout import laid_out, nearest, principal
from labelsieve.project.projection.projecting import map_of, project_pool, projected, state_of
from labelsieve.project.views import foreseen
from labelsieve.testing import toy_classes


def quiet(done: int, total: int, said: str) -> None:
    """Nobody looks."""


def clusters(n: int, dim: int = 12, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, k, n)
    return (4 * rng.standard_normal((k, dim))[codes] + rng.standard_normal((n, dim))).astype(np.float32), codes


def agree(points: np.ndarray, codes: np.ndarray) -> float:
    found = nearest(points, points, 6)[0]
    return float((codes[found[:, 1:]] == codes[:, None]).mean())


def test_principal_axes_are_those_of_the_singular_values() -> None:
    x = clusters(200)[0]
    axes = principal(x, 3)
    _, _, naive = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    assert np.abs(np.abs(axes.axes @ naive[:3].T) - np.eye(3)).max() < 1e-2
    assert (axes.axes[np.arange(3), np.abs(axes.axes).argmax(axis=1)] > 0).all()
    assert np.allclose(axes(x).mean(axis=0), 0, atol=1e-3)


def test_the_slope_is_that_of_the_loss() -> None:
    """Against numeric differences, for pulls and for the push."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal((6, 2)).astype(np.float64)
    a, b = np.array([0, 0, 1, 4]), np.array([1, 2, 3, 5])

    def loss(points: np.ndarray, scale: float) -> float:
        d = 1 + np.square(points[a] - points[b]).sum(axis=1)
        return float((d / (scale + d) if scale else 1 / (1 + d)).sum())

    for scale in (10.0, 10_000.0, 0.0):
        slope = layout._slope(y.astype(np.float32), a, b, scale)
        for i in range(6):
            for j in range(2):
                step = np.zeros_like(y)
                step[i, j] = 1e-4
                numeric = (loss(y + step, scale) - loss(y - step, scale)) / 2e-4
                assert slope[i, j] == pytest.approx(numeric, rel=1e-2, abs=1e-7)


def test_neighbours_stay_together_and_a_seed_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "STEPS", 250)
    x, codes = clusters(240)
    points = laid_out(x, 3)
    assert points.shape == (240, 2)
    assert agree(points, codes) > 0.95
    assert np.array_equal(points, laid_out(x, 3))
    assert not np.array_equal(points, laid_out(x, 4))


def test_landmarks_carry_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "STEPS", 250)
    x, codes = clusters(1200)
    pool = ArrayPool(x, np.arange(len(x)))
    points, landmarks = projected(pool, 0, quiet, most=200)
    assert landmarks == 200
    assert agree(points, codes) > 0.9
    assert np.abs(points).max() <= 1
    assert np.array_equal(points, projected(pool, 0, quiet, most=200)[0])
    chosen = spreading.landmarks_of(1200, 0, 200)
    assert len(np.unique(chosen)) == 200
    assert np.all(np.diff(chosen) > 0)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((30, 5), np.float32),  # all rows equal
        np.repeat(clusters(10)[0], 10, axis=0),  # many equal rows
        np.arange(40, dtype=np.float32)[:, None],  # one column
        clusters(5)[0],
        np.ones((4, 1), np.float32),
    ],
)
def test_odd_pools_give_finite_points(x: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "STEPS", 40)
    points, _ = projected(ArrayPool(x, np.arange(len(x))), 0, quiet)
    assert points.shape == (len(x), 2)
    assert np.isfinite(points).all()
    assert np.abs(points).max() <= 1


def test_a_map_is_kept_and_is_stale_after_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "STEPS", 30)
    toy = toy_classes(80, 6, 3)
    np.save(tmp_path / "x.npy", toy.x)
    project = ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=list(toy.classes))
    context = project.context
    assert state_of(context)["state"] == "none"
    with pytest.raises(ProjectError, match="no map"):
        colours(context, "label")
    assert project_pool(context, quiet)["items"] == 80
    assert state_of(context) | {"seconds": 0, "mark": ""} == {
        "state": "ready", "n": 80, "mark": "", "engine": "given", "stale": False, "landmarks": 80, "seconds": 0,
    }  # fmt: skip
    assert project_pool(context, quiet)["known"]
    first = map_of(context)
    assert first is not None

    project.label([3, 4, 5], [toy.classes[toy.y[2]]] * 3, by="ann")
    project.label([9], [Value("skip")], by="ann")
    found = colours(context, "label")
    assert found.names == ("no label", "skipped, unsure, several", *toy.classes)
    assert sum(found.counts) == 80
    assert found.counts[:2] == (76, 1)
    assert found.kind is not None
    assert found.kind[2] == 2 + toy.y[2]
    assert colours(context, "label", "bob").counts[0] == 80  # whose labels they are counts
    assert colours(context, "prediction").counts == (80,)
    doubt = colours(context, "uncertainty").value
    assert doubt is not None
    assert np.isnan(doubt).all()

    project.label(np.arange(20, 60), [toy.classes[toy.y[i - 1]] for i in range(20, 60)], by="ann")
    foreseen.write(context, project.fit())
    assert sum(colours(context, "prediction").counts[1:]) == 80
    doubt = colours(context, "uncertainty").value
    assert doubt is not None
    assert ((doubt >= 0) & (doubt <= 1)).all()

    np.save(tmp_path / "x.npy", np.concatenate([toy.x, toy.x[:5] + 1]))
    project.sync()
    assert state_of(context)["stale"]
    assert len(colours(context, "label").kind) == 80  # type: ignore[arg-type]  # points that are drawn
    project_pool(context, quiet)
    assert not state_of(context)["stale"]
    assert len(map_of(context).ids) == 85  # type: ignore[union-attr]
    assert len(list((tmp_path / "p.sieve" / "cache" / "projection" / "given").iterdir())) == 2  # the old one is gone


def test_too_few_items_and_a_damaged_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "STEPS", 5)
    np.save(tmp_path / "x.npy", np.eye(3, dtype=np.float32))
    with (
        ls.create(tmp_path / "p.sieve", tmp_path / "x.npy") as project,
        pytest.raises(InputError, match="a map needs 4"),
    ):
        project_pool(project.context, quiet)
    np.save(tmp_path / "y.npy", np.eye(6, dtype=np.float32))
    with ls.create(tmp_path / "q.sieve", tmp_path / "y.npy") as project:
        project_pool(project.context, quiet)
        part = next(p for p in projecting._folder(project.context).iterdir() if p.is_dir())
        (part / "points.npy").write_bytes(b"damaged")
        assert map_of(project.context) is None
        assert state_of(project.context)["state"] == "none"
        assert "known" not in project_pool(project.context, quiet)  # computed again
        assert map_of(project.context) is not None
