"""`labelsieve label` through a pseudo-terminal: real keys, a real screen, and a real end at any moment."""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from command_line import LABELSIEVE, run

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Terminal:
    """A labelsieve process on a pseudo-terminal of 100 x 40."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            [LABELSIEVE, *arguments],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            close_fds=True,
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """What the screen showed since the last call, up to `text`."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, f"{text!r} never came; there was:\n{self.seen[-2000:]}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen = COLOURS.sub("", self.seen + os.read(self.master, 65536).decode(errors="replace"))
                except OSError:  # the other side is closed
                    assert text in self.seen, f"{text!r} never came; there was:\n{self.seen[-2000:]}"
        before, _, self.seen = self.seen.partition(text)
        return before

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def close(self) -> int:
        code = self.process.wait(60)
        os.close(self.master)
        return code


def _labels(folder: Path) -> dict[str, int]:
    return dict(json.loads(run(folder, "status", "p.sieve", "--json").stdout)["classes"])


def _make(folder: Path, *options: str) -> None:
    rows = [f"the {'card is lost' if i % 2 else 'fee is high'} number {i}" for i in range(40)]
    (folder / "t.csv").write_text("text\n" + "\n".join(rows) + "\n")
    run(folder, "init", "p.sieve", "t.csv", "--text", "text", *options)
    run(folder, "embed", "p.sieve")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    _make(folder, "--classes", "card,fee")
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "texts"))


def test_one_key_an_item_undo_skip_and_quit(place: Path) -> None:
    screen = Terminal(place, "label", "p.sieve", "--by", "ann", "-n", "6")
    shown = screen.wait_for("[2] fee")
    assert "number" in shown
    assert "1 of 6" in shown
    screen.press("1")
    screen.wait_for("2 of 6")
    screen.press("2")
    screen.wait_for("3 of 6")
    assert _labels(place) == {"card": 1, "fee": 1}, "each label is saved when its key is pressed"
    screen.press("u")
    screen.wait_for("taken back")
    screen.press("1")
    screen.wait_for("3 of 6")
    screen.press(" ")
    screen.wait_for("4 of 6")
    screen.press("?")
    screen.wait_for("5 of 6")
    screen.press("x")
    screen.wait_for("is no key here")
    screen.press("q")
    assert screen.close() == 0
    assert {name: n for name, n in _labels(place).items() if n} == {"card": 2}


def test_more_than_is_left_says_how_many_are(place: Path) -> None:
    done = run(place, "label", "p.sieve", "--purpose", "audit", "-n", "40", stdin=subprocess.DEVNULL)
    assert "40 audit items were asked for" in done.stderr and "asks for all that are left." in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_it_may_end_at_any_moment(place: Path, number: signal.Signals) -> None:
    screen = Terminal(place, "label", "p.sieve", "--by", "ann", "-n", "6")
    screen.wait_for("1 of 6")
    screen.wait_for("quit")
    screen.press("1")
    screen.wait_for("2 of 6")
    screen.wait_for("quit")
    screen.process.send_signal(number)
    assert screen.close() != 0
    assert {name: n for name, n in _labels(place).items() if n} == {"card": 1}


def test_ctrl_c_is_a_key(place: Path) -> None:
    screen = Terminal(place, "label", "p.sieve", "--by", "ann", "-n", "6")
    screen.wait_for("quit")
    screen.press("2\x03")
    screen.wait_for("1 answer saved")
    assert screen.close() == 0


def test_a_new_class_is_typed(tmp_path: Path) -> None:
    _make(tmp_path)
    screen = Terminal(tmp_path, "label", "p.sieve", "--by", "ann", "-n", "4")
    screen.wait_for("quit")
    screen.press("nlost\r")
    screen.wait_for("[1] lost")
    screen.press("1")
    screen.wait_for("3 of 4")
    screen.press("q")
    assert screen.close() == 0
    assert _labels(tmp_path) == {"lost": 2}


def test_several_classes_an_item(tmp_path: Path) -> None:
    _make(tmp_path, "--task", "multilabel", "--classes", "card,fee")
    screen = Terminal(tmp_path, "label", "p.sieve", "--by", "ann", "-n", "4")
    screen.wait_for("quit")
    screen.press("1")
    screen.wait_for("card +")
    screen.press("2")
    screen.wait_for("fee +")
    screen.press("\r")
    screen.wait_for("2 of 4")
    screen.press("q")
    assert screen.close() == 0
    assert _labels(tmp_path) == {"card": 1, "fee": 1}


def test_it_works_from_a_pipe(place: Path) -> None:
    done = run(place, "label", "p.sieve", "--by", "ann", "-n", "4", input="1q")
    assert "1 answer saved" in done.stderr
    assert "\x1b" not in done.stdout
