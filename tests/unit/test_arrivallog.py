"""Each file once, each row once: also where a kill comes between any two bytes that are written."""

import errno
from pathlib import Path
from typing import IO

import pytest

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.project import locking
from labelsieve.project.streams.arrivallog import ArrivalLog

COLUMNS = ("key", "score", "why")


def filled(out: Path) -> ArrivalLog:
    log = ArrivalLog(out, COLUMNS)
    log.add({"a.png": (3, 10)}, [("a.png", 0.5, 'né, "quoted"')])
    log.add({"b.png": (4, 11), "c.png": (5, 12)}, [("b.png", 0.9, "=x"), ("c.png", 0.8, "")])
    log.close()
    return log


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_kill_between_any_two_bytes_loses_and_doubles_nothing(tmp_path: Path, ending: str) -> None:
    whole = tmp_path / f"whole.{ending}"
    filled(whole)
    lines = (tmp_path / f"whole.{ending}.seen").read_bytes().splitlines(keepends=True)
    first_out = ArrivalLog(tmp_path / f"first.{ending}", COLUMNS)
    first_out.add({"a.png": (3, 10)}, [("a.png", 0.5, 'né, "quoted"')])
    start, end = first_out.out.read_bytes(), whole.read_bytes()
    before, step = b"".join(lines[:2]), lines[2]
    states = [(before + step[:cut], start) for cut in range(len(step) + 1)]
    states += [(before + step, end[:cut]) for cut in range(len(start), len(end) + 1)]
    states += [(before + step + lines[3][:cut], end) for cut in range(len(lines[3]) + 1)]
    for number, (seen, table) in enumerate(states[:: 3 if ending == "csv" else 7]):
        out = tmp_path / f"{number}.{ending}"
        out.write_bytes(table)
        out.with_name(f"{out.name}.seen").write_bytes(seen)
        with ArrivalLog(out, COLUMNS) as log:
            if "b.png" not in log.done:  # it was not kept as screened: it comes again
                log.add({"b.png": (4, 11), "c.png": (5, 12)}, [("b.png", 0.9, "=x"), ("c.png", 0.8, "")])
        assert out.read_bytes() == end
        with ArrivalLog(out, COLUMNS) as log:
            assert log.done == {"a.png": (3, 10), "b.png": (4, 11), "c.png": (5, 12)}
        assert out.read_bytes() == end


def test_a_table_that_somebody_took_away_starts_anew_with_its_header(tmp_path: Path) -> None:
    out = tmp_path / "e.csv"
    log = filled(out)
    out.unlink()
    with ArrivalLog(out, COLUMNS) as again:
        assert again.done == log.done and not out.exists()
        again.add({"d.png": (1, 1)}, [("d.png", 0.1, "")])
    assert out.read_text() == "key,score,why\nd.png,0.1,\n"


def test_two_processes_on_one_table_are_told_and_nothing_is_written_twice(tmp_path: Path) -> None:
    one = ArrivalLog(tmp_path / "e.csv", COLUMNS)
    with pytest.raises(ProjectError, match="in use by another process"):
        ArrivalLog(tmp_path / "e.csv", COLUMNS)
    ArrivalLog(tmp_path / "other.csv", COLUMNS).close()
    one.add({"a.png": (3, 10)}, [("a.png", 0.5, "")])
    one.close()
    with ArrivalLog(tmp_path / "e.csv", COLUMNS) as two:
        assert two.done == {"a.png": (3, 10)}


def test_where_there_are_no_locks_the_size_of_the_log_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_lock(file: IO[bytes]) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(locking, "_lock", no_lock)
    one, two = (ArrivalLog(tmp_path / "e.csv", COLUMNS) for _ in range(2))
    one.add({"a.png": (3, 10)}, [("a.png", 0.5, "")])
    with pytest.raises(ProjectError, match="another process"):
        two.add({"a.png": (3, 10)}, [("a.png", 0.5, "")])
    one.add({"b.png": (3, 10)}, [("b.png", 0.5, "")])
    assert one.out.read_text() == "key,score,why\na.png,0.5,\nb.png,0.5,\n"


@pytest.mark.parametrize(
    "line",
    [
        '{"files": [["z.png", 1, 2]], "offset": 0}',
        '{"files": [["z.png", 1]], "offset": 0, "text": ""}',
        '{"files": 5, "offset": 0, "text": ""}',
        '{"files": [["z.png", 1, 2]], "offset": null, "text": ""}',
        "{}",
        "[1]",
    ],
)
def test_a_line_of_the_log_that_is_none_is_left_out(tmp_path: Path, line: str) -> None:
    log = filled(tmp_path / "e.csv")
    with log.path.open("a") as file:
        file.write(f"{line}\n")
    assert ArrivalLog(log.out, COLUMNS).done == log.done


def test_a_strangers_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("name,age\nann,7\n")
    with pytest.raises(InputError, match="not overwritten"):
        ArrivalLog(tmp_path / "mine.csv", COLUMNS)
    with pytest.raises(InputError, match=r"expected .csv or .jsonl"):
        ArrivalLog(tmp_path / "e.parquet", COLUMNS)
