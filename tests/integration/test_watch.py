"""labelsieve watch: settled files are screened once, also after kill -9; a bad one is named; Ctrl-C ends it well."""

import csv
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from app_server import until
from command_line import LABELSIEVE

import labelsieve as ls
from labelsieve.testing.toys import toy_odd

TOY = toy_odd(1200, 40, 8, distance=7.0)
POOL = 800


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A project with a promise of 5 %, and an empty folder."""
    np.save(tmp_path / "pool.npy", TOY.x[:POOL])
    (tmp_path / "inbox").mkdir()
    with ls.create(tmp_path / "p.sieve", tmp_path / "pool.npy", task="screen") as p:
        for purpose, n in (("calibration", 60), (None, 60)):
            query = p.next(n, purpose=purpose)  # type: ignore[arg-type]
            p.label(query.ids, [TOY.classes[TOY.y[int(item.key)]] for item in query.items], by="ann")
    return tmp_path / "p.sieve", tmp_path / "inbox"


def command(project: Path, inbox: Path, out: Path, *more: str) -> list[str]:
    return [LABELSIEVE, "watch", str(project), str(inbox), "--out", str(out), "--alarms", ".05", *more]


def put(inbox: Path, name: str, start: int, n: int = 20) -> None:
    np.save(inbox / name, TOY.x[POOL + start : POOL + start + n])


def rows(out: Path) -> list[dict[str, str]]:
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_once_and_once_again(made: tuple[Path, Path], tmp_path: Path) -> None:
    project, inbox = made
    out = inbox / "escalate.csv"  # our own file in the folder is not screened
    for k in range(4):
        put(inbox, f"{k}.npy", 20 * k)
    (inbox / "bad.npy").write_bytes(b"nothing")
    (inbox / ".hidden.npy").write_bytes(b"")
    once = command(project, inbox, out, "--once", "--every", "0.2")
    done = subprocess.run(once, capture_output=True, text=True, check=True, timeout=60)
    assert "5 files, 80 items screened" in done.stdout and "Set aside: bad.npy" in done.stderr
    before = out.read_bytes()
    found = rows(out)
    odd = {f"{k // 20}.npy:{k % 20}" for k in np.flatnonzero(TOY.y[POOL : POOL + 80]).tolist()}
    assert odd <= {row["key"] for row in found} and len(found) <= len(odd) + 12
    done = subprocess.run(once, capture_output=True, text=True, check=True, timeout=60)
    assert "0 files, 0 items screened" in done.stdout and out.read_bytes() == before
    put(inbox, "bad.npy", 80)  # it was mended
    done = subprocess.run(once, capture_output=True, text=True, check=True, timeout=60)
    assert "1 file, 20 items screened" in done.stdout and out.read_bytes().startswith(before)


def test_a_file_that_still_grows_is_left_until_it_rests(made: tuple[Path, Path], tmp_path: Path) -> None:
    project, inbox = made
    put(inbox, "a.npy", 0)
    with ls.open(project) as p:
        watch = p.watch(inbox, tmp_path / "e.csv", every=0.05)
        assert next(watch).items == 20
        put(inbox, "b.npy", 20)
        for _ in range(3):
            assert next(watch).items == 20
            os.utime(inbox / "b.npy")  # it has changed: it is looked at again
        watch.close()
    with ls.open(project) as p, pytest.raises(ls.InputError, match="is no folder"):
        next(p.watch(inbox / "a.npy", tmp_path / "e.csv"))


@pytest.mark.slow
def test_killed_at_any_time_nothing_is_lost_or_screened_twice(made: tuple[Path, Path], tmp_path: Path) -> None:
    project, inbox = made
    out, rng = tmp_path / "escalate.csv", np.random.default_rng(0)
    words = command(project, inbox, out, "--every", "0.05", "--all")
    for turn in range(6):
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            for k in range(3):
                put(inbox, f"{turn}-{k}.npy", 20 * (3 * turn + k))
                time.sleep(0.5 if k else 2.2)
            time.sleep(float(rng.random() * 0.3))
            process.send_signal(signal.SIGKILL)
    subprocess.run([*words, "--once"], check=True, capture_output=True, timeout=60)
    keys = [row["key"] for row in rows(out)]
    wanted = {f"{turn}-{k}.npy:{i}" for turn in range(6) for k in range(3) for i in range(20)}
    assert len(keys) == len(wanted) and set(keys) == wanted


def test_ctrl_c_stops_it(made: tuple[Path, Path], tmp_path: Path) -> None:
    project, inbox = made
    out = tmp_path / "e.csv"
    put(inbox, "a.npy", 0)
    words = command(project, inbox, out, "--every", "0.1", "--all")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            for name in ("a.npy", "b.npy"):  # when the second is written, the first has been told of
                until(lambda name=name: out.exists() and name in out.read_text())
                put(inbox, "b.npy", 20) if name == "a.npy" else None
            process.send_signal(signal.SIGINT)
            said, hinted = process.communicate(timeout=60)
        finally:
            process.kill()  # where it has not stopped: leaving the block would wait for it
    assert process.returncode == 0 and "goes on from here" in hinted
    assert "1 file, 20 items screened" in said or "2 files, 40 items screened" in said
    assert len(rows(out)) == 40


def test_a_second_watch_of_one_table_is_refused_and_a_killed_one_locks_nothing(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    project, inbox = made
    out = tmp_path / "e.csv"
    put(inbox, "a.npy", 0)
    words = command(project, inbox, out, "--every", "0.1", "--all")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(out.exists)
            second = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        finally:
            process.kill()
    assert second.returncode == 1 and "in use by another process" in second.stderr
    assert "Traceback" not in second.stderr and "another --out" in second.stderr
    subprocess.run([*words, "--once"], check=True, capture_output=True, timeout=60)
    assert len(rows(out)) == 20


def test_a_stream_that_drifts_away_is_said_once(made: tuple[Path, Path], tmp_path: Path) -> None:
    project, inbox = made
    with ls.open(project) as p:
        for k in range(4):
            np.save(inbox / f"{k}.npy", TOY.x[POOL + 50 * k : POOL + 50 * k + 50] + 6)
        came = list(p.watch(inbox, tmp_path / "e.csv", every=0.05, once=True))
    assert [one.shift is not None for one in came] == [True, False, False, False]
    assert came[0].shift is not None and came[0].shift.far > 0.9
