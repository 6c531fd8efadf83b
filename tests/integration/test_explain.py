"""labelsieve explain, as it is called."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from PIL import Image

import labelsieve as ls
from labelsieve.project.explaining import explain_things


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Payments of about 40; every 40th is of 9,800 or goes to XX."""
    place = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(0)
    with (place / "rows.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "amount", "country", "hour"])
        for i in range(320):
            amount = 9800 if i % 80 == 7 else round(float(rng.normal(40, 8)), 2)
            table.writerow([i, amount, "XX" if i % 80 == 47 else rng.choice(["DE", "FR"]), rng.integers(0, 24)])
    run(place, "init", "p.sieve", "rows.csv", "--key", "id", "--columns", "amount,country,hour", "--task", "screen")
    run(place, "embed", "p.sieve")
    return place


def test_before_anything_is_labelled_the_pool_judges(rows: Path) -> None:
    said = run(rows, "explain", "p.sieve", "7")
    assert "unusual because of: amount 9800" in said.stdout and "nothing is labelled yet" in said.stdout
    assert "no item is known to be odd" in said.stdout
    assert "scored" in said.stderr


def test_columns_and_neighbours_of_odd_and_dull_items(rows: Path) -> None:
    lines = ["key,label", *(f"{i},{'odd' if i in (7, 47) else 'dull'}" for i in range(60))]
    (rows / "labels.csv").write_text("\n".join(lines) + "\n")
    run(rows, "import", "p.sieve", "labels.csv", "--by", "ann")
    told = json.loads(run(rows, "explain", "p.sieve", "87", "127", "200", "--json").stdout)
    assert [one["parts"][0]["name"] for one in told[:2]] == ["amount", "country"]
    assert [one["near_odd"][0]["key"] for one in told[:2]] == ["7", "47"]
    assert [one["odd"] for one in told] == [True, True, False]
    assert not any(one["trained"] for one in told)
    said = run(rows, "explain", "p.sieve", "47", "127")
    by_key = dict(line.split(":", 1) for line in said.stdout.splitlines() if line[:1].isdigit())
    assert "trained on: no p-value" in by_key["47"] and "trained" not in by_key["127"]
    assert told[0]["said"][0].startswith("odd because of: amount 9800 (dull: about ")
    assert all(0.5 < one["near_odd"][0]["similarity"] <= 1 for one in told[:2])
    with _opened(rows) as project:
        thing = {"amount": "9700", "country": "DE", "hour": "3"}
        row = _embedded(project, thing)
        (found,) = explain_things(project.context, [thing], row, ["new 1"])
    assert found.key == "new 1" and found.parts[0].name == "amount" and found.near_odd[0].key == "7"


def test_an_item_that_has_gone_is_named(tmp_path: Path) -> None:
    lines = ["n,text", *(f"{i},the pump runs for {i} hours" for i in range(40))]
    (tmp_path / "log.csv").write_text("\n".join(lines) + "\n")
    with ls.create(tmp_path / "p.sieve", tmp_path / "log.csv", task="screen", key="n", text="text") as project:
        project.embed()
        (tmp_path / "log.csv").write_text("\n".join(lines[:31]) + "\n")
        project.sync()
        with pytest.raises(ls.InputError, match="'35' has gone from its source"):
            project.explain(["35"])


def test_a_key_that_is_not_in_the_pool_says_what_explains_it(rows: Path) -> None:
    failed = run(rows, "explain", "p.sieve", "7", "new.csv", code=1)
    assert "no item key of the pool is named 'new.csv'" in failed.stderr and "Traceback" not in failed.stderr
    assert "labelsieve screen p.sieve FILE --explain why/" in failed.stderr


def _opened(place: Path) -> "ls.Project":
    from labelsieve.project.facade import open as open_project

    return open_project(place / "p.sieve")


def _embedded(project: "ls.Project", thing: dict[str, str]) -> np.ndarray:
    from labelsieve.project.pooling import ready_engine

    engine = ready_engine(project.context)
    return engine.compute([engine.prepare(thing)])


def test_a_picture_shows_where(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "parts"
    folder.mkdir()
    for i in range(60):
        image = Image.fromarray(rng.integers(90, 110, (56, 56, 3), dtype=np.uint8))
        if i % 20 == 3:
            image.paste((250, 250, 250), (40, 0, 56, 16))
        image.save(folder / f"p{i:02}.png")
    run(tmp_path, "init", "p.sieve", "parts", "--task", "screen")
    run(tmp_path, "embed", "p.sieve")
    rows = ["key,label", *(f"p{i:02}.png,{'odd' if i % 20 == 3 else 'dull'}" for i in range(40))]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    run(tmp_path, "import", "p.sieve", "labels.csv", "--by", "ann")
    told = json.loads(run(tmp_path, "explain", "p.sieve", "p43.png", "--out", "where", "--json").stdout)[0]
    assert told["parts"][0]["name"] == "the top right"
    with Image.open(tmp_path / told["picture"]) as drawn:
        pixels = np.asarray(drawn.convert("RGB"), float)
    assert pixels.shape == (56, 56, 3)
    red = pixels[..., 0] - pixels[..., 2]
    assert red[:16, 40:].mean() > red[30:, :30].mean() + 30


def test_ready_embeddings_and_what_cannot_be_explained(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 6)).astype(np.float32)
    x[:4, 2] += 9
    x[9, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    run(tmp_path, "init", "p.sieve", "x.npy", "--task", "screen")
    assert "column 2" in run(tmp_path, "explain", "p.sieve", "0").stdout
    assert "has no embedding" in run(tmp_path, "explain", "p.sieve", "9", code=1).stderr
    assert "Hint:" in run(tmp_path, "explain", "p.sieve", "nobody", code=1).stderr
    run(tmp_path, "init", "c.sieve", "x.npy")
    assert "an explanation tells odd from dull" in run(tmp_path, "explain", "c.sieve", "0", code=1).stderr
