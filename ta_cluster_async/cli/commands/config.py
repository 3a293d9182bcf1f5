"""`ta-cluster config`: which settings are used, and where the file of profiles is."""

from collections.abc import Callable
from typing import Annotated

import typer

from ..i18n.translate import tr
from ..options import CliOptions, Quiet, connected
from ..output.help import HelpfulCommand, HelpfulGroup, command_help

app: typer.Typer = typer.Typer(
    name="config",
    cls=HelpfulGroup,
    help=tr("Show the settings that are used, and where the file of profiles is."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@connected
def show_config(
    *,
    options: CliOptions,
    as_json: Annotated[
        bool, typer.Option("--json", help=tr("Write each setting as a line of JSON."))
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Show each setting that is used and where it comes from. The token is not read.

    Example: ta-cluster config show --profile abroad
    """
    del quiet
    from ..actions import config
    from ..running import run_blocking

    run_blocking(lambda: config.show_config(options, as_json=as_json))


def config_path(*, quiet: Quiet = False) -> None:
    """Write where the file of profiles is, or would be.

    Example: ta-cluster config path
    """
    del quiet
    from ..actions import config
    from ..running import run_blocking

    run_blocking(config.config_path)


_COMMANDS: dict[str, Callable[..., None]] = {"show": show_config, "path": config_path}
for _name, _command in _COMMANDS.items():
    app.command(_name, cls=HelpfulCommand, help=command_help(_command))(_command)
