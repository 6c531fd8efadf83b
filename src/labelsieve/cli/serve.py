"""labelsieve serve: the app in the browser."""

from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import hint, say


def run(
    project: given.ProjectPath,
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs users.")
    ] = "127.0.0.1",
    host_name: Annotated[
        list[str] | None, typer.Option(help="A further name under which the server is reached.", show_default=False)
    ] = None,
    token: Annotated[
        str, typer.Option(help="What opens a session.", envvar="LABELSIEVE_TOKEN", show_default="made anew")
    ] = "",
    by: given.Annotator = "",
    tls_cert: Annotated[str, typer.Option(help="PEM file of the certificate chain: HTTPS.", show_default=False)] = "",
    tls_key: Annotated[str, typer.Option(help="PEM file of its key.", show_default=False)] = "",
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
) -> None:
    """Open the app: label in the browser, see the model learn. Ctrl-C stops it; nothing is lost."""
    from labelsieve.api.serving import Listening, serve
    from labelsieve.api.signing import LOOPBACK
    from labelsieve.project.people.throttling import is_guessable

    if bool(tls_cert) != bool(tls_key):
        raise typer.BadParameter("HTTPS needs both --tls-cert and --tls-key.")

    def ready(url: str) -> None:
        say(f"labelsieve serves {project} at {url}")
        hint("Ctrl-C stops it.")
        if host not in LOOPBACK and not tls_cert:
            hint("Passwords travel unencrypted: --tls-cert and --tls-key, or put a proxy with HTTPS before it.")
        if token and is_guessable(token):
            hint("That token is short enough to be guessed: leave --token out, and one is made.")
        if browser:
            import webbrowser

            webbrowser.open(url)

    tls = (tls_cert, tls_key) if tls_cert else None
    serve(project, Listening(host, port, token, given.annotator(by), tuple(host_name or ()), tls), ready)
