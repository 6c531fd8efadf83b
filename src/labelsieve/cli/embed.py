"""labelsieve embed: turn items into embeddings, once."""

from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say


def run(
    project: given.ProjectPath,
    engine: Annotated[
        str | None,
        typer.Option(help="Built-in name, folder, short name or hub id.", show_default="the built-in of the modality"),
    ] = None,
    relearn: Annotated[bool, typer.Option("--relearn", help="Let a built-in engine learn anew from the pool.")] = False,
    download: Annotated[bool, typer.Option("--download", help="Allow fetching the engine from the hub.")] = False,
    maps: Annotated[
        str | None, typer.Option(help="Keep feature maps of this image model (a folder or hub id) instead.")
    ] = None,
    map_size: Annotated[
        int, typer.Option(min=0, help="Pixels a side of the pictures that are mapped; 0: 448.", show_default=False)
    ] = 0,
    json: given.AsJson = False,
) -> None:
    """Embed what has no embeddings yet, or map it for small defects. Interrupted runs go on where they stopped."""
    from labelsieve.cli.progress import showing_run
    from labelsieve.project.facade import open as open_project

    if maps is not None and (engine is not None or relearn):
        raise typer.BadParameter("--maps goes alone: embed with --engine in a run of its own.")
    with open_project(project) as opened, showing_run("Embedding" if maps is None else "Mapping") as progress:
        report = opened.embed(engine, relearn, download, progress, maps, map_size)
    if json:
        say(as_json(report))
        return
    rate = f", {report.done / report.seconds:,.0f} a second" if report.done and report.seconds else ""
    name = report.engine.partition("@")[0]
    done = "embedded" if maps is None else "mapped"
    say(f"{count(report.done, 'item')} {done} by {name}{rate}; {report.there:,} were there already.")
    if report.recomputed:
        hint(f"Damaged in the cache and computed again: {', '.join(report.recomputed)}.")
    if report.taught:
        say(f"{count(report.taught, 'taught item')} embedded again.")
    if report.untaught:
        keys = ", ".join(report.untaught[:5])
        hint(f"{count(len(report.untaught), 'taught item')} cannot be read any more and take no part: {keys}.")
    if report.set_aside:
        hint(
            f"{count(len(report.set_aside), 'item')} set aside: labelsieve status {project} lists them with the reason."
        )
    here = given.named(project, "main")
    hint(f"Next: labelsieve serve {here} asks in the browser, labelsieve next {here} --out query.csv in a table,")
    hint(f"and labelsieve label {here} in the terminal, where items are texts or rows.")
