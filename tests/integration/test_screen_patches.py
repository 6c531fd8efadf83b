"""Screens of pictures with feature maps, as they are called: what is too small for the whole picture is found by its
patches, what is no place at all by the head, and the promise is kept by either."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run
from PIL import Image
from toy_models import conv_folder

import labelsieve as ls
from labelsieve.core.errors import InputError
from labelsieve.project.pictures import mapping
from labelsieve.project.streams.incoming import Incoming, Part
from labelsieve.project.streams.scoring import scorer_of

POOL, NEW = 260, 40
SPOTS, NEW_SPOTS = range(5, POOL, 13), range(3, NEW, 10)


def part(rng: np.random.Generator, odd: str = "") -> Image.Image:
    """A light stripe, upright, on a dull ground; odd ones have a white spot, or no stripe."""
    ground = Image.fromarray(rng.integers(20, 110, (9, 9, 3), dtype=np.uint8)).resize(
        (64, 64), Image.Resampling.BICUBIC
    )
    pixels = np.asarray(ground) + rng.integers(0, 20, (64, 64, 3))
    at = rng.integers(4, 46)
    if odd != "bare":
        pixels[:, at : at + 10] += 70
    if odd == "spot":
        y, x = 8 * rng.integers(1, 7, 2)
        pixels[y : y + 8, x : x + 8] = 255
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def built(place: Path, odd: str) -> Path:
    """A project whose odd pictures are of one kind, embedded, and mapped; the calibration side is answered."""
    rng = np.random.default_rng(0)
    for folder, n, marked in (("parts", POOL, SPOTS), ("new", NEW, NEW_SPOTS)):
        (place / folder).mkdir()
        for i in range(n):
            part(rng, odd if i in marked else "").save(place / folder / f"p{i:03}.png")
    conv_folder(place / "model")
    run(place, "init", "p.sieve", "parts", "--task", "screen")
    run(place, "embed", "p.sieve", "--engine", "model")  # five numbers a picture: little more than how bright it is
    run(place, "embed", "p.sieve", "--maps", "model", "--map-size", "64")
    with ls.open(place / "p.sieve") as p:
        query = p.next(24, purpose="calibration")
        p.label(query.ids, [truth(item.key) for item in query.items], by="ann", query=query.id)
    return place


def truth(key: str) -> str:
    return "odd" if int(key[1:4]) in SPOTS else "dull"


def taught(place: Path, odd: int, dull: int) -> None:
    """Labels so many pictures that are of no random side."""
    with ls.open(place / "p.sieve") as p:
        side = set(scorer_of(p.context).standing.sides.aside.tolist())
        for wanted, n in (("odd", odd), ("dull", dull)):
            keys = [f"p{i:03}.png" for i in range(POOL) if truth(f"p{i:03}") == wanted]
            free = [int(id_) for id_ in p.context.ids_of(keys) if int(id_) not in side][:n]
            assert len(free) == n
            if n:
                p.label(np.array(free), [wanted] * n, by="ann")


def say(place: Path, **task: Any) -> None:
    """Adds lines to the task in labelsieve.toml."""
    toml = place / "p.sieve" / "labelsieve.toml"
    lines = "\n".join(f'{name} = "{value}"' for name, value in task.items())
    toml.write_text(toml.read_text().replace('kind = "screen"', f'kind = "screen"\n{lines}'))


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = built(tmp_path_factory.mktemp("spots"), "spot")
    taught(place, 0, 25)
    return place


def test_what_is_too_small_for_the_head_is_escalated_by_patches(spots: Path) -> None:
    (spots / "new" / "bad.png").write_bytes(b"no picture")
    done = run(spots, "screen", "p.sieve", "new", "--alarms", ".1", "--all", "--out", "all.csv")
    assert "40 items scored by patches: nothing odd is known yet" in done.stdout and "bad.png" in done.stderr
    with (spots / "all.csv").open(newline="") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    odd = {f"p{i:03}.png" for i in NEW_SPOTS}
    assert set(list(rows)[: len(odd)]) == odd and {key for key in odd if rows[key]["escalate"] == "yes"} == odd
    with ls.open(spots / "p.sieve") as p:  # the promise by hand: the same bank on the pictures of the calibration side
        standing, found = scorer_of(p.context).standing, mapping.finder(p.context)
        assert found is not None and found.bank is not None
        held = standing.calibration.ids[standing.calibration.y == 0]
        assert not np.isin(held, found.dull).any() and not np.isin(standing.sides.aside, found.dull).any()
        dull = found.bank.score(found.pool.take(held))
        new = found.scores_of([spots / "new" / key for key in rows])
    assert new is not None and len(held) >= 20
    for score, row in zip(new.tolist(), rows.values(), strict=True):
        assert float(row["score"]) == pytest.approx(score, abs=2e-6)
        assert float(row["p_value"]) == pytest.approx((1 + (dull >= score).sum()) / (len(dull) + 1), abs=1e-6)
    again = (spots / "all.csv").read_bytes()
    run(spots, "screen", "p.sieve", "new", "--alarms", ".1", "--all", "--out", "all.csv")
    assert (spots / "all.csv").read_bytes() == again  # from what was kept


def test_explain_and_watch_score_alike(spots: Path, tmp_path: Path) -> None:
    told = json.loads(run(spots, "explain", "p.sieve", "p005.png", "p006.png", "--json").stdout)
    assert told[0]["score"] > 2 > told[1]["score"] and told[0]["by"].startswith("patches: ") and told[0]["patches"]
    assert told[0]["p"] < 0.1 < told[1]["p"]
    place = tmp_path / "copy"
    shutil.copytree(spots, place)
    (place / "new" / "bad.png").unlink(missing_ok=True)
    words = ("--out", "w.csv", "--alarms", ".1", "--once", "--every", "0.2")
    run(place, "watch", "p.sieve", "new", *words)
    with (place / "w.csv").open(newline="") as file:
        found = {row["key"]: float(row["score"]) for row in csv.DictReader(file)}
    whole = json.loads(run(place, "screen", "p.sieve", "new", "--alarms", ".1", "--json").stdout)
    assert found == {row["key"]: row["score"] for row in whole["rows"]} and whole["choice"]["way"] == "patches"
    why = run(place, "screen", "p.sieve", "new", "--alarms", ".1", "--explain", "why", "--out", "e.csv")
    assert "Explained" in why.stderr
    first = json.loads((place / "why" / "explained.jsonl").read_text().splitlines()[0])
    assert first["score"] == pytest.approx(whole["rows"][0]["score"], abs=1e-3)


def test_both_and_what_the_file_says(spots: Path, tmp_path: Path) -> None:
    for way in ("both", "head"):
        place = tmp_path / way
        shutil.copytree(spots, place)
        say(place, score=way)
        told = json.loads(run(place, "screen", "p.sieve", "new", "--all", "--alarms", ".1", "--json").stdout)
        assert told["by"] == way and told["items"] == NEW
        assert (told["choice"] or {"way": "head"})["way"] == way
        assert 0 < min(row["p_value"] for row in told["rows"]) <= max(row["p_value"] for row in told["rows"]) <= 1
        if way == "both":
            assert 'as score = "both" in labelsieve.toml says' in told["choice"]["why"]
            odd = [row["rank"] for row in told["rows"] if int(row["key"][1:4]) in NEW_SPOTS]
            assert np.mean(odd) < NEW / 3
    toml = place / "p.sieve" / "labelsieve.toml"
    toml.write_text(toml.read_text().replace('score = "head"', 'score = "all"'))
    assert "score in [tasks] is 'all'; expected one of" in run(place, "screen", "p.sieve", "new", code=1).stderr


def test_known_odd_items_decide_and_a_head_that_sees_more_wins(tmp_path: Path) -> None:
    place = built(tmp_path, "bare")  # dull ones have places like each of theirs
    taught(place, 10, 25)
    told = json.loads(run(place, "screen", "p.sieve", "new", "--all", "--alarms", ".1", "--json").stdout)
    choice = told["choice"]
    assert told["by"] == choice["way"] == "head" and choice["head"] > 0.9 > 0.8 > choice["patches"]
    assert (choice["odd"], choice["dull"]) == (10, 25)
    assert {int(row["key"][1:4]) for row in told["rows"][: len(NEW_SPOTS)]} == set(NEW_SPOTS)
    out = run(place, "screen", "p.sieve", "new", "--alarms", ".1").stdout
    assert "scored by the head, which sees the picture as a whole: area under the ROC curve" in out
    with ls.open(place / "p.sieve") as p:  # nothing that calibrates or audits has a part in the choice
        before = scorer_of(p.context).detector.choice
        query = p.next(20, purpose="audit")
        p.label(query.ids, ["odd"] * len(query.ids), by="ann", query=query.id)
        assert scorer_of(p.context).detector.choice == before


def test_known_odd_items_decide_for_patches_too(spots: Path, tmp_path: Path) -> None:
    shutil.copytree(spots, tmp_path / "copy")
    taught(tmp_path / "copy", 8, 25)
    told = json.loads(run(tmp_path / "copy", "screen", "p.sieve", "new", "--alarms", ".1", "--json").stdout)
    choice = told["choice"]
    assert told["by"] == "patches" and choice["odd"] == 8 and choice["patches"] > 0.95 >= choice["head"] - 0.05


def test_a_missed_picture_says_which_places_matter(spots: Path, tmp_path: Path) -> None:
    place = tmp_path / "copy"
    shutil.copytree(spots, place)

    def scores() -> dict[str, float]:
        told = json.loads(run(place, "screen", "p.sieve", "new", "--all", "--alarms", ".1", "--json").stdout)
        return {row["key"]: row["score"] for row in told["rows"]}

    def known() -> tuple[list[int], list[int]]:
        with ls.open(place / "p.sieve") as p:
            found = mapping.finder(p.context)
            assert found is not None
            return [len(one) for one in found.missed], found.odd.tolist()

    before = scores()
    part(np.random.default_rng(77), "spot").save(place / "missed.png")
    part(np.random.default_rng(78)).save(place / "fine.png")
    out = json.loads(run(place, "miss", "p.sieve", "missed.png", "--json").stdout)
    assert out["taught"] == {"added": 1, "changed": 0, "known": 0}
    run(place, "miss", "p.sieve", "fine.png", "--dull")
    assert known() == ([64], [])  # the dull one shows no odd place
    taught_ = scores()
    spotted = {f"p{i:03}.png" for i in NEW_SPOTS}
    gap = [min(x[k] for k in spotted) / np.median([x[k] for k in x if k not in spotted]) for x in (before, taught_)]
    assert taught_ != before and gap[1] > gap[0] > 1
    told = json.loads(run(place, "status", "p.sieve", "--json").stdout)["taught"][0]
    assert (told["odd"], told["dull"], told["left_out"], told["in_pool"]) == (1, 1, 0, 0)
    run(place, "miss", "p.sieve", "missed.png", "--dull")
    assert known() == ([], []) and scores() == before  # its answer counts, not that of the day it was mapped
    run(place, "miss", "p.sieve", "missed.png")
    (place / "missed.png").rename(place / "gone.png")
    shutil.rmtree(place / "p.sieve" / "cache" / "patches")
    assert scores() == taught_  # what it shows is in the ledger
    again = ("embed", "p.sieve", "--maps", "model", "--map-size", "128")
    assert json.loads(run(place, *again, "--json").stdout)["taught"] == 1  # fine.png, by the maps of another size
    assert known() == ([], [])
    (place / "gone.png").rename(place / "missed.png")
    assert json.loads(run(place, *again, "--json").stdout)["taught"] == 1
    assert known() == ([256], [])
    run(place, "miss", "p.sieve", "missed.png", "--undo")
    assert known() == ([], [])
    taught(place, 2, 0)
    assert len(known()[1]) == 2


def test_without_maps_or_dull_labels(spots: Path, tmp_path: Path) -> None:
    shutil.copytree(spots / "parts", tmp_path / "parts")
    shutil.copytree(spots / "model", tmp_path / "model")
    run(tmp_path, "init", "p.sieve", "parts", "--task", "screen")
    run(tmp_path, "embed", "p.sieve")
    say(tmp_path, score="patches")
    assert "has no feature maps" in run(tmp_path, "screen", "p.sieve", str(spots / "new"), code=1).stderr
    run(tmp_path, "embed", "p.sieve", "--maps", "model", "--map-size", "64")
    assert "scored by distance from the pool" in run(tmp_path, "screen", "p.sieve", str(spots / "new")).stdout
    with ls.open(tmp_path / "p.sieve") as p:
        query = p.next(6)
        p.label(query.ids, ["odd"] * 6, by="ann", query=query.id)
    assert (
        "patches need a picture that is labelled dull" in run(tmp_path, "screen", "p.sieve", str(spots / "new")).stdout
    )


def test_a_picture_without_a_map_is_set_aside_alone(tmp_path: Path) -> None:
    class Maps:
        accepts, name, dim, chunk, shard = frozenset({"image"}), "maps", 4, 2, 3

        def prepare(self, thing: Any) -> Any:
            if thing == 4:
                raise InputError("it is a map of nothing")
            return thing

        def compute(self, prepared: list[Any]) -> Any:
            return np.array([[thing] * 4 for thing in prepared], np.float32)

    given = Incoming([Part("a", "image", 7, list(range(7)), read=iter), Part("b", "text", 1, ["w"], read=iter)])
    engine: Any = Maps()
    found = given.mapped(np.array([1, 3, 4, 6, 7]), engine, lambda maps: maps.sum(axis=1).astype(float))
    assert np.array_equal(found, [4, 12, np.nan, 24, np.nan], equal_nan=True)
    assert [key for key, _ in given.bad] == ["a:4", "b:0"] and "it is no picture" in given.bad[1][1]
