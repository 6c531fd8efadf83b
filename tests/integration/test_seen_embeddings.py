"""Ready embeddings that show pictures: through the command line and the server."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from app_server import serving
from PIL import Image

import labelsieve as ls
from labelsieve.project.formats.exchanging import export_as
from labelsieve.project.views.tiles import tiles_of

N, MISSING = 40, 7


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A table of embeddings with paths below pics/; one picture is missing, one path leads out."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 8)).astype(np.float32)
    x[N // 2 :] += 3
    (tmp_path / "pics").mkdir()
    for at in range(N):
        if at != MISSING:
            Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(tmp_path / "pics" / f"{at}.png")
    Image.new("RGB", (4, 4)).save(tmp_path.parent / f"{tmp_path.name}-secret.png")
    files = [f"pics/{at}.png" for at in range(N)]
    files[3] = f"../{tmp_path.name}-secret.png"
    columns = {"id": [f"cell {at}" for at in range(N)], "vec": list(x), "file": files, "site": ["a", "b"] * (N // 2)}
    pq.write_table(pa.table(columns), tmp_path / "cells.parquet")
    return tmp_path


def run(home: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labelsieve.cli.main", *words]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


MAKE = ("init", "cells.sieve", "cells.parquet", "--embeddings", "vec", "--image", "file", "--key", "id")


def test_through_the_command_line(home: Path) -> None:
    said = run(home, *MAKE, "--json")
    assert json.loads(said.stdout)["items"] == N
    assert "2 of 40 items that were looked at have no picture" in said.stderr
    asked = run(home, "next", "cells.sieve", "-n", "5", "--format", "jsonl")
    rows = [json.loads(line) for line in asked.stdout.splitlines()]
    assert all(row["image"].endswith(".png") for row in rows)
    lines = [f"cell {at},{'low' if at < N // 2 else 'high'}" for at in range(0, N)]
    (home / "l.csv").write_text("\n".join(["key,label", *lines]))
    run(home, "import", "cells.sieve", "l.csv", "--by", "ann")
    page = Path(run(home, "report", "cells.sieve").stdout.strip().splitlines()[0].split(": ")[-1])
    assert "data:image/" in (home / page).read_text(encoding="utf-8")
    assert "have no picture" in run(home, "doctor", "cells.sieve").stdout


def test_where_paths_start_is_said_when_no_picture_is_there_and_root_mends_it(home: Path) -> None:
    (home / "elsewhere").mkdir()
    shutil.move(home / "pics", home / "elsewhere" / "pics")
    said = run(home, *MAKE).stderr
    assert "40 of 40 items that were looked at have no picture" in said
    assert f"Paths start at {home}: where that is wrong, set root" in said
    settings = home / "cells.sieve" / "labelsieve.toml"
    settings.write_text(settings.read_text().replace('key = "id"', 'key = "id"\nroot = "../elsewhere"'))
    said = run(home, "sync", "cells.sieve")
    assert "0 new items, 40 unchanged." in said.stdout
    assert "2 of 40 items" in said.stderr and "Paths start at" not in said.stderr


def test_items_keep_their_labels_when_pictures_move(home: Path) -> None:
    run(home, *MAKE)
    with ls.open(home / "cells.sieve") as project:
        item = project.items(["cell 5"])[0]
        assert (item.modality, item.data.name, item.lacks) == ("image", "5.png", "")
        gone = project.items([f"cell {MISSING}"])[0]
        assert gone.modality == "embedding" and gone.lacks == f"the picture pics/{MISSING}.png is missing."
        tag = tiles_of(project.context, np.array([item.id]))[0]["thumb"]
        Image.new("RGB", (30, 30), "blue").save(home / "pics" / "5.png")
        assert tiles_of(project.context, np.array([item.id]))[0]["thumb"] != tag  # no browser shows the old one
        moved = shutil.move(home / "pics", home / "images")
        assert project.items(["cell 5"])[0].lacks == "the picture pics/5.png is missing."
        assert project.sync().unchanged == N and project.status()["items"] == N
        shutil.move(moved, home / "pics")
        made = export_as(project.context, None, "hf", allow_loss=True)
        assert made.items == 0


def test_the_app_shows_them(home: Path) -> None:
    run(home, *MAKE)
    with serving(home / "cells.sieve") as server:
        card = server.ask("/items/6")
        assert card["modality"] == "image" and card["meta"]["site"] == "b"
        with server.raw(card["image"].removeprefix("/api/v1")) as answer:
            tag = answer.headers["ETag"]
            assert (answer.headers["Content-Type"], answer.read()) == ("image/png", (home / "pics/5.png").read_bytes())
            assert "immutable" in answer.headers["Cache-Control"]
        with server.raw("/items/6/thumb") as answer:
            assert answer.headers["Content-Type"] == "image/jpeg"
        Image.new("RGB", (30, 30), "blue").save(home / "pics" / "5.png")
        with server.raw("/items/6/image") as answer:
            assert answer.headers["ETag"] != tag
        lost = server.ask(f"/items/{MISSING + 1}")
        assert lost["modality"] == "embedding" and lost["numbers"] == 8
        assert lost["lacks"] == f"the picture pics/{MISSING}.png is missing."
        for item in (MISSING + 1, 4):
            code, body = server.refused(f"/items/{item}/image")
            assert code == 422 and re.search("missing|leaves the folder", body["detail"])
        view: dict[str, Any] = server.ask("/tasks/main/views", {"ids": [6, MISSING + 1]})
        tiles = server.ask(f"/views/{view['view']}?start=0&stop=2")["items"]
        assert "thumb" in tiles[0] and "lacks" in tiles[1]
        label = {"id": "0" * 8 + "-0000-4000-8000-" + "0" * 12, "item": MISSING + 1, "seconds": 1}
        written = server.ask("/tasks/main/labels", {"labels": [label | {"value": {"tag": "class", "names": ["odd"]}}]})
        assert written["written"] == 1


def test_labels_go_out_with_their_pictures(home: Path) -> None:
    run(home, *MAKE)
    with ls.open(home / "cells.sieve") as project:
        for at in (5, 6, MISSING):
            project.label([f"cell {at}"], ["x"], by="ann")
        assert export_as(project.context, home / "byclass", "folders", allow_loss=True).lost
        assert sorted(path.suffix for path in (home / "byclass" / "x").iterdir()) == [".png", ".png"]
        export_as(project.context, home / "out.json", "label-studio", allow_loss=True)
        shown = [task["data"]["image"] for task in json.loads((home / "out.json").read_text())]
        assert [one.rpartition("/")[2] for one in shown] == ["5.png", "6.png", ""]
        export_as(project.context, home / "hub", "hf", allow_loss=True)
        rows = pq.read_table(home / "hub" / "data" / "train-00000-of-00001.parquet").to_pylist()
        assert rows[0]["image"]["bytes"] == (home / "pics" / "5.png").read_bytes()


def test_near_duplicates_go_by_embeddings(home: Path) -> None:
    table = pq.read_table(home / "cells.parquet")
    pq.write_table(pa.concat_tables([table.slice(0, 1), table.slice(0, 1), table.slice(2, 20)]), home / "two.parquet")
    run(home, "init", "two.sieve", "two.parquet", "--embeddings", "vec", "--image", "file")
    with ls.open(home / "two.sieve") as project:
        assert [len(group.keys) for group in project.duplicates(0.999)] == [2]


def test_new_rows_never_get_the_embeddings_of_the_pool(home: Path) -> None:
    """An array beside a table is the pool's; new items come with embeddings of their own."""
    x = np.random.default_rng(1).normal(size=(N, 8)).astype(np.float32)
    np.save(home / "x.npy", x)
    (home / "t.csv").write_text("id,file\n" + "".join(f"{at},pics/{at}.png\n" for at in range(N)))
    (home / "new.csv").write_text("id,file\n" + "".join(f"n{at},pics/{at}.png\n" for at in range(N)))
    words = ("--embeddings", "x.npy", "--image", "file", "--key", "id", "--task", "screen")
    run(home, "init", "t.sieve", "t.csv", *words)
    with ls.open(home / "t.sieve") as project:
        assert [item.modality for item in project.items(["5", str(MISSING)])] == ["image", "embedding"]
        ids = project.items([str(at) for at in range(30)])
        project.label([item.id for item in ids], ["odd" if at % 10 == 0 else "dull" for at in range(30)], by="ann")
    said = run(home, "screen", "t.sieve", "new.csv", code=1).stderr
    assert "new.csv holds items of kind row; this project holds embedding" in said
    said = run(home, "miss", "t.sieve", "new.csv", code=1).stderr
    assert "ready embeddings" in said
    np.save(home / "new.npy", x + 1)
    run(home, "screen", "t.sieve", "new.npy", "--anyway")
