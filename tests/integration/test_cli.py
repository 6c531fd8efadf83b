"""The command line as others call it: a process of its own, real files, stdout, stderr and exit codes."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import command_line
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelsieve.testing import toy_odd, write_digits

SUBJECTS = {
    "card": "my card was lost stolen or swallowed by the machine",
    "fee": "why was a fee charged on my statement this month",
    "limit": "please raise the limit of my account for travel",
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(line: str, code: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
        return command_line.run(tmp_path, *line.split(), code=code, **options)

    return call


def _tickets(folder: Path, n: int = 240) -> dict[str, str]:
    """tickets.parquet (number, text, category); key -> class."""
    rng = np.random.default_rng(0)
    names = list(SUBJECTS)
    rows: list[dict[str, str]] = []
    for i in range(n):
        name = names[i % 3]
        words = rng.permutation(SUBJECTS[name].split())[:6]
        rows.append({"number": f"t{i}", "text": " ".join(words) + f" {i}", "category": name})
    pq.write_table(pa.Table.from_pylist(rows), folder / "tickets.parquet")
    return {row["number"]: row["category"] for row in rows}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with tickets.parquet and tickets.sieve, embedded; key -> class."""
    place = tmp_path_factory.mktemp("tickets")
    truth = _tickets(place)
    words = "init tickets.sieve tickets.parquet --text text --key number --task classes"
    command_line.run(place, *words.split())
    command_line.run(place, "embed", "tickets.sieve")
    return place, truth


@pytest.fixture
def tickets(made: tuple[Path, dict[str, str]], tmp_path: Path) -> dict[str, str]:
    """Key -> class of a copy in the folder of the test."""
    place, truth = made
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    return truth


def test_version_and_help(run: Run) -> None:
    assert run("--version").stdout.startswith("labelsieve 0.")
    assert "simulate" in run("--help").stdout


def test_usage_errors_leave_with_2(run: Run) -> None:
    run("next", code=2)
    run("nosuchverb", code=2)
    run("init a.sieve b --task nosuchkind", code=2)


def test_known_errors_leave_with_1_and_say_what_to_do(run: Run, tmp_path: Path) -> None:
    done = run("status nothere.sieve", code=1)
    assert "ProjectError" in done.stderr
    assert "Hint:" in done.stderr
    assert done.stdout == ""
    assert "Traceback" in run("status nothere.sieve --traceback", code=1).stderr
    run("init a.sieve nosuchfolder", code=1)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert "a, b" in run("init a.sieve t.csv --text nosuchcolumn", code=1).stderr
    assert not (tmp_path / "a.sieve").exists(), "a project that could not be made leaves nothing behind"


def test_python_runs_it_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "labelsieve", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("labelsieve 0.")


def test_an_import_says_what_to_do_about_rows_without_label_or_item(
    run: Run, tickets: dict[str, str], tmp_path: Path
) -> None:
    run("next tickets.sieve -n 3 --out query.csv")
    done = run("import tickets.sieve query.csv --by ann")  # nobody has filled it in
    assert "3 rows without a label: fill in the column label" in done.stderr
    (tmp_path / "wrong.csv").write_text("key,label\n17,card\n")
    done = run("import tickets.sieve wrong.csv --by ann", code=1)
    assert "unknown key, 1 (the first: 17)" in done.stderr and "keys here look like 't0'" in done.stderr


def test_from_init_to_export(run: Run, tickets: dict[str, str], tmp_path: Path) -> None:
    with (tmp_path / "labels.csv").open("w") as file:
        file.write("key,label\n" + "".join(f"{key},{name}\n" for key, name in list(tickets.items())[:90]))
    run("import tickets.sieve labels.csv --by ann")
    run("import tickets.sieve labels.csv --by ann")
    state = json.loads(run("status tickets.sieve --json").stdout)
    assert (state["items"], state["labels"]) == (240, 90)
    assert state["classes"] == {"card": 30, "fee": 30, "limit": 30}
    assert state["set_aside"] == []
    run("fit tickets.sieve")
    run("export tickets.sieve --labels out.csv --predictions predictions.csv")
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"key", "label", "annotator", "at", "source"} <= set(rows[0])
    assert {row["key"]: row["label"] for row in rows} == dict(list(tickets.items())[:90])
    assert {row["annotator"] for row in rows} == {"ann"}
    with (tmp_path / "predictions.csv").open() as file:
        predicted = {row["key"]: row["label"] for row in csv.DictReader(file)}
    assert np.mean([predicted[key] == name for key, name in tickets.items()]) > 0.95
    assert "card" in run("status tickets.sieve").stdout
    assert "240" in run("predict tickets.sieve").stdout
    assert run("report tickets.sieve --out r.html").stdout.strip() == "r.html"
    assert (tmp_path / "r.html").read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")
    run("doctor tickets.sieve")
    assert (tmp_path / run("backup tickets.sieve").stdout.strip()).exists()


