"""labelsieve fit: fit the head on all labels."""

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, hint, say


def run(project: given.ProjectPath, task_name: given.TaskName = "main", json: given.AsJson = False) -> None:
    """Fit the head on the labels; the audit slice measures it and does not train it."""
    from labelsieve.cli.status import head_line
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        opened.fit()
        found = opened.status()["fit"]
        kind = opened.task.kind
    if json:
        say(as_json(found))
        return
    say(f"head: {head_line(found, kind)}")
    here = given.named(project, task_name)
    hint(f"Next: labelsieve next {here} --out query.csv goes on; labelsieve report {here} shows how good the head is.")
