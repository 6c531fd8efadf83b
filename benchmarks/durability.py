"""Kill -9 at random moments while two processes write labels: is every acknowledged label there, and once?

    python benchmarks/durability.py [--kills 300] [--seed 0] [--json benchmarks/results/durability.json]

Two writers send labels in packets of 1 to 20 (one event each, corrections and undos among them) to one
project. A writer says "sending" before and "done" after each packet, on a pipe that outlives it. At a
random moment one of the two is killed and started again; it first sends its last packet once more, as a
client does that never heard back. At each kill the database is opened and every acknowledged UUID must be
there; at the end no UUID may stand twice, the integrity check must say ok, and the fold must be that of a
replay of what was written. This tests the process, not the power: for that SQLite's synchronous FULL stands.
"""

import argparse
import json
import os
import platform
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from labelsieve.core.types import Label, Value
from labelsieve.project import events, manifest, tasks
from labelsieve.project.database import connect
from labelsieve.project.folding import fold

ITEMS, AT = 2000, "2024-05-01T12:00:00+00:00"


def write_forever(path: Path, by: str, seed: int, again: str) -> None:
    """A client: sends packets of labels and says what it sends and what was acknowledged."""
    rng = random.Random(seed)
    conn = connect(path)
    if again:  # the packet that was on its way when this client was killed
        events.write(conn, unpack(again))
        print("done", *(json.loads(line)["id"] for line in again.split("\n")), flush=True)
    last: list[Label] = []
    while True:
        packet = [one_label(rng, by, last) for _ in range(rng.randint(1, 20))]
        lines = [json.dumps(plain(label)) for label in packet]
        print("sending", len(lines), *lines, sep="\n", flush=True)
        events.write(conn, packet)
        print("done", *(label.id for label in packet), flush=True)
        last = packet


def one_label(rng: random.Random, by: str, last: list[Label]) -> Label:
    answers = [label for label in last if label.value is not None]
    if answers and rng.random() < 0.1:
        old = rng.choice(answers)
        value = None if rng.random() < 0.5 else Value("class", (f"c{rng.randrange(30)}",))
        return Label(events.new_id(), "main", old.item, value, by, AT, supersedes=old.id)
    value = Value("class", (f"c{rng.randrange(30)}",)) if rng.random() < 0.9 else Value("skip")
    return Label(events.new_id(), "main", rng.randrange(1, ITEMS + 1), value, by, AT, seconds=1.5)


def plain(label: Label) -> dict[str, Any]:
    value = label.value and [label.value.tag, list(label.value.names)]
    return {"id": label.id, "item": label.item, "value": value, "by": label.by, "supersedes": label.supersedes,
            "seconds": label.seconds}  # fmt: skip


def unpack(text: str) -> list[Label]:
    out = []
    for line in text.split("\n"):
        raw = json.loads(line)
        value = None if raw["value"] is None else Value(raw["value"][0], tuple(raw["value"][1]))
        out.append(
            Label(raw["id"], "main", raw["item"], value, raw["by"], AT, raw["seconds"], supersedes=raw["supersedes"])
        )
    return out


@dataclass
class Client:
    """One writer as the test sees it: what it has sent, and what was acknowledged to it."""

    path: Path
    by: str
    sent: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    on_the_way: str = ""
    resent: int = 0
    starts: int = 0

    def start(self) -> None:
        command = [sys.executable, __file__, "--writer", str(self.path), self.by, str(self.starts), self.on_the_way]
        self.resent += bool(self.on_the_way)
        self.starts += 1
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        lines = iter(self.process.stdout)
        for line in lines:
            if line == "sending\n":
                count = int(next(lines, "0"))
                packet = [row.rstrip("\n") for row in islice(lines, count)]
                if packet and len(packet) == count and packet[-1].endswith("}"):  # else it was killed while it spoke
                    self.on_the_way = "\n".join(packet)
                    self.sent |= {json.loads(row)["id"] for row in packet}
            elif line.startswith("done ") and line.endswith("\n"):
                self.acknowledged |= set(line.split()[1:])
                self.on_the_way = ""

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join()


