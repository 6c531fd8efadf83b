"""A JSON array of any length, read object by object: what is in memory is one of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from labelsieve.core.errors import InputError
from labelsieve.sources.encoding import require_single_bytes

CHUNK = 1 << 20
LONGEST = 64 << 20  # characters of one element
SPACE = " \t\r\n"
GOES_ON = "0123456789.eE+-"  # behind a number (and at the end of what is read, "") there may be more of it
_decode = json.JSONDecoder().raw_decode


def elements(path: Path) -> Iterator[Any]:
    """The elements of the array that the file holds. InputError, with the place, where it is no whole JSON array."""
    try:
        require_single_bytes(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            text, done = _Text(file), 0
            if (first := text.skip()) != "[":
                raise InputError(f"{path.name} is no JSON array: it starts with {first!r}.", "export it again.")
            text.at += 1
            if text.skip() == "]":
                return
            while True:
                text.skip()
                done += 1
                yield _element(path, text, done)
                after = text.skip()
                text.at += 1
                if after == "]":
                    return
                if after != ",":
                    raise _damaged(path, done, "the file ends" if not after else f"{after!r} stands after it")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is no UTF-8 text: {error.reason}.", "save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "check the path and its permissions.") from error


def _element(path: Path, text: "_Text", number: int) -> Any:
    """The next element; reads on, twice as far each time, until it is whole."""
    size = CHUNK
    while True:
        try:
            found, end = _decode(text.text, text.at)
            if text.text[end : end + 1] not in GOES_ON or not text.more(CHUNK):
                text.at = end
                return found
        except ValueError as error:
            if not text.more(size):
                raise _damaged(path, number, str(error)) from error
            if len(text.text) > LONGEST:
                raise _damaged(path, number, f"it is longer than {LONGEST:,} characters, or damaged") from error
        except RecursionError as error:
            raise _damaged(path, number, "its lists are nested too deeply") from error
        size *= 2


def _damaged(path: Path, number: int, why: str) -> InputError:
    return InputError(f"{path.name} is damaged at element {number:,}: {why}.", "export or download it again.")


class _Text:
    """A file as it is read: what is behind `at` in `text` is not yet taken."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.text = ""
        self.at = 0

    def more(self, size: int) -> bool:
        """Whether there was more to read. What was taken is let go."""
        part = self._file.read(size)
        self.text, self.at = self.text[self.at :] + part, 0
        return bool(part)

    def skip(self) -> str:
        """The next character that is no space, empty at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in SPACE:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more(CHUNK):
                return ""
