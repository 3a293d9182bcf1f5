"""The commands under one name."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from .commands.completion import completion
from .commands.demo import demo
from .commands.doctor import doctor
from .commands.edit import create, delete, update
from .commands.emulator import emulator
from .commands.refresh import refresh
from .commands.runs import app as runs_app
from .commands.show import list_rows, progress, show_one
from .commands.upload import upload
from .commands.wait import wait
from .i18n.translate import tr
from .output.help import HelpfulCommand, HelpfulGroup, command_help

app = typer.Typer(
    name="ta-cluster",
    cls=HelpfulGroup,
    help=tr("Refresh, read and change the clusters and tags of a TA project."),
    epilog=tr(
        "Settings come from options, the environment (TA_BASE_URL, TA_TOKEN, TA_PROJECT_ID) or a profile of the configuration file; "
        "`ta-cluster doctor` says which, and whether they are right. "
        "Exit codes: 0 all well, 1 some failed, 2 usage, settings or token, 3 nothing matched, 4 a deadline passed, "
        "5 the server could not be reached, 130 and 143 after Ctrl-C and SIGTERM."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"ta-cluster {version('ta-cluster-async')}")
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


_COMMANDS: dict[str, Callable[..., None]] = {
    "refresh": refresh,
    "wait": wait,
    "list": list_rows,
    "show": show_one,
    "progress": progress,
    "create": create,
    "update": update,
    "delete": delete,
    "upload": upload,
    "doctor": doctor,
    "completion": completion,
    "demo": demo,
    "emulator": emulator,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, cls=HelpfulCommand, help=command_help(_command))(_command)

for _registered in runs_app.registered_commands:
    _registered.cls = HelpfulCommand
app.add_typer(runs_app, name="runs", cls=HelpfulGroup)
