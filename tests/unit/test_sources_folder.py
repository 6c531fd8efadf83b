"""Folders of images as people really have them."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from PIL import Image

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.sources import SourceOptions, open_source


def _image(path: Path, value: int = 0, kind: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (3, 3), value).save(path, kind)
    return path


def _scan(folder: Path, **options: Any) -> tuple[list[Any], dict[Any, str]]:
    source = open_source(folder, SourceOptions(**options))
    refs = [ref for found in source.scan() for ref in found.refs]
    return refs, dict(source.bad)


def test_it_is_recursive_sorted_and_leaves_out_what_is_hidden(tmp_path: Path) -> None:
    names = ["b/2.png", "b/1.JPG", "a-b/x.png", "a/x.png", "a/deep/er/y.webp", "z.png", "ä.png", "a b.png"]
    for i, name in enumerate(names):
        _image(tmp_path / name, i)
    for name in (".hidden.png", ".git/x.png", "a/.DS_Store.png"):
        _image(tmp_path / name)
    for name in ("notes.txt", "labels.csv", "a/Thumbs.db"):
        (tmp_path / name).write_text("x")
    refs, bad = _scan(tmp_path)
    assert refs == sorted(names)
    assert bad == {}


def test_files_without_an_ending_are_told_by_their_first_bytes(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF"):
        _image(tmp_path / kind.lower(), kind=kind)
    (tmp_path / "README").write_text("no image")
    (tmp_path / "empty").write_bytes(b"")
    assert _scan(tmp_path) == (["gif", "jpeg", "png", "tiff", "webp"], {})


def test_files_that_hold_no_image_are_set_aside(tmp_path: Path) -> None:
    _image(tmp_path / "fine.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    (tmp_path / "pointer.png").write_text("version https://git-lfs.github.com/spec/v1\n")
    refs, bad = _scan(tmp_path)
    assert refs == ["fine.png"]
    assert sorted(bad) == ["empty.png", "page.jpg", "pointer.png"]
    assert bad["empty.png"] == "the file is empty (0 bytes)"


def test_links_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    secret = _image(tmp_path / "elsewhere" / "secret.png")
    root = tmp_path / "images"
    _image(root / "a" / "1.png")
    (root / "out.png").symlink_to(secret)
    (root / "out").symlink_to(secret.parent)
    (root / "loop").symlink_to(root)
    (root / "same").symlink_to(root / "a")
    (root / "in.png").symlink_to(root / "a" / "1.png")
    (root / "nowhere.png").symlink_to(root / "gone.png")
    (root / "script.sh").symlink_to("/bin/sh")
    refs, bad = _scan(root)
    assert refs == ["a/1.png", "in.png"]
    assert bad == {
        "out.png": "a link that leaves the folder of the source",
        "out": "a link that leaves the folder of the source",
        "loop": "a link to a folder that is read at its own place",
        "same": "a link to a folder that is read at its own place",
        "nowhere.png": "a link that leads nowhere",
    }


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    _image(tmp_path / "real" / "a" / "1.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    source = open_source(tmp_path / "link")
    refs = [ref for found in source.scan() for ref in found.refs]
    assert refs == ["a/1.png"]
    assert next(iter(source.read(refs))).read_bytes()


def test_names_that_are_not_utf8_are_set_aside(tmp_path: Path) -> None:
    _image(tmp_path / "fine.png")
    os.rename(_image(tmp_path / "x.png"), os.fsencode(tmp_path) + b"/gr\xfcn.png")
    refs, bad = _scan(tmp_path)
    assert refs == ["fine.png"]
    assert list(bad.values()) == ["the name of the file is not valid UTF-8"]
    assert all(name.encode() for name in bad)


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder in which even a test that root runs is an ordinary user's."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_what_may_not_be_read_is_set_aside(ordinary_user: Path) -> None:
    root = os.geteuid() == 0
    _image(ordinary_user / "fine.png")
    _image(ordinary_user / "mine.png").chmod(0)
    _image(ordinary_user / "closed" / "1.png").parent.chmod(0)
    if root:
        os.seteuid(65534)
    try:
        refs, bad = _scan(ordinary_user)
    finally:
        if root:
            os.seteuid(0)
        (ordinary_user / "closed").chmod(0o700)
    assert refs == ["fine.png"]
    assert bad["mine.png"] == "the file cannot be read: Permission denied"
    assert bad["closed/"] == "the folder cannot be read: Permission denied"


def test_groups_and_truth_by_folder(tmp_path: Path) -> None:
    for name in ("cats/1.png", "dogs/old/2.png", "3.png"):
        _image(tmp_path / name)
    source = open_source(tmp_path, SourceOptions(group="@folder"))
    assert [group for found in source.scan() for group in found.groups or ()] == [None, "cats", "dogs"]
    assert source.column("@folder", ["dogs/old/2.png", "3.png"]) == ["dogs", None]
    assert source.names() == ["@folder"]
    with pytest.raises(UnknownName, match="'label'"):
        source.column("label")


@pytest.mark.parametrize("options", [{"text": "t"}, {"key": "k"}, {"labels": "l"}, {"columns": ("a", "b")}])
def test_a_folder_has_no_columns(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="is a folder of images and has no column"):
        open_source(tmp_path, SourceOptions(**options))


def test_an_empty_folder_has_no_items(tmp_path: Path) -> None:
    assert _scan(tmp_path) == ([], {})


def test_equal_files_have_equal_digests(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        _image(tmp_path / name, 7)
    _image(tmp_path / "c.png", 8)
    marks = [mark for found in open_source(tmp_path).scan() for mark in found.digests]
    assert marks[0] == marks[1] != marks[2]


def test_real_photographs(shared: Path) -> None:
    source = open_source(shared / "images_clothing")
    found = list(source.scan())
    assert sum(map(len, found)) == 3781
    assert source.bad == []
    assert len(set(source.column("@folder", found[0].refs))) == 10
