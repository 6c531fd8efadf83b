"""What `simulate` prints of a screen: odd items found at the same numbers of labels for every strategy."""

import pytest

from labelsieve.cli.simulate import found_at, marks_of, show_found


def run(strategy: str, seed: int, found: list[int]) -> dict[str, object]:
    return {"strategy": strategy, "seed": seed, "odd": 12, "labels": [40, 80, 120], "found": found}


def test_found_is_told_at_50_and_100_labels_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    show_found([run("random", 0, [0, 1, 1]), run("auto", 0, [2, 7, 9]), run("auto", 1, [4, 8, 12])])
    said = capsys.readouterr().out
    assert [word for word in ("50 labels", "100 labels", "120 labels") if word in said.splitlines()[0]] != []
    assert "3.0 [2, 4]" in said and "7.5 [7, 8]" in said and "10.5 [9, 12]" in said
    assert "Of 12 odd items" in said


def test_marks_end_where_the_shortest_run_ends() -> None:
    assert marks_of([[300, 600, 1200], [300, 600]]) == [50, 100, 200, 500, 600]
    assert marks_of([[30]]) == [30]
    assert found_at([40, 80], [3, 5], 30) == 0, "no query had ended by then"
