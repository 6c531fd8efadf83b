"""What every source does, whatever file it reads."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from labelsieve.core import plugins
from labelsieve.core.errors import UnknownName
from labelsieve.sources import Found, Source, SourceOptions, open_source

N = 12
TEXTS = [f'text {i}, with "quotes"' + ("\nand a second line" if i % 3 == 0 else "") for i in range(N)]
KINDS = ["cat" if i % 2 else "dog" for i in range(N)]
ROWS = [{"name": f"n{i}", "text": TEXTS[i], "size": i, "kind": KINDS[i], "owner": f"o{i // 3}"} for i in range(N)]
X = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)


@dataclass(frozen=True)
class Made:
    """A source on disk, and what should come out of it."""

    path: Path
    options: SourceOptions
    data: list[Any]
    truth: str = "kind"
    kinds: list[str] = field(default_factory=lambda: KINDS)


def _csv(folder: Path) -> Path:
    quoted = [[str(cell).replace('"', '""') for cell in row.values()] for row in ROWS]
    lines = [",".join(ROWS[0]), *(",".join(f'"{cell}"' for cell in row) for row in quoted)]
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _jsonl(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    frame = pa.Table.from_pylist([{**row, "x": X[i].tolist()} for i, row in enumerate(ROWS)])
    import json

    path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_pylist()), encoding="utf-8")
    return path


def _parquet(folder: Path, group: int = 5) -> Path:
    frame = pa.Table.from_pylist(ROWS).append_column("x", pa.array(list(X), pa.list_(pa.float32())))
    pq.write_table(frame, folder / "rows.parquet", row_group_size=group)
    return folder / "rows.parquet"


def _images(folder: Path) -> list[Path]:
    out = []
    for i in range(N):
        path = folder / "images" / KINDS[i] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 20 * i).save(path)
        out.append(path)
    return out


def make_csv(folder: Path) -> Made:
    return Made(_csv(folder), SourceOptions(text="text", labels="kind"), TEXTS)


def make_jsonl(folder: Path) -> Made:
    return Made(_jsonl(folder), SourceOptions(text="text", labels="kind"), TEXTS)


def make_parquet(folder: Path) -> Made:
    return Made(_parquet(folder), SourceOptions(text="text", labels="kind"), TEXTS)


def make_rows(folder: Path) -> Made:
    options = SourceOptions(key="name", labels="kind", group="owner")
    return Made(_parquet(folder), options, [{"text": row["text"], "size": row["size"]} for row in ROWS])


def make_embeddings(folder: Path) -> Made:
    return Made(_parquet(folder), SourceOptions(embeddings="x", labels="kind"), list(X))


def make_embeddings_in_lines(folder: Path) -> Made:
    return Made(_jsonl(folder), SourceOptions(embeddings="x", labels="kind"), list(X))


def make_paths(folder: Path) -> Made:
    paths = _images(folder)
    lines = [f"{path.relative_to(folder).as_posix()},{kind}" for path, kind in zip(paths, KINDS, strict=True)]
    (folder / "table.csv").write_text("\n".join(["file,kind", *lines]))
    return Made(folder / "table.csv", SourceOptions(image="file", labels="kind"), paths)


def make_folder(folder: Path) -> Made:
    paths = sorted(_images(folder))
    options = SourceOptions(labels="@folder")
    return Made(folder / "images", options, paths, "@folder", [path.parent.name for path in paths])


def make_npz(folder: Path) -> Made:
    np.savez(folder / "x.npz", X=X, kind=np.array(KINDS))
    return Made(folder / "x.npz", SourceOptions(labels="kind"), list(X))


def make_compressed(folder: Path) -> Made:
    np.savez_compressed(folder / "x.npz", X=X.astype(np.float64), kind=np.array(KINDS), other=X[:, :2])
    return Made(folder / "x.npz", SourceOptions(embeddings="X", labels="kind"), list(X))


MAKERS: list[Callable[[Path], Made]] = [
    make_csv, make_jsonl, make_parquet, make_rows, make_embeddings, make_embeddings_in_lines, make_paths,
    make_folder, make_npz, make_compressed,
]  # fmt: skip


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__.removeprefix("make_"))
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    (tmp_path / "data").mkdir()
    result: Made = request.param(tmp_path / "data")
    return result


@pytest.fixture
def source(made: Made, tmp_path: Path) -> Source:
    return open_source(made.path, made.options, tmp_path / "cache")


def _whole(source: Source, known: Any = None) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    for found in source.scan(known):
        for name in Found.__dataclass_fields__:
            if getattr(found, name) is not None:
                out.setdefault(name, []).extend(getattr(found, name))
    return out


def _same(a: Any, b: Any) -> bool:
    return bool(np.array_equal(a, b)) if isinstance(b, np.ndarray) else bool(a == b)


def test_it_is_a_source(source: Source, made: Made) -> None:
    assert isinstance(source, Source)
    assert source.path == made.path
    assert source.options == made.options


def test_a_scan_finds_everything_once_in_parallel_lists(source: Source) -> None:
    whole = _whole(source)
    assert {len(column) for column in whole.values()} == {N}
    assert len(set(whole["refs"])) == N
    assert len(set(whole["digests"])) == N
    assert all(len(mark) == 32 and int(mark, 16) >= 0 for mark in whole["digests"])
    assert source.bad == []


def test_a_second_scan_and_a_second_reader_find_the_same(source: Source, made: Made, tmp_path: Path) -> None:
    first = _whole(source)
    assert _whole(source) == first
    assert _whole(open_source(made.path, made.options, None)) == first
    assert _whole(open_source(made.path, made.options, tmp_path / "elsewhere")) == first


def test_read_gives_the_data_in_the_order_asked(source: Source, made: Made) -> None:
    refs = _whole(source)["refs"]
    order = np.random.default_rng(1).permutation(N).tolist()
    for at in (list(range(N)), order, order[:3], [4, 4, 1]):
        things = list(source.read([refs[i] for i in at]))
        assert len(things) == len(at)
        assert all(_same(thing, made.data[i]) for thing, i in zip(things, at, strict=True))
    assert list(source.read([])) == []


def test_read_needs_no_scan_and_no_cache(made: Made, tmp_path: Path) -> None:
    refs = _whole(open_source(made.path, made.options, tmp_path / "cache"))["refs"]
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    again = open_source(made.path, made.options, tmp_path / "cache")
    assert all(_same(a, b) for a, b in zip(again.read(refs), made.data, strict=True))
    plain = open_source(made.path, made.options, None)
    assert all(_same(a, b) for a, b in zip(plain.read(refs), made.data, strict=True))


def test_the_truth_is_a_column_that_nobody_sees(source: Source, made: Made) -> None:
    refs = _whole(source)["refs"]
    assert source.column(made.truth, refs) == made.kinds
    assert source.column(made.truth) == made.kinds
    assert source.column(made.truth, [refs[3], refs[0]]) == [made.kinds[3], made.kinds[0]]
    assert made.truth not in source.engine_columns()
    assert not set(source.engine_columns()) & {"kind", "name", "owner"}
    assert all("kind" not in meta for meta in source.metas(refs))
    assert len(source.metas(refs)) == N
    with pytest.raises(UnknownName, match="no-such-column"):
        source.column("no-such-column", refs)


def test_what_is_appended_leaves_the_rest_as_it_was(made: Made, tmp_path: Path) -> None:
    """Digests and refs of the first rows do not depend on what follows, nor on how the file is cut."""
    if made.path.suffix != ".parquet":
        pytest.skip("for the format that is written in groups")
    before = _whole(open_source(made.path, made.options, tmp_path / "cache"))
    _parquet(made.path.parent, group=4)
    assert _whole(open_source(made.path, made.options, tmp_path / "cache")) == before


def test_the_fingerprint_tells_a_change(source: Source, made: Made) -> None:
    if made.path.is_dir():
        pytest.skip("a folder has no cheap mark of change")
    before = source.fingerprint()
    assert source.fingerprint() == before
    os.utime(made.path, ns=(1, 1))
    assert source.fingerprint() != before


def test_known_files_are_not_read_again(source: Source) -> None:
    if source.modality != "image":
        pytest.skip("for files")
    whole = _whole(source)
    rows = zip(whole["refs"], whole["sizes"], whole["mtimes"], strict=True)
    known = {ref: (size, mtime, f"{i:032x}") for i, (ref, size, mtime) in enumerate(rows)}
    assert _whole(source, known)["digests"] == [f"{i:032x}" for i in range(N)]
    touched = next(iter(source.read([whole["refs"][2]])))
    os.utime(touched, ns=(1, 1))
    assert _whole(source, known)["digests"][2] == whole["digests"][2]


class Lines:
    """A foreign reader: each line of a .lines file is a text."""

    modality = "text"

    def __init__(self, path: Path, options: SourceOptions, cache: Path | None) -> None:
        self.path, self.options = path, options

    @staticmethod
    def accepts(path: Path) -> bool:
        return path.suffix == ".lines"


def test_a_plug_in_may_claim_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    module = ModuleType("labelsieve_lines")
    module.Lines = Lines  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "labelsieve_lines", module)
    there = {name: plugins._entries("sources")[name] for name in plugins.names("sources")}
    entry = EntryPoint("lines", "labelsieve_lines:Lines", "labelsieve.sources")
    monkeypatch.setattr(plugins, "_entries", lambda group: {**there, "lines": entry})
    (tmp_path / "a.lines").write_text("x\n")
    assert isinstance(open_source(tmp_path / "a.lines"), Lines)
