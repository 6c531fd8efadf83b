"""k-center: what the plain version would pick, from a part of its work."""

import numpy as np
import pytest

from labelsieve.core.errors import InputError, PoolExhausted
from labelsieve.selection import centres
from labelsieve.selection.centres import kcenter


def check(x: np.ndarray, picked: list[int], labelled: list[int]) -> None:
    """Farthest first as it is written in books, all distances all the time: each pick is the farthest, or so near to
    it that float32 cannot tell them apart."""
    x = x.astype(np.float64)
    rounding = centres.SAME * (x**2).sum(axis=1).max()
    near = ((x[:, None] - x[labelled][None]) ** 2).sum(axis=2).min(axis=1)
    assert len(set(picked) | set(labelled)) == len(picked) + len(labelled)
    for j in picked:
        assert near[j] >= near.max() - rounding
        near = np.minimum(near, ((x - x[j]) ** 2).sum(axis=1))


@pytest.mark.parametrize("spread", ["clusters", "even", "line"])
@pytest.mark.parametrize("window", [4, 64, 2048])
def test_picks_are_those_of_the_plain_version(spread: str, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centres, "WINDOW", window)
    monkeypatch.setattr(centres, "BLOCK", 100)
    rng = np.random.default_rng(0)
    x = rng.random((700, 8 if spread == "even" else 2)).astype(np.float32)
    if spread == "clusters":
        x += 10 * rng.integers(0, 4, size=(700, 2))
    if spread == "line":
        x[:, 1] = 0
    check(x, kcenter(x, 60, labelled=np.array([5, 9])).tolist(), [5, 9])
    first, *rest = kcenter(x, 30, rng=3).tolist()
    check(x, rest, [first])
    with pytest.raises(AssertionError):
        check(x, rest[::-1], [first])


def test_one_of_each_far_group_comes_first() -> None:
    rng = np.random.default_rng(1)
    group = np.arange(600) % 6
    x = (100 * np.eye(6)[group] + rng.random((600, 6))).astype(np.float32)
    assert sorted(group[kcenter(x, 6)].tolist()) == list(range(6))
    assert sorted(group[kcenter(x, 4, labelled=np.array([0, 1]))].tolist()) == [2, 3, 4, 5]


def test_repeats_are_picked_last_and_by_no_order_of_storage() -> None:
    x = np.r_[np.zeros((5000, 3)), np.ones((5000, 3)), [[5.0, 5, 5]]].astype(np.float32)
    picked = kcenter(x, 9, labelled=np.array([0]))
    assert picked[0] == 10_000 and 5000 <= picked[1] < 10_000
    assert len(np.unique(picked)) == 9
    assert np.ptp(picked[2:]) > 1000
    assert kcenter(x, 9, labelled=np.array([0])).tolist() == picked.tolist()


def test_all_can_be_picked_and_no_more() -> None:
    x = np.random.default_rng(0).random((50, 3))
    assert sorted(kcenter(x, 50).tolist()) == list(range(50))
    assert sorted(kcenter(x, 48, labelled=np.array([1, 2])).tolist()) == [0, *range(3, 50)]
    assert kcenter(x, 0).shape == (0,)
    assert kcenter(x[:1], 1).tolist() == [0]
    with pytest.raises(PoolExhausted):
        kcenter(x, 49, labelled=np.array([1, 2]))
    x[7, 0] = np.nan
    with pytest.raises(InputError, match="row 7"):
        kcenter(x, 2)


def test_few_rows_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    look = centres.Farthest._look_at_all
    monkeypatch.setattr(centres.Farthest, "_look_at_all", lambda self: (passes.append(1), look(self))[1])
    x = np.random.default_rng(0).normal(size=(20_000, 32)).astype(np.float32)
    kcenter(x, 100, labelled=np.arange(200))
    assert len(passes) <= 3


def test_a_mapped_file_of_halves_is_read_in_blocks(tmp_path: object) -> None:
    x = np.random.default_rng(0).normal(size=(9000, 5)).astype(np.float16)
    mapped = np.memmap(f"{tmp_path}/x", np.float16, "w+", shape=x.shape)
    mapped[:] = x
    assert kcenter(mapped, 20).tolist() == kcenter(x.astype(np.float32), 20).tolist()


def test_data_far_from_the_origin_give_the_same_picks() -> None:
    x = np.random.default_rng(0).integers(0, 64, size=(3000, 8)).astype(np.float32)
    far = x + np.float32(2**17)  # exact in float32, but its squares are not
    assert kcenter(far, 40, labelled=np.array([3])).tolist() == kcenter(x, 40, labelled=np.array([3])).tolist()
