"""Arrays on disk as memory maps: .npy files, and members of an .npz, in place where they are not compressed."""

import shutil
import struct
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.sources.base import stat_of
from labelsieve.sources.caching import copy_name, copying

Header: TypeAlias = tuple[tuple[int, ...], bool, np.dtype[Any]]  # shape, Fortran order, dtype
_LOCAL_HEADER = 30  # bytes of a zip member's header before its name
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
)  # RuntimeError: encrypted, or packed in a way unknown


class ObjectArray(InputError):
    """An array holds Python objects, which are never loaded."""


def _damaged(path: Path, name: str, error: Exception) -> InputError:
    return InputError(f"array {name!r} of {path.name} is damaged: {error}.", "copy or save the file again.")


def read_header(file: IO[bytes], name: str) -> Header:
    """(shape, Fortran order, dtype) of an .npy stream, which then stands at the data. Objects are refused."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        header: Header = read(file)
    except (ValueError, EOFError, struct.error, TokenError) as error:
        raise InputError(f"{name} holds no array: {error}.", "save it again with numpy.save.") from error
    if header[2].hasobject:
        raise ObjectArray(
            f"{name} holds Python objects, which are never loaded (they could run code); expected numbers or text.",
            "convert it: array.astype(str) or .astype(numpy.float32), then save it again.",
        )
    return header


def headers(path: Path) -> dict[str, Header]:
    """The header of every array in `path`; an .npy file has one, called "array". Reads no data."""
    if stat_of(path)[0] == 0:
        raise InputError(f"{path.name} is empty (0 bytes); expected an array.", "save it again with numpy.save.")
    if path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            return {"array": read_header(file, path.name)}
    out: dict[str, Header] = {}
    with _zip(path) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                name = info.filename.removesuffix(".npy")
                try:
                    with archive.open(info) as file:
                        out[name] = read_header(file, f"array {name!r} of {path.name}")
                except ObjectArray:
                    continue  # beside the ones that are wanted
                except _BROKEN as error:
                    raise _damaged(path, name, error) from error
    return out


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path.name} is no .npz file: {error}.", "save it again with numpy.savez.") from error


def map_array(path: Path, name: str, folder: Path) -> NDArray[Any]:
    """The array as a read-only map. A compressed member is unpacked into `folder`, once."""
    if path.suffix.lower() == ".npy":
        return _map(path, path.name)
    with _zip(path) as archive:
        info = _member(archive, path, name)
        if info.compress_type == zipfile.ZIP_STORED:
            return _map(path, f"array {name!r} of {path.name}", _data_start(path, info))
    size, mtime = stat_of(path)
    copy = folder / (copy_name(path, folder, f"{size}-{mtime}-{info.CRC}", name) + ".npy")
    if not copy.exists():
        _unpack(path, name, copy)
    return _map(copy, f"array {name!r} of {path.name}")


def _member(archive: zipfile.ZipFile, path: Path, name: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(f"{name}.npy")
    except KeyError:
        there = [info.filename.removesuffix(".npy") for info in archive.infolist()]
        raise UnknownName(f"array of {path.name}", name, there) from None


def _data_start(path: Path, info: zipfile.ZipInfo) -> int:
    with path.open("rb") as file:
        file.seek(info.header_offset)
        head = file.read(_LOCAL_HEADER)
        if len(head) < _LOCAL_HEADER or head[:4] != b"PK\x03\x04":
            raise InputError(f"{path.name} is damaged: member {info.filename} has no header.", "save it again.")
        name, extra = struct.unpack("<HH", head[26:30])
    return info.header_offset + _LOCAL_HEADER + int(name) + int(extra)


def _map(path: Path, said: str, start: int = 0) -> NDArray[Any]:
    with path.open("rb") as file:
        file.seek(start)
        shape, fortran, dtype = read_header(file, said)
        offset = file.tell()
    if 0 in shape:
        return np.empty(shape, dtype)
    try:
        return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
    except (ValueError, OSError) as error:
        raise InputError(f"{said} is cut short: {error}.", "copy or save the file again.") from error


def _unpack(path: Path, name: str, copy: Path) -> None:
    with _zip(path) as archive:
        try:
            with archive.open(f"{name}.npy") as member, copying(copy) as file:
                shutil.copyfileobj(member, file, 1 << 20)
        except _BROKEN as error:
            raise _damaged(path, name, error) from error


def load_array(path: Path, name: str) -> NDArray[Any]:
    """A small array (keys, classes), in memory."""
    with _zip(path) as archive:
        info = _member(archive, path, name)
        try:
            with archive.open(info) as file:
                array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        except (*_BROKEN, ValueError) as error:
            raise _damaged(path, name, error) from error
    return array
