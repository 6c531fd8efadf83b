"""labelsieve status: where the project stands."""

from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

from labelsieve.cli import options as given
from labelsieve.cli.index import index_line
from labelsieve.cli.output import as_json, count, hint, say, show_table

LISTED = 20  # set-aside entries that are printed; --json has them all


def run(project: given.ProjectPath, task_name: given.TaskName = "main", json: given.AsJson = False) -> None:
    """Items, labels, classes, spending, advice to stop, and what was set aside with its reason."""
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        state = opened.status()
    if json:
        say(as_json(state))
    else:
        _show(state)
        hint(f"Next: labelsieve {_next_step(state, project)}")


def after_answers(opened: Any, project: Path, task_name: str) -> str:
    """The verb that comes after answers: a head of classes is fitted, a screen goes on to search until all is found."""
    if opened.task.kind == "screen":
        return _next_step(opened.status(), project)
    return f"fit {given.named(project, task_name)}"


def _next_step(state: Mapping[str, Any], project: Path) -> str:
    here = given.named(project, state["task"]["name"])
    if not state["engine"]["embeddings"] and any(one["modality"] != "embedding" for one in state["sources"]):
        return f"embed {given.named(project, 'main')}"
    if state["labels"] and _back(state["fit"] or {}):
        return f"fit {here}"
    if state["search"]:
        return _screen_step(state, here)
    if state["labels"] and state["fit"] is None:
        return f"fit {here}"
    return f"report {here}" if state["advice"]["stop"] else f"next {here} --out query.csv"


def _screen_step(state: Mapping[str, Any], here: str) -> str:
    """Search, until that finds nothing more; then an audit, its answers, and what they show."""
    from labelsieve.project.finding import quiet

    audit, held = state["audit"], state["guarantee"]
    if audit and audit["open"]:
        return f"label {here} --purpose certify, or labelsieve next {here} --purpose certify --out audit.csv"
    counts = held["counts"] if held else {}
    read = audit and (audit["number"], audit["drawn"]) == (counts.get("audit"), counts.get("audited"))
    if (audit and not read) or (quiet(state["search"]) and not audit):
        return f"certify {here}"
    done = state["advice"]["stop"] or quiet(state["search"])
    return f"report {here}" if done else f"next {here} --out query.csv"


def _show(state: Mapping[str, Any]) -> None:
    task, advice = state["task"], state["advice"]
    ready = all(source["modality"] == "embedding" for source in state["sources"])
    engine = state["engine"]["name"] or ("none needed" if ready else "none yet")
    say(f"{state['project']}: task {task['name']} ({task['kind']}), engine {engine}")
    say(f"{count(state['items'], 'item')}, {count(state['labels'], 'label')}, {count(state['queries'], 'query')}")
    say(f"spent: {spending_line(state)}")
    say(f"head: {head_line(state['fit'], task['kind'])}")
    if state["fit"] and (doubtful := state["fit"].get("doubtful")):
        say(f"doubtful: {count(doubtful, 'dull label')} closer to an odd item; labelsieve doubtful lists them")
    for line in [*search_lines(state["search"]), *guarantee_lines(state["guarantee"], state["audit"])]:
        say(line)
    if state["index"]:
        say(f"index: {index_line(state['index'])}")
    for source in state["taught"]:
        say(f"taught: {taught_line(source)}")
    for head, seconds in state["scan_seconds"].items():
        say(f"scan: {head} scores all items in about {seconds * state['items']:.2g} s, measured once")
    say(f"advice: {advice_word(state)}{' '.join(advice['reasons'])}")
    if state["classes"]:
        say()
        show_table(["class", "labels"], sorted(state["classes"].items(), key=itemgetter(1), reverse=True))
    if state["set_aside"]:
        say()
        say(f"{count(state['set_aside_total'], 'item')} set aside:")
        show_table(["key", "reason"], [[entry["key"], entry["reason"]] for entry in state["set_aside"][:LISTED]])
        if state["set_aside_total"] > LISTED:
            say(f"... and {state['set_aside_total'] - LISTED:,} more: --json lists them.")


def advice_word(state: Mapping[str, Any]) -> str:
    """Stop, or go on; neither where a screen has nothing to say but its facts.

    >>> advice_word({"advice": {"stop": False}, "search": None, "guarantee": None})
    'go on. '
    """
    if state["advice"]["stop"]:
        return "stop. "
    if (search := state["search"]) is None:
        return "go on. "
    from labelsieve.project.finding import quiet

    return "" if state["guarantee"] or quiet(search) else "go on. "


def spending_line(state: Mapping[str, Any]) -> str:
    """What was spent in labels, minutes and money, each beside its budget where there is one.

    >>> spent = {"labels": 3, "minutes": 0.51, "money": 0, "currency": ""}
    >>> spending_line({"spent": spent, "budget": {"labels": 200.0}})
    '3 of 200 labels, 0.5 minutes'
    """
    spent, budget = state["spent"], state["budget"]
    money = spent["currency"] or "money"
    rows = [
        ("labels", f"{spent['labels']:,}"),
        ("minutes", f"{spent['minutes']:.1f}"),
        (money, f"{spent['money']:.2f}"),
    ]
    shown = [(name, amount) for name, amount in rows if name != money or spent["money"] or name in budget]
    return ", ".join(f"{amount}{f' of {budget[name]:,g}' if name in budget else ''} {name}" for name, amount in shown)


