"""The built-in image engine: any image, the same bits after restoring, and digits told apart from few labels."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from labelsieve.core.errors import EngineError, InputError
from labelsieve.core.sockets import Learner
from labelsieve.engines._dictionary import k_means
from labelsieve.engines._learning import axes_worth, digest, pack, principal_axes, reservoir, unpack
from labelsieve.engines.patches import Patches
from labelsieve.heads.view import View


def png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def stripes(n: int, side: int = 24, *, colour: bool = False, seed: int = 0) -> list[bytes]:
    """Images with stripes that stand (even) or lie (odd)."""
    rng = np.random.default_rng(seed)
    things = []
    for i in range(n):
        wave = np.sin(np.arange(side)[:, None] * rng.uniform(0.8, 1.2) + rng.uniform(0, 6)) * np.ones((1, side))
        grey = (128 + 60 * (wave if i % 2 else wave.T) + rng.normal(0, 8, (side, side))).clip(0, 255).astype(np.uint8)
        things.append(png(np.stack([grey, grey, 255 - grey], axis=2) if colour else grey))
    return things


def fitted(things: list[object], seed: int = 0) -> Patches:
    return Patches().fit(things, np.random.default_rng(seed))


def embed(engine: Patches, things: list[object]) -> np.ndarray:
    return engine.compute([engine.prepare(thing) for thing in things])


@pytest.fixture(scope="module")
def engine() -> Patches:
    return fitted(stripes(60))


def test_it_is_a_learner_that_says_what_it_gives(engine: Patches) -> None:
    assert isinstance(engine, Learner)
    x = embed(engine, stripes(6))
    assert x.shape == (6, engine.dim) and x.dtype == np.float32 and np.isfinite(x).all() and engine.dim <= 384


@pytest.mark.parametrize(("n", "axes"), [(2, 8), (20, 8), (132, 50), (999, 383), (1000, 384), (9000, 384)])
def test_how_many_axes_things_can_tell(n: int, axes: int) -> None:
    assert axes_worth(n, 384) == axes


def test_scaled_axes_of_a_small_pool_tell_who_is_like_whom() -> None:
    things = stripes(90)
    engine = fitted(things)
    x = View.fit(embed(engine, things), "zunit")(embed(engine, things))
    alike = x @ x.T / engine.dim
    np.fill_diagonal(alike, np.nan)
    kind = np.arange(90) % 2
    same = kind[np.nanargmax(alike, axis=1)] == kind
    assert np.nanstd(alike) > 0.05 and same.mean() > 0.9  # as many axes as things: all -1/89, nobody near anybody


def test_standing_and_lying_stripes_are_told_apart(engine: Patches) -> None:
    x = embed(engine, stripes(40, seed=1))
    head = LogisticRegression().fit(x[:10], np.arange(10) % 2)
    assert head.score(x[10:], np.arange(30) % 2) == 1.0


def test_restoring_gives_the_same_bits_and_revision(engine: Patches) -> None:
    again = Patches().restore({name: array.copy() for name, array in engine.state().items()})
    assert (again.revision, again.dim) == (engine.revision, engine.dim)
    assert embed(again, stripes(5)).tobytes() == embed(engine, stripes(5)).tobytes()
    assert all(array.dtype != object for array in engine.state().values())


def test_the_same_seed_learns_the_same_and_another_seed_other_patches(engine: Patches) -> None:
    assert fitted(stripes(60)).revision == engine.revision
    assert fitted(stripes(60), 1).revision != engine.revision


def test_a_row_does_not_depend_on_its_neighbours(engine: Patches) -> None:
    things = stripes(7)
    assert np.allclose(embed(engine, things), np.concatenate([embed(engine, [t]) for t in things]), atol=1e-4)


def test_any_image_gives_a_finite_row(engine: Patches) -> None:
    rng = np.random.default_rng(0)
    things: list[object] = [
        png(np.zeros((1, 1), np.uint8)),
        png(np.full((300, 2, 3), 255, np.uint8)),
        png(rng.integers(0, 256, (40, 70, 3), dtype=np.uint8)),
        png(rng.integers(0, 65536, (20, 20), dtype=np.uint16)),
        Image.new("CMYK", (9, 9)),
        Image.new("P", (9, 9)),
        Image.new("RGBA", (9, 9), (0, 0, 0, 0)),
    ]
    x = embed(engine, things)
    assert x.shape == (7, engine.dim) and np.isfinite(x).all()


def test_one_image_in_colour_makes_the_pool_coloured() -> None:
    grey = fitted(stripes(10))
    mixed = fitted([*stripes(10), *stripes(1, colour=True)])
    assert grey.prepare(stripes(1)[0]).shape[2] == 1
    assert mixed.prepare(stripes(1)[0]).shape[2] == 3
    assert np.isfinite(embed(mixed, stripes(4) + stripes(4, colour=True))).all()


@pytest.mark.parametrize("pool", [[(1, 1)], [(1, 1)] * 5, [(8, 8)] * 3, [(500, 2)] * 2])
def test_pools_with_next_to_nothing_to_learn(pool: list[tuple[int, int]]) -> None:
    x = embed(fitted([Image.new("RGB", size, "red") for size in pool]), [Image.new("RGB", (3, 3), "blue")])
    assert x.shape[0] == 1 and x.shape[1] >= 1 and np.isfinite(x).all()


def test_what_cannot_be_read_is_passed_over_and_named_later(engine: Patches, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(stripes(1)[0][:60])
    assert fitted([broken, *stripes(5)]).dim >= 1
    with pytest.raises(InputError, match=r"broken\.png"):
        engine.prepare(broken)
    with pytest.raises(EngineError, match="no image"):
        fitted([broken])
    with pytest.raises(EngineError, match="no image"):
        fitted([])
    with pytest.raises(EngineError, match="learnt nothing"):
        Patches().prepare(stripes(1)[0])
    with pytest.raises(EngineError, match="lacks"):
        Patches().restore({})


@pytest.mark.slow
def test_digits_from_png_files(tmp_path: Path) -> None:
    digits = load_digits()
    keep = np.random.default_rng(0).permutation(len(digits.target))[:700]
    paths = []
    for i in keep:
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray((digits.images[i] * 255 / 16).round().astype(np.uint8)).save(paths[-1])
    x = embed(fitted(paths), paths)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    head = LogisticRegression(C=30, max_iter=300).fit(x[:490], digits.target[keep[:490]])
    assert head.score(x[490:], digits.target[keep[490:]]) >= 0.97


def test_a_reservoir_is_fair_bounded_and_repeatable() -> None:
    count = np.zeros(40)
    for seed in range(2000):
        drawn = reservoir(range(40), 10, np.random.default_rng(seed))
        assert len(set(drawn)) == 10 and drawn == sorted(drawn)
        count[drawn] += 1
    assert abs(count / 2000 - 0.25).max() < 0.05
    assert reservoir(iter("ab"), 10, np.random.default_rng(0)) == ["a", "b"]
    assert reservoir(["a", InputError("bad"), "b"], 10, np.random.default_rng(0)) == ["a", "b"]


def test_centroids_stand_in_the_middle_of_their_clusters() -> None:
    rng = np.random.default_rng(0)
    middles = rng.normal(0, 20, (5, 3))
    x = (middles[np.arange(500) % 5] + rng.normal(0, 0.1, (500, 3))).astype(np.float32)
    found = k_means(x, 25, rng)
    assert all(np.linalg.norm(found - middle, axis=1).min() < 0.3 for middle in middles)
    assert k_means(x[:3], 10, rng).shape == (3, 3)


@pytest.mark.parametrize("shape", [(50, 6), (6, 50)])
def test_principal_axes_are_those_of_the_decomposition(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    axes, variances = principal_axes(x, 3)
    _, singular, right = np.linalg.svd(x, full_matrices=False)
    np.testing.assert_allclose(variances, singular[:3] ** 2 / len(x), rtol=1e-3)
    np.testing.assert_allclose(np.abs((axes * right[:3].T).sum(axis=0)), 1, atol=1e-3)


def test_texts_survive_packing_and_the_digest_sees_every_change() -> None:
    assert unpack(pack(["a\0", "\ud800", "東"])) == ["a\0", "\ud800", "東"]
    state = {"a": np.arange(4), "b": np.zeros((2, 3), np.float32)}
    others = [{**state, "a": state["a"].astype(np.int32)}, {**state, "b": state["b"].reshape(3, 2)}, {"a": state["a"]}]
    assert len({digest(state), *(digest(other) for other in others)}) == 4
    assert digest(dict(reversed(state.items()))) == digest(state)
