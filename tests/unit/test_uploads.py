"""Archives that somebody sends: what is broken in them is said, and never a traceback."""

import errno
import io
import zipfile
from pathlib import Path

import pytest

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.project.formats.uploads import unpacked


def packed(kind: int, **files: str) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("_", "/"), text)
    return bytearray(file.getvalue())


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_stream_is_an_input_error(tmp_path: Path, kind: int) -> None:
    whole = packed(kind, d_l="key,label\n" + "".join(f"k{i},c{i * 7919}\n" for i in range(50)))
    file = tmp_path / "a.zip"
    file.write_bytes(whole)
    for at in range(35, 70):
        whole[at] ^= 0x5A
    file.write_bytes(whole)
    with pytest.raises(InputError, match="no archive that can be"):
        unpacked(file, tmp_path / "out")


def test_names_that_no_disk_takes_are_an_input_error(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    for names in ({"a": "1", "a_b": "2"}, {"n" * 300: "1"}):
        file.write_bytes(packed(zipfile.ZIP_STORED, **names))
        with pytest.raises(InputError, match="unpacked here"):
            unpacked(file, tmp_path / f"out{len(names)}")


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "a.zip"
    file.write_bytes(packed(zipfile.ZIP_STORED, a="1"))
    monkeypatch.setattr(zipfile.ZipFile, "extract", full)
    with pytest.raises(ProjectError, match="No space left"):
        unpacked(file, tmp_path / "out")
