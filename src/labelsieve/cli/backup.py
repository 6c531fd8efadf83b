"""labelsieve backup: copy the two precious files."""

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, say


def run(project: given.ProjectPath, json: given.AsJson = False) -> None:
    """Copy labels.sqlite and labelsieve.toml to backups/, also while others are writing."""
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened:
        path = opened.backup()
    say(as_json({"backup": path}) if json else str(path))