def run(kills: int, seed: int, folder: Path) -> dict[str, Any]:
    rng = random.Random(seed)
    path = folder / "labels.sqlite"
    with closing(connect(path, create=True)) as conn:
        tasks.add(conn, "main", "classes")
        source = manifest.add_source(conn, "toy", "text")
        manifest.add_items(conn, source, [(row, f"k{row}", f"{row:032x}") for row in range(ITEMS)])
    clients = [Client(path, "ann"), Client(path, "bob")]
    began, lost_at, unheard = time.perf_counter(), [], 0
    for client in clients:
        client.start()
        wait_for_word(client)
    for number in range(kills):
        victim = rng.choice(clients)
        if rng.random() < 0.8:  # else it may still be starting, or sending its last packet again
            wait_for_word(victim)
        time.sleep(rng.uniform(0.0, 0.2))
        if victim.process.poll() is not None:
            raise SystemExit(f"writer {victim.by} ended by itself: {victim.process.returncode}")
        victim.kill()
        said = set(victim.acknowledged)
        with closing(sqlite3.connect(path, timeout=30)) as conn:
            there = {id_ for (id_,) in conn.execute("SELECT id FROM events WHERE annotator = ?", (victim.by,))}
        lost_at += [number] * len(said - there)
        unheard += bool(victim.on_the_way and unpack(victim.on_the_way)[0].id in there)
        victim.start()
        if number % 25 == 24:
            print(f"{number + 1} kills, {sum(len(c.acknowledged) for c in clients):,} labels acknowledged", flush=True)
    for client in clients:
        wait_for_word(client)
        client.kill()
    return {
        **judge(path, clients),
        "kills": kills,
        "lost_at": lost_at,
        "written_but_unheard": unheard,
        "seconds": time.perf_counter() - began,
    }


def wait_for_word(client: Client) -> None:
    """Until the client has been heard once more, so that its last packet has been sent again."""
    before, deadline = len(client.acknowledged), time.monotonic() + 60
    while len(client.acknowledged) == before:
        if time.monotonic() > deadline:
            raise SystemExit(f"writer {client.by} says nothing")
        time.sleep(0.01)


def judge(path: Path, clients: list[Client]) -> dict[str, Any]:
    acknowledged = set.union(*(client.acknowledged for client in clients))
    sent = set.union(*(client.sent for client in clients)) | acknowledged
    with closing(connect(path)) as conn:
        history = list(events.history(conn, "main"))
        whole = [line for (line,) in conn.execute("PRAGMA integrity_check")]
        strays = conn.execute("PRAGMA foreign_key_check").fetchall()
        labels = fold(conn, "main")
        folded = {int(i): labels.classes[y] for i, y in zip(labels.ids, labels.y, strict=True)}
    written = [event.id for event in history]
    return {
        "acknowledged": len(acknowledged), "written": len(written), "sent_again": sum(c.resent for c in clients),
        "lost": len(acknowledged - set(written)), "doubled": len(written) - len(set(written)),
        "never_sent": len(set(written) - sent), "integrity": whole, "foreign_keys": len(strays),
        "fold_equals_replay": folded == replay(history),
    }  # fmt: skip


def replay(history: list[Label]) -> dict[int, str]:
    """What is agreed, worked out event by event."""
    taken: set[str | None] = set()
    for event in reversed(history):
        if event.value is None and event.id not in taken:
            taken.add(event.supersedes)
    standing = [event for event in history if event.value is not None and event.id not in taken]
    replaced = {event.supersedes for event in standing}
    latest = {(event.item, event.by): event for event in standing if event.id not in replaced}
    said: dict[int, list[Label]] = {}
    order = {event.id: at for at, event in enumerate(history)}
    for event in sorted(latest.values(), key=lambda event: order[event.id]):
        said.setdefault(event.item, []).append(event)
    out = {}
    for item, answers in said.items():
        names = [event.value.names[0] if event.value and event.value.names else "" for event in answers]
        best = max(names.count(name) for name in names)
        out[item] = next(name for name in reversed(names) if names.count(name) == best)
    return {item: name for item, name in out.items() if name}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "durability.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("LABELSIEVE_BENCH_DIR")) as folder:
        result = run(given.kills, given.seed, Path(folder))
    good = result["integrity"] == ["ok"] and result["fold_equals_replay"] and result["foreign_keys"] == 0
    result["passed"] = bool(
        good and not (result["lost"] or result["doubled"] or result["never_sent"] or result["lost_at"])
    )
    result |= {"seed": given.seed, "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}",
               "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}  # fmt: skip
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--writer"]:
        write_forever(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5])
    else:
        sys.exit(main())
