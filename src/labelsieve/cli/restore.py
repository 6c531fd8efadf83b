"""labelsieve restore: put a backup back."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say


def run(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="A folder or file of backups/.", show_default=False)],
    project: given.ProjectPath,
    edited: Annotated[bool, typer.Option("--edited", help="Also where its event log was edited.")] = False,
    json: given.AsJson = False,
) -> None:
    """Put a backup back, checked first, all or nothing. What stands there now is kept in replaced/, never deleted."""
    from labelsieve.project.facade import restore

    done = restore(backup, project, edited)
    if json:
        say(as_json(done))
        return
    if done.finished:
        say("A restore that was cut short is finished now.")
    say(f"restored: {done.project} as of {done.made}, from {done.backup}")
    say(f"    {count(done.stand.events, 'label event')}, the last of {done.stand.last or 'never'}")
    for task, labels in done.labels.items():
        say(f"    task {task}: {count(labels, 'item')} with an answer")
    for fault in done.faults:
        say(f"    not as written: {fault}")
    there = "what cannot be read" if done.before is None else count(done.before.events, "label event")
    also = " and another labelsieve.toml" if done.settings else ""
    say(f"before: {there}{also}, kept in {done.aside}")
    hint(f"Next: labelsieve doctor {given.named(project, 'main')}")
