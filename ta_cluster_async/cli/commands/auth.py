"""`ta-cluster auth`: a profile with a token that is kept safely."""

from typing import Annotated

import typer

from ..i18n.translate import tr
from ..options import CliOptions, Quiet, connected
from ..output.help import HelpfulCommand, HelpfulGroup, command_help

app: typer.Typer = typer.Typer(
    name="auth",
    cls=HelpfulGroup,
    help=tr("Keep a token and make a profile with it."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _auth() -> None:
    """Make this a group, which it would not be with one command."""


@connected
def login(
    *,
    options: CliOptions,
    no_keyring: Annotated[
        bool,
        typer.Option(
            "--no-keyring", help=tr("Keep the token in a file for you alone, though there is a keyring.")
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Ask for what a profile needs, check it against the server, keep the token, and write the profile.

    What options say is not asked: --base-url, --project-id, --profile (else `default`), --token-file and --ca-file. The token goes
    into the keyring where there is one, and else into a file that only you can read.

    Example: ta-cluster auth login --profile abroad
    """
    del quiet
    from ..actions import auth
    from ..running import run

    run(auth.login(options, no_keyring=no_keyring))


app.command("login", cls=HelpfulCommand, help=command_help(login))(login)
