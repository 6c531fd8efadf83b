"""The parts that ship for testing plug-ins do what they promise."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelsieve.core.errors import InputError
from labelsieve.core.sockets import Engine
from labelsieve.core.types import ODD, Query
from labelsieve.testing import HashEngine, NoisyOracle, toy_classes, toy_multilabel, toy_odd, write_digits


def test_toys_depend_on_their_seed_alone() -> None:
    assert np.array_equal(toy_classes(seed=3).x, toy_classes(seed=3).x)
    assert not np.array_equal(toy_classes(seed=3).x, toy_classes(seed=4).x)


def test_planted_items_are_odd_and_far() -> None:
    toy = toy_odd(500, odd=12)
    far = np.linalg.norm(toy.x, axis=1)
    assert (toy.y == ODD).sum() == 12
    assert far[toy.y == ODD].mean() > 1.5 * far[toy.y != ODD].mean()


def test_labels_are_ascending_and_typed() -> None:
    labels = toy_multilabel(50, classes=3).labels(np.array([9, 2, 5]))
    assert labels.ids.tolist() == [2, 5, 9]
    assert labels.y.shape == (3, 3)
    assert labels.kind == "multilabel"


def test_hash_engine_is_an_engine() -> None:
    engine = HashEngine(32)
    assert isinstance(engine, Engine)
    near, same, far = engine.compute([engine.prepare(t) for t in ("my card is lost", "card is lost", "what a day")])
    assert near @ same > near @ far
    with pytest.raises(InputError, match="empty"):
        engine.prepare("  ")


def test_oracle_errs_as_often_as_it_is_told() -> None:
    toy = toy_classes(1000)
    truth = {i: toy.classes[code] for i, code in enumerate(toy.y)}
    query = Query(np.arange(1000), np.zeros(1000), np.full(1000, 0.1), "random")
    labels = NoisyOracle(truth, noise=0.2).answer(query)
    wrong = np.mean([label.value is None or label.value.names[0] != truth[label.item] for label in labels])
    assert 0.15 < wrong < 0.25
    assert len({label.id for label in labels}) == 1000
    assert NoisyOracle({1: "a"}).answer(query)[0].item == 1


def test_digits_are_real_pictures(tmp_path: Path) -> None:
    folder = write_digits(tmp_path / "digits", count=30)
    files = sorted(folder.rglob("*.png"))
    assert len(files) == 30
    with Image.open(files[0]) as image:
        assert (image.size, image.mode) == ((8, 8), "L")