def head_line(fit: Mapping[str, Any] | None, kind: str) -> str:
    """What the last head is and how good, or why nothing is claimed.

    >>> head_line({"name": "Fused", "labels": 0, "from_taught": 3, "audit": None}, "screen").partition(";")[0]
    'Fused on 0 labels and 3 taught items'
    >>> head_line({"name": "Fused", "labels": 6, "audit": None, "labels_back": 6}, "classes").partition("; ")[2]
    'fitted before 6 labels were taken back: labelsieve fit'
    """
    if fit is None:
        return "none yet"
    audit = fit["audit"]
    made = f"{fit['name']} on {count(fit['labels'], 'label')}"
    made += f" and {count(fit['from_taught'], 'taught item')}" if fit.get("from_taught") else ""
    if back := _back(fit):
        return f"{made}; fitted before {back} taken back: labelsieve fit"
    if kind == "screen":  # always saying dull would be right nearly always
        return f"{made}; labelsieve report shows how many odd items were found"
    if not audit:
        return f"{made}; nothing is claimed under 10 audit items, and every query brings some"
    found = f"{audit['mean']:.3f} [{audit['low']:.3f}, {audit['high']:.3f}]"
    metric = "average precision" if kind == "multilabel" else "accuracy"
    return f"{made}; audit {metric} {found} on {count(audit['n'], 'random item')}"


def _back(fit: Mapping[str, Any]) -> str:
    """What was taken back since a head was fitted on it, in words; empty where nothing was."""
    parts = ((fit.get("labels_back", 0), "label"), (fit.get("taught_back", 0), "taught item"))
    said = [(n, count(n, what)) for n, what in parts if n]
    was = "was" if [n for n, _ in said] == [1] else "were"
    return f"{' and '.join(text for _, text in said)} {was}" if said else ""


def taught_line(source: Mapping[str, Any]) -> str:
    """What was taught from one source, and whether it takes part.

    >>> taught_line({"source": "missed", "dull": 0, "odd": 2, "weight": 1.0, "takes_part": True, "why": "by hand",
    ...     "left_out": 1, "in_pool": 0})
    'missed: 0 dull, 2 odd, weight 1; takes part: by hand; 1 of another engine left out'
    """
    part = {True: "takes part", False: "dropped", None: "not judged"}[source["takes_part"]]
    line = f"{source['source']}: {source['dull']:,} dull, {source['odd']:,} odd, weight {source['weight']:g}; {part}"
    line += f": {source['why']}"
    line += f"; {source['left_out']:,} of another engine left out" if source["left_out"] else ""
    return line + (f"; {source['in_pool']:,} left out, since the pool holds them" if source["in_pool"] else "")


def search_lines(search: Mapping[str, Any] | None) -> list[str]:
    """What a screen has found, which arms found it, and what the calibration items can show.

    >>> arms = [{"arm": "linear", "answered": 20, "odd": 6}, {"arm": "anomaly", "answered": 9, "odd": 0}]
    >>> found = {"found": 8, "looked_at": 7, "travelled": 3, "arms": arms, "calibration": {"dull": 9, "floor": 0.1}}
    >>> search_lines(found | {"searched": {"answered": 25, "odd": 6}, "random": {"answered": 12, "odd": 1}})[0]
    'found: 8 odd (1 as near-duplicates); 6 of 25 searched, 1 of 12 random'
    """
    if search is None:
        return []
    more = search["found"] - search["looked_at"]
    beside = f" ({more:,} as near-duplicates)" if more else ""
    names = ["searched", "random", *(("audited",) if search.get("audited", {}).get("answered") else ())]
    parts = [f"{search[name]['odd']:,} of {search[name]['answered']:,} {name}" for name in names]
    lines = [f"found: {search['found']:,} odd{beside}; {', '.join(parts)}"]
    if search["arms"]:
        arms = [f"{one['arm']} {one['odd']:,} of {one['answered']:,}" for one in search["arms"]]
        lines.append(f"arms: {', '.join(arms)} (an item counts for every arm that wanted it)")
    dull = search["calibration"]["dull"]
    if dull:
        lines.append(f"calibration: {count(dull, 'dull item')}, so false alarms can be held to 1 in {dull + 1:,}")
    return lines


def guarantee_lines(held: Mapping[str, Any] | None, audit: Mapping[str, Any] | None) -> list[str]:
    """What the last look at an audit showed, with its price of more, and an audit that waits for answers."""
    from labelsieve.project.report.screened import price_said

    lines = []
    if held is not None:
        shown = held[held["decides"]]
        look = f"look {held['look']}" + (f" of {held['declared']}" if held["declared"] else "")
        lines.append(f"guarantee: {shown['claim']} (confidence {held['confidence']:g}, {look})")
        if held["next"]:
            lines.append(f"next step: {price_said(held['next'])}")
    if audit is not None and audit["open"]:
        asked = audit["drawn"] + audit["hidden"]
        lines.append(f"audit {audit['number']}: {audit['open']:,} of {asked:,} items wait for an answer")
    return lines
