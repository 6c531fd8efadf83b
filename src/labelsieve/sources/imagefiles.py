"""Files that hold an image: by the ending of the name, by the first bytes; and what they hash to."""

import hashlib
from pathlib import Path

from labelsieve.core.errors import InputError

ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif", ".tga", ".ico"),
)
_MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\x00",
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP  ",
)
_TEXT = (b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML", b"<?xml", b"<Error", b"version https://git-lfs")
BLOCK = 1 << 20


def is_image_name(name: str) -> bool:
    """Whether the ending of a file name is that of an image.

    >>> is_image_name("a.JPG"), is_image_name("labels.csv")
    (True, False)
    """
    dot = name.rfind(".")
    return dot > 0 and name[dot:].lower() in ENDINGS


def looks_like_image(path: Path) -> bool:
    """Whether a file without a telling name starts like an image. Only names without an ending are opened."""
    if "." in path.name:
        return False
    with path.open("rb") as file:
        head = file.read(16)
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def hash_image(path: Path) -> str:
    """32 hex digits of blake2b over the bytes. InputError for an empty file and for text in an image's name."""
    mark = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        block = file.read(BLOCK)
        if not block:
            raise InputError("the file is empty (0 bytes)")
        if block.startswith(_TEXT):
            raise InputError(f"the file holds no image: it starts with {block[:24].decode('ascii', 'replace')!r}")
        while block:
            mark.update(block)
            block = file.read(BLOCK)
    return mark.hexdigest()
