"""The commands under one name. Each is imported when it runs or shows its own help, so that the list of commands is quick."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from .i18n.translate import tr
from .output.console import print_text
from .output.help import HelpfulCommand, HelpfulGroup, command_help

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "refresh": ("refresh", "refresh", tr("Refresh clusters and tags, and wait for all of them.")),
    "wait": ("wait", "wait", tr("Wait for refreshes that were started elsewhere. It starts none.")),
    "list": ("show", "list_rows", tr("List the clusters of the project, or its tags.")),
    "show": ("show", "show_one", tr("Show one cluster or tag with its definition.")),
    "progress": ("show", "progress", tr("Write the progress of the latest computation.")),
    "create": ("edit", "create", tr("Create a cluster or tag, and write its id.")),
    "update": ("edit", "update", tr("Change the definition of a cluster or tag.")),
    "delete": ("edit", "delete", tr("Delete clusters and tags, after confirmation.")),
    "upload": (
        "upload",
        "upload",
        tr("Create a cluster or tag from uploaded ids, or replace the ids of one, and write its id."),
    ),
    "members": ("members", "members", tr("Write who is in a cluster, or who has a tag with its value.")),
    "check": (
        "check",
        "check",
        tr("Check that clusters and tags are there, fresh and of a usual size, and change nothing."),
    ),
    "doctor": (
        "doctor",
        "doctor",
        tr(
            "Check the settings, the address, TLS, the token, the project and the clock, and say what to correct."
        ),
    ),
    "auth": ("auth", "app", tr("Keep a token and make a profile with it.")),
    "config": (
        "config",
        "app",
        tr("Show the settings that are used, and where the file of profiles is."),
    ),
    "completion": (
        "completion",
        "completion",
        tr("Write a script that lets a shell complete commands and options."),
    ),
    "demo": ("demo", "demo", tr("Refresh the clusters of a sample game.")),
    "emulator": ("emulator", "emulator", tr("Serve an emulated TA server until Ctrl-C.")),
    "runs": ("runs", "app", tr("Look at earlier runs, write reports of them, and delete old ones.")),
}
"""The module of each command in `commands`, the command or group in it, and its line in the list."""


class _LazyGroup(HelpfulGroup):
    """Lists the commands by their lines alone, and imports the one that is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, _, line) in COMMANDS.items():
            self.add_command(TyperCommand(name, help=line))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """See typer."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load_command(name), rest


def load_command(name: str) -> Any:
    """Import a command, and return it as typer's command or group."""
    module, attribute, _ = COMMANDS[name]
    found = getattr(import_module(f".commands.{module}", __package__), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    alone.command(name, cls=HelpfulCommand, help=command_help(found))(found)
    return typer.main.get_command(alone)


app: typer.Typer = typer.Typer(
    name="ta-cluster",
    cls=_LazyGroup,
    help=tr("Refresh, read and change the clusters and tags of a TA project."),
    epilog=tr(
        "Settings come from options, the environment (TA_BASE_URL, TA_TOKEN, TA_PROJECT_ID) or a profile of the configuration "
        "file; `ta-cluster doctor` shows which, and checks them. Exit codes: 0 success, 1 some failed, 2 usage, settings or "
        "token, 3 nothing matched, 4 a deadline passed, 5 the server could not be reached, 130 and 143 after Ctrl-C and SIGTERM."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only this option needs it

        print_text(f"ta-cluster {version('ta-cluster-async')}")
        raise typer.Exit


@app.callback()
def _ta_cluster(
    *,
    show_version: Annotated[
        bool,
        typer.Option("--version", help=tr("Show the version."), callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    del show_version
