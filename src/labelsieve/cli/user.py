"""labelsieve user: the people who may open a project in the browser, and the tokens of programs."""

import sys
from typing import Annotated, Literal

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, hint, say, show_table

app = typer.Typer(help="The people who may open a project in the browser.", no_args_is_help=True)
Role = Literal["viewer", "annotator", "reviewer", "admin"]
Name = Annotated[str, typer.Argument(help="What labels are signed with.", show_default=False)]


@app.command("add")
def add(
    project: given.ProjectPath,
    name: Name,
    role: Annotated[
        Role | None, typer.Option(help="What they may do.", show_default="admin for the first, else annotator")
    ] = None,
) -> None:
    """Let somebody in. The password is asked for, or read from the first line of the standard input."""
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened:
        person = opened.people(given.annotator("")).add(name, role, _password())
    say(f"{person.name} may open {project} as {person.role}.")
    hint(f"Next: labelsieve serve {project} --host ADDRESS")


@app.command("list")
def show_people(project: given.ProjectPath, json: given.AsJson = False) -> None:
    """Who may open the project, and as what."""
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened:
        found = opened.people("").everyone()
    if json:
        say(as_json(found))
        return
    if not found:
        hint(f"Nobody yet: labelsieve serve opens for you alone. labelsieve user add {project} NAME")
    rows = [(one.name, one.role, one.added[:10], one.tokens, one.sessions) for one in found]
    show_table(("name", "role", "since", "tokens", "sessions"), rows)


@app.command("role")
def role(
    project: given.ProjectPath,
    name: Name,
    role: Annotated[Role, typer.Argument(help="What they may do from now on.", show_default=False)],
) -> None:
    """Give somebody another role, at once."""
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened:
        person = opened.people(given.annotator("")).change(name, role)
    say(f"{person.name} is {person.role} now.")


@app.command("password")
def password(project: given.ProjectPath, name: Name) -> None:
    """Set a new password, which ends the person's sessions. It is asked for, or read from the standard input."""
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened:
        opened.people(given.annotator("")).change(name, password=_password())
    say(f"{name} has a new password.")


@app.command("remove")
def remove(project: given.ProjectPath, name: Name) -> None:
    """Let somebody in no more, at once. What they labelled stays."""
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened:
        opened.people(given.annotator("")).remove(name)
    say(f"{name} may not open {project} any more; their labels stay.")


@app.command("token")
def token(
    project: given.ProjectPath,
    name: Name,
    label: Annotated[str, typer.Option("--name", help="What the token is for.")] = "program",
    days: Annotated[int, typer.Option(help="How long it lasts; 0 never ends.", min=0)] = 365,
) -> None:
    """Make a token with which a program may do what this person may. It is shown once: Authorization: Bearer TOKEN."""
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened:
        made = opened.people(given.annotator("")).token(name, label, days or None)
    say(made)
    hint("It is shown this once: only a hash of it is kept.")


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
