"""labelsieve doctor: is everything whole?"""

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, say, show_table


def run(project: given.ProjectPath, json: given.AsJson = False) -> None:
    """Check digests, versions and disk. Leaves with 1 when something is broken."""
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened:
        findings = opened.doctor()
    if json:
        say(as_json(findings))
    else:
        show_table(["check", "", "finding"], [[f.check, f.severity, f.sentence] for f in findings])
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)
