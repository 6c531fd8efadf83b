"""labelsieve status: where the project stands."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, say, show_table


def run(project: given.ProjectPath, task_name: given.TaskName = "main", json: given.AsJson = False) -> None:
    """Items, labels, classes, spending, advice to stop, and what was set aside with its reason."""
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        state = opened.status()
    say(as_json(state)) if json else _show(state)


def _show(state: Mapping[str, Any]) -> None:
    known = ("items", "labels", "classes", "set_aside")
    say(f"{count(state['items'], 'item')}, {count(state['labels'], 'label')}")
    for name, value in state.items():
        if name not in known and not isinstance(value, (Mapping, list, tuple)):
            say(f"{name.replace('_', ' ')}: {'-' if value is None else value}")
    if state["classes"]:
        show_table(["class", "labels"], sorted(state["classes"].items(), key=itemgetter(1), reverse=True))
    for name, value in state.items():
        if name not in known and isinstance(value, (Mapping, list, tuple)) and value:
            say(f"{name.replace('_', ' ')}:")
            pairs = value.items() if isinstance(value, Mapping) else ((entry, "") for entry in value)
            for key, entry in pairs:
                say(f"  {key}{f': {entry}' if entry != '' else ''}")
    if state["set_aside"]:
        say(f"{count(len(state['set_aside']), 'item')} set aside:")
        show_table(["key", "reason"], [[entry["key"], entry["reason"]] for entry in state["set_aside"][:20]])
        if len(state["set_aside"]) > 20:
            say(f"... and {len(state['set_aside']) - 20:,} more: --json lists them all.")
