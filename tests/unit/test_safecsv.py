"""CSV exports: what a spreadsheet would run is defused, everything else comes back as it was."""

import csv
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelsieve.core.errors import ProjectError
from labelsieve.project.safecsv import csv_text, write_csv


@pytest.mark.parametrize("text", ["=cmd|calc!A0", "+1+x", "-1+cmd", "@SUM(A1)", "\tx", "\r=1", "\r\n=1"])
def test_formulas_are_defused(text: str) -> None:
    assert list(csv.reader(io.StringIO(csv_text(["k"], [[text]]), newline=""))) == [["k"], [f"'{text}"]]


def test_columns_are_data_too() -> None:
    assert csv_text(["=a"], []) == "'=a\n"


def test_rows_come_back(tmp_path: Path) -> None:
    rows = [["a,b", 'say "hi"', -1.5], ["two\nlines", "ü", 3]]
    assert write_csv(tmp_path / "deep" / "out.csv", ["x", "y", "z"], rows) == 2
    with (tmp_path / "deep" / "out.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["x", "y", "z"], ["a,b", 'say "hi"', "-1.5"], ["two\nlines", "ü", "3"]]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out.csv"]


def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    def rows() -> Iterator[list[str]]:
        yield ["new"]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "out.csv"
    write_csv(path, ["x"], [["old"]])
    with pytest.raises(ProjectError, match=r"out\.csv cannot be written: No space left"):
        write_csv(path, ["x"], rows())
    assert path.read_text() == "x\nold\n"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
