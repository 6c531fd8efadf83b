"""labelsieve verify: check somebody's claim against their project."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, say


def run(
    claim: Annotated[Path, typer.Argument(metavar="CLAIM", help="The claim file.", show_default=False)],
    project: given.ProjectPath,
    json: given.AsJson = False,
) -> None:
    """Compute a claim again: log, seed, draw, answers and bound. Reads only; names every event that was edited."""
    from labelsieve.project.claims.verifying import as_facts, verify_claim

    checks = verify_claim(claim, project)
    if json:
        say(as_json(as_facts(checks)))
    else:
        for check in checks:
            say(f"{'ok' if check.ok else 'FAILED'}  {check.name}")
            for line in check.said:
                say(f"    {line}")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
