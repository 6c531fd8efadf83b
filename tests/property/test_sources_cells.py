"""Whatever stands in a cell comes out as it was written; equal rows alone have equal digests."""

import csv
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from labelsieve.sources import SourceOptions, open_source
from labelsieve.store.shards import Shards

CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
ROWS = st.lists(st.tuples(CELL, CELL), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_csv_and_json_lines_say_the_same(rows: list[tuple[str, str]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "a.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
        lines = [json.dumps({"a": a, "b": b}) for a, b in rows]
        (folder / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
        expected = [{"a": a or None, "b": b or None} for a, b in rows]
        marks = []
        for ending in ("csv", "jsonl"):
            source = open_source(folder / f"a.{ending}", SourceOptions(columns=("a", "b")), folder / "cache")
            found = list(source.scan())
            marks.append([mark for part in found for mark in part.digests])
            assert list(source.read([ref for part in found for ref in part.refs])) == expected
            assert source.bad == []
            assert source.notes == []
        assert marks[0] == marks[1]
        same = {(i, j) for i, a in enumerate(expected) for j, b in enumerate(expected) if a == b}
        assert same == {(i, j) for i, a in enumerate(marks[0]) for j, b in enumerate(marks[0]) if a == b}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.integers(0, 60), min_size=1, max_size=8), min_size=1, max_size=6), st.randoms())
def test_shards_in_any_cuts_and_order_are_one_pool(cuts: list[set[int]], random: object) -> None:
    with TemporaryDirectory() as name:
        shards = Shards(Path(name))
        for cut in cuts:
            ids = np.array(sorted(cut))
            shards.append(ids, np.stack([ids, ids * 2.0], axis=1).astype(np.float32))
        every = sorted(set().union(*cuts))
        assert shards.ids.tolist() == every
        random.shuffle(every)  # type: ignore[attr-defined]
        assert shards.take(np.array(every)).tolist() == [[i, 2 * i] for i in every]
        assert Shards(Path(name)).digest == shards.digest
