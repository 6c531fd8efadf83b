"""Writes the tables of benchmarks/README.md and of docs/explanation/{selection,screening}.md from results/*.json.

A table stands between `<!-- table NAME -->` and `<!-- end -->`; nobody edits it by hand.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGES = (
    HERE / "README.md",
    *(HERE.parent / "docs" / "explanation" / f"{name}.md" for name in ("selection", "screening")),
)
PLACE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def read(name: str) -> Any:
    return json.loads((HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def seconds(value: float) -> str:
    """Seconds as people read them: .0312, .41, 3.2, 150."""
    text = f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value >= 0.1 else f"{value:.3f}"
    return text.removeprefix("0")


def gain(value: dict[str, float]) -> str:
    return f"{value['mean']:+.3f} [{value['low']:+.3f}, {value['high']:+.3f}]".replace("0.", ".")


def strategies() -> str:
    """Gain over random of every strategy on every pool, best mean over the pools of all strategies first."""
    found = read("strategies")
    pools = list(found["gains"])
    common = [pool for pool in pools if pool != "goemotions"]
    names = sorted({name for rows in found["gains"].values() for name in rows})

    def mean(name: str) -> float:
        rows = [found["gains"][pool][name]["gain"]["mean"] for pool in common if name in found["gains"][pool]]
        return sum(rows) / len(rows) if len(rows) == len(common) else float("-inf")

    def cell(pool: str, name: str) -> str:
        row = found["gains"][pool].get(name)
        return gain(row["gain"]) if row else ""

    def row(name: str) -> list[str]:
        small = "" if not any(found["gains"][p].get(name, {}).get("small") for p in pools) else " (1,000)"
        total = f"{mean(name):+.3f}".replace("0.", ".") if mean(name) > float("-inf") else ""
        return [f"`{name}`{small}", *(cell(pool, name) for pool in pools), total]

    order = sorted((name for name in names if name != "random"), key=lambda name: (-mean(name), name))
    areas = [f"{found['gains'][pool]['random']['area']:.3f}".removeprefix("0") for pool in pools]
    head = ["strategy", *(pool.replace("_", ", ") for pool in pools), "mean"]
    return table(head, [*map(row, order), ["random: its own area", *areas, ""]])


def peers() -> str:
    """Best wall seconds and memory beyond the pool of every method, library and size; what failed says why."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for key, row in read("peers")["rows"].items():
        if not key.startswith(("clusters ", "even ")):
            continue
        kind, items, method, peer = key.split(" ")
        work = method + (", near-uniform rows" if kind == "even" else "")
        text = row["failed"] if "failed" in row else f"{seconds(row['best'])} s, +{row['memory_mb']:.0f} MB"
        rows.setdefault((work, peer), {})[items] = text
    sizes = sorted({size for cells in rows.values() for size in cells}, key=int)
    order = sorted(rows, key=lambda work: (work[0], work[1] != "labelsieve", work[1]))
    return table(
        ["work", "by", *(f"{int(size):,}" for size in sizes)],
        [[f"`{work}`", peer, *(rows[work, peer].get(size, "") for size in sizes)] for work, peer in order],
    )


def coresets() -> str:
    """Accuracy when a share is kept, by method."""
    found = read("coresets")
    out = []
    for pool, facts in found["pools"].items():
        shares = [str(share) for share in found["shares"]]
        full = f"{facts['everything'][0]:.3f}".removeprefix("0")
        ranked = sorted(facts["accuracy"].items(), key=lambda item: -sum(v[0] for v in item[1].values()))
        for method, cells in ranked:
            values = [f"{cells[s][0]:.3f}".removeprefix("0") if s in cells else "" for s in shares]
            out.append([pool, f"`{method}`", *values, full])
        auto = [f"{facts['auto_over_stratified'][s][0]:+.3f}".replace("0.", ".") for s in shares]
        out.append([pool, "**auto over stratified**", *auto, ""])
    head = ["pool", "method", *(f"{100 * share:g} %" for share in found["shares"]), "everything"]
    return table(head, out)


