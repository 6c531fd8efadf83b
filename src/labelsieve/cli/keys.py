"""One key at a time from a terminal, or one character at a time from a pipe."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

BACKSPACE, ENTER, ESCAPE, TAB, END = "backspace", "enter", "escape", "tab", "end"
_NAMED = {
    "\x7f": BACKSPACE,
    "\x08": BACKSPACE,
    "\r": ENTER,
    "\n": ENTER,
    "\t": TAB,
    "\x03": END,  # Ctrl-C
    "\x04": END,  # Ctrl-D
    "": END,  # the input ended
}


class Keyboard:
    """`read()` gives a character or a name: backspace, enter, escape, tab, end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def read(self) -> str:
        first = os.read(self._fd, 1)
        if first == b"\x1b":
            return self._escape()
        raw = first
        while len(raw) < 4 and not _whole(raw):  # the rest of a letter beyond ASCII
            more = os.read(self._fd, 1)
            if not more:
                break
            raw += more
        text = raw.decode("utf-8", errors="replace")
        return _NAMED.get(text, text)

    def _escape(self) -> str:
        """The escape key; nothing for an arrow or function key, which sends several bytes at once."""
        import select

        if not select.select([self._fd], [], [], 0.02)[0]:
            return ESCAPE
        byte = os.read(self._fd, 1)
        if byte in (b"[", b"O"):
            while (byte := os.read(self._fd, 1)) and not 0x40 <= byte[0] <= 0x7E:
                pass
            return ""
        return ESCAPE if not byte else ""


def _whole(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return True


@contextmanager
def keyboard() -> Iterator[Keyboard]:
    """The keyboard for the time of a `with` block; the terminal is left as it was, also after SIGTERM and SIGHUP."""
    fd = sys.stdin.fileno()
    if not os.isatty(fd):
        yield Keyboard(fd)
        return
    import termios
    import tty

    before = termios.tcgetattr(fd)
    handlers = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setcbreak(fd)
        raw = termios.tcgetattr(fd)
        raw[3] &= ~termios.ISIG  # Ctrl-C is a key like any other: it ends the work, never in the middle of a write
        termios.tcsetattr(fd, termios.TCSADRAIN, raw)
        yield Keyboard(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> Any:
    raise SystemExit(128 + number)