def test_a_damaged_shard_is_named_and_computed_again(run: Run, tickets: dict[str, str], tmp_path: Path) -> None:
    shards = (tmp_path / "tickets.sieve" / "cache" / "embeddings").rglob("*.npy")
    path = next(path for path in shards if ".ids" not in path.name)
    data = bytearray(path.read_bytes())
    data[-50] ^= 4
    path.write_bytes(data)
    done = run("embed tickets.sieve")
    assert "240 items embedded" in done.stdout
    assert f"Damaged in the cache and computed again: {path.stem}." in done.stderr
    assert path.stem not in run("embed tickets.sieve").stderr


def test_a_query_goes_out_and_its_answers_come_back(run: Run, tickets: dict[str, str], tmp_path: Path) -> None:
    run("next tickets.sieve -n 12 --out query.csv")
    with (tmp_path / "query.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["key"] for row in rows}) == 12
    assert all(row["text"] and row["why"] and row["label"] == "" for row in rows)
    for row in rows[:10]:
        row["label"] = tickets[row["key"]]
    with (tmp_path / "query.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    done = run("next tickets.sieve --out query.csv", code=1)
    assert "query.csv holds 10 labels that nobody has imported" in done.stderr, "work by hand is not written over"
    run("import tickets.sieve query.csv --by ann")
    assert json.loads(run("status tickets.sieve --json").stdout)["labels"] == 10
    run("next tickets.sieve --out query.csv")
    again = json.loads(run("next tickets.sieve -n 12 --json").stdout)
    assert {row["key"] for row in again}.isdisjoint({row["key"] for row in rows[:10]})
    lines = run("next tickets.sieve -n 3 --format jsonl").stdout.splitlines()
    assert len([json.loads(line) for line in lines]) == 3


def test_no_formula_reaches_a_spreadsheet(run: Run, tmp_path: Path) -> None:
    lines = [f'"=HYPERLINK({i})","@cmd {i} words of a text"' for i in range(30)]
    (tmp_path / "t.csv").write_text("name,text\n" + "\n".join(lines) + "\n")
    run("init p.sieve t.csv --text text --key name")
    run("embed p.sieve")
    run("next p.sieve -n 5 --out q.csv")
    run("next p.sieve -n 5 --json")
    with (tmp_path / "q.csv").open() as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "@", "+")]
    with (tmp_path / "q.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "q.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows([row | {"label": "odd"} for row in rows])
    run("import p.sieve q.csv --by ann")
    assert json.loads(run("status p.sieve --json").stdout)["labels"] == 5, "what we export can be imported again"


def test_simulate_writes_what_was_promised(run: Run, tickets: dict[str, str], tmp_path: Path) -> None:
    settings = "--sample 150 --budget 30 --batch 10 --against random,margin --seeds 2"
    run(f"simulate tickets.sieve --truth category {settings} --json out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert {"pool", "settings", "runs", "summary"} <= set(found)
    assert {run["strategy"] for run in found["runs"]} == {"auto", "random", "margin"}
    assert len(found["runs"]) == 6
    for one in found["runs"]:
        assert one["labels"] == [10, 20, 30]
        for name in (
            "accuracy",
            "balanced_accuracy",
            "classes_seen",
            "scored",
            "select_seconds",
            "fit_seconds",
            "found",
        ):
            assert len(one[name]) == 3, name
    entry = found["summary"]["auto"]
    assert entry["area"]["low"] <= entry["area"]["mean"] <= entry["area"]["high"]
    assert {"gain_over_random", "label_ratio", "reached"} <= set(entry)
    assert json.loads(run("status tickets.sieve --json").stdout)["labels"] == 0


def test_simulate_on_a_folder_of_images(run: Run, tmp_path: Path) -> None:
    write_digits(tmp_path / "signs", count=200)
    run("init signs.sieve signs/ --task classes")
    run("embed signs.sieve")
    run("simulate signs.sieve --truth @folder --budget 40 --batch 20 --seeds 1 --json out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert all(one["classes_seen"][-1] >= 5 for one in found["runs"])


def test_simulate_on_an_array_that_is_screened(run: Run, tmp_path: Path) -> None:
    toy = toy_odd(300, odd=15)
    np.savez(tmp_path / "donors.npz", X=toy.x, y=toy.y)
    run("init rows.sieve donors.npz --embeddings X --task screen --dull 0")
    run("simulate rows.sieve --truth y --budget 60 --batch 10 --seeds 2 --json out.json")
    runs = {(one["strategy"], one["seed"]): one for one in json.loads((tmp_path / "out.json").read_text())["runs"]}
    assert runs["auto", 0]["found"][-1] > runs["random", 0]["found"][-1]


def test_several_tasks_share_one_pool(run: Run, tickets: dict[str, str], tmp_path: Path) -> None:
    run("task tickets.sieve urgent --task screen --dull no")
    key = next(iter(tickets))
    (tmp_path / "u.csv").write_text(f"key,label\n{key},yes\n")
    run("import tickets.sieve u.csv --by ann --task-name urgent")
    assert json.loads(run("status tickets.sieve --json --task-name urgent").stdout)["labels"] == 1
    assert json.loads(run("status tickets.sieve --json").stdout)["labels"] == 0
    assert "urgent" in run("status tickets.sieve --task-name nosuch", code=1).stderr


def test_init_says_which_columns_an_engine_sees(run: Run, tmp_path: Path) -> None:
    _tickets(tmp_path)
    done = run("init p.sieve tickets.parquet --key number")
    assert "the engine sees text, category.\nTo choose others: --columns" in done.stderr
    assert "the engine sees" not in run("init q.sieve tickets.parquet --text text").stderr


def test_hints_name_the_task_and_one_that_is_not_main_needs_no_name(run: Run, tmp_path: Path) -> None:
    _tickets(tmp_path)
    run("init p.sieve tickets.parquet --text text --key number --task-name subject")
    assert "Next: labelsieve embed p.sieve" in run("status p.sieve").stderr
    assert "Next: labelsieve serve p.sieve asks in the browser" in run("embed p.sieve").stderr
    assert "Next: labelsieve next p.sieve --task-name subject --out query.csv" in run("status p.sieve").stderr
    assert json.loads(run("status p.sieve --json").stdout)["task"]["name"] == "subject"
    assert "next p.sieve --task-name tone" in run("task p.sieve tone").stderr
    done = run("next p.sieve -n 5 --task-name tone --out query.csv")
    assert "labelsieve import p.sieve --task-name tone query.csv --by YOU" in done.stderr
    query = (tmp_path / "query.csv").read_text().splitlines()
    filled = [query[0], *(line.replace(",,", ",angry,", 1) for line in query[1:])]
    (tmp_path / "query.csv").write_text("\n".join(filled))
    assert "labelsieve fit p.sieve --task-name tone" in run("import p.sieve --task-name tone query.csv").stderr
    assert json.loads(run("status p.sieve --task-name tone --json").stdout)["classes"] == {"angry": 5}


def test_sync_sees_what_is_new(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text\none\ntwo\n")
    run("init p.sieve t.csv --text text")
    with (tmp_path / "t.csv").open("a") as file:
        file.write("three\none\n")
    assert "2 new items" in run("sync p.sieve").stdout
    assert json.loads(run("status p.sieve --json").stdout)["items"] == 4


def test_nothing_is_fetched_unless_asked(run: Run, tickets: dict[str, str]) -> None:
    assert "--download" in run("embed tickets.sieve --engine minilm", code=1).stderr


def test_engines_are_listed(run: Run) -> None:
    out = run("engines list").stdout
    assert "from your own images" in out and "->" not in out
    assert "patches" in out
    assert "dinov2" in out