def seals() -> str:
    """SEALS beside a full scan at equal labels: mean over all pools."""
    rows = [
        [
            way.replace(" | ", ", "),
            f"{facts['ap_over_full']:+.4f}".replace("0.", "."),
            f"{facts['worst']:+.3f}".replace("0.", "."),
            f"{facts['within_2_points']} of {facts['pools']}",
            f"{100 * facts['scored']:.1f} %",
            f"{facts['found']:.1f}",
        ]
        for way, facts in read("seals")["overall"].items()
    ]
    head = ["candidates, strategy", "average precision over a full scan", "worst pool", "within 2 points"]
    return table([*head, "of the pool scored", "odd found"], rows)


def active_search() -> str:
    """Odd items found."""
    found = read("active_search")["pools"]
    names = list(dict.fromkeys(name for pool in found.values() for name, row in pool.items() if isinstance(row, dict)))
    rows = [
        [f"`{name}`", *(f"{p[name]['found']['mean']:.1f}" if name in p else "" for p in found.values())]
        for name in names
    ]
    return table(["strategy", *found], rows)


SCREENS = {  # first words of a pool's name -> its row; the ten MVTec sets share one
    "own": "MVTec, ten sets",
    "thin": "MVTec at 5 %, ten sets",
    "clinc150_5": "CLINC150, out of scope 5 %",
    "clinc150_.5": "CLINC150, out of scope .5 %",
    "goemotions": "GoEmotions: grief, pride, relief",
    "hiv": "HIV, active",
    "cover_1e-2": "forest cover, 1 in 100",
    "cover_1e-3": "forest cover, 1 in 1,000",
    "cover_1e-4": "forest cover, 1 in 10,000",
    "celeba_1e-2": "celeba, 1 in 100",
    "celeba_1e-3": "celeba, 1 in 1,000",
    "celeba_1e-4": "celeba, 1 in 10,000",
    "pcb_mobilenetv2_10": "boards 10 %, mobilenetv2",
    "pcb_resnet50v2-stage3_10": "boards 10 %, resnet50v2-stage3",
}


def screens(result: Any) -> dict[str, tuple[str, list[str]]]:
    """row of the table -> its title and its pools."""
    found: dict[str, tuple[str, list[str]]] = {name: (title, []) for name, title in SCREENS.items()}
    for pool in result["pools"]:
        kind = "thin" if pool.endswith("_5") else "own"
        found[kind if pool.startswith("mvtec") else pool][1].append(pool)
    return {name: row for name, row in found.items() if row[1]}


def short(value: float) -> str:
    """Two digits of a share: 0, .07, .93, 1."""
    text = f"{value:.2f}"
    return text[:-3] if text.endswith(".00") else text.removeprefix("0")


def screening_rows(result: Any) -> list[tuple[str, list[str], dict[str, list[dict[str, float]]]]]:
    """(title, odd and items and labels, method -> facts a pool) of each row."""
    out = []
    for title, pools in screens(result).values():
        parts = [result["pools"][pool] for pool in pools]
        spans = [sorted({part[key] for part in parts}) for key in ("odd", "items", "budget")]
        facts = [" to ".join(dict.fromkeys((f"{span[0]:,}", f"{span[-1]:,}"))) for span in spans]
        methods = [m for m in parts[0]["share"] if all(m in part["share"] for part in parts)]
        out.append((title, facts, {m: [part["share"][m] for part in parts] for m in methods}))
    return out


def mean_of(parts: list[dict[str, float]]) -> float:
    return sum(part["mean"] for part in parts) / len(parts)


def screening() -> str:
    """Share of the odd items found by `screen`, by `fuse` alone and by the best of all others."""
    result = read("screening")
    rows = []
    for title, facts, by in screening_rows(result):
        others = {m: mean_of(parts) for m, parts in by.items() if m not in ("screen", "fuse")}
        best = max(others, key=others.__getitem__)
        mine = short(mean_of(by["screen"]))
        if len(by["screen"]) == 1:
            mine += f" [{short(by['screen'][0]['low'])}, {short(by['screen'][0]['high'])}]"
        rows.append([title, *facts, mine, short(mean_of(by["fuse"])), f"{short(others[best])} `{best}`"])
    means = result["mean"]
    best = max((m for m in means if m not in ("screen", "fuse")), key=lambda m: means[m]["mean"])
    mine = f"**{short(means['screen']['mean'])}** [{short(means['screen']['low'])}, {short(means['screen']['high'])}]"
    last = [mine, short(means["fuse"]["mean"]), f"{short(means[best]['mean'])} `{best}`"]
    rows.append(["mean of the pools", "", "", "", *last])
    first, final = result["seeds"]
    said = f"\nSeeds {first} to {final}; share of what could be found with so many labels.\n"
    return table(["pool", "odd", "items", "labels", "`screen`", "`fuse` alone", "best other"], rows) + said


def screening_all() -> str:
    """Share of the odd items found, by pool and method; the best of a row in bold."""
    result = read("screening")
    order = sorted(result["mean"], key=lambda m: (m != "screen", -result["mean"][m]["mean"]))
    order += ["patches"] if any("patches" in pool["share"] for pool in result["pools"].values()) else []

    def row(title: str, values: dict[str, float]) -> list[str]:
        top = short(max(values.values()))
        cells = [short(values[m]) if m in values else "" for m in order]
        return [title, *(f"**{cell}**" if cell == top != "0" else cell for cell in cells)]

    rows = [row(title, {m: mean_of(parts) for m, parts in by.items()}) for title, _, by in screening_rows(result)]
    rows.append(row("mean of the pools", {m: value["mean"] for m, value in result["mean"].items()}))
    rows.append(row("kinds found, where there are several", {m: v["mean"] for m, v in kinds(result).items()}))
    return table(["pool", *(f"`{m}`" for m in order)], rows)


def kinds(result: Any) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = result["criteria"]["kinds"]
    return found


def screening_peers() -> str:
    """Mean area under the ROC curve and average precision of detectors, by what is labelled."""
    said = {"nothing": "nothing", "dull": "100 dull", "both": "10 odd, 100 dull"}
    rows = []
    for setting, by in read("screening_peers")["mean"].items():
        for method in sorted(by, key=lambda m: (m != "labelsieve", -by[m]["auroc"]["mean"])):
            cells = [by[method][measure] for measure in ("auroc", "average_precision")]
            texts = [f"{c['mean']:.3f} [{c['low']:.3f}, {c['high']:.3f}]".replace("0.", ".") for c in cells]
            rows.append([said[setting], method, *texts])
    return table(["labelled", "by", "area under the ROC curve", "average precision"], rows)


def consensus() -> str:
    """Accuracy of what most say and of the consensus, plain and as it is, and how many errors each puts first."""
    rows = []
    for row in read("consensus")["mean"]:
        ways = [row["ways"][name] for name in ("most", "shrink 0", "shrink 20")]
        right = [f"{way['accuracy']:.3f}".removeprefix("0") for way in ways]
        caught = [f"{way['caught']:.2f}".removeprefix("0") for way in ways]
        doubt = [f"{way['doubt']:.3f}".removeprefix("0") for way in ways[1:]]
        rows.append([row["data"], row["design"], *right, gain(row["gain"]), ", ".join(caught), ", ".join(doubt)])
    head = ["labels", "answers", "most say", "Dawid and Skene", "consensus", "gain over most say"]
    return table([*head, "errors in the doubtful tenth", "doubt of the last two"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "strategies": strategies,
    "peers": peers,
    "coresets": coresets,
    "seals": seals,
    "active_search": active_search,
    "screening": screening,
    "screening_all": screening_all,
    "screening_peers": screening_peers,
    "consensus": consensus,
}


def written(text: str) -> str:
    """The page with its tables made anew."""
    return PLACE.sub(lambda found: found.group(1) + TABLES[found.group(2)]() + found.group(3), text)


def main() -> None:
    for page in PAGES:
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
