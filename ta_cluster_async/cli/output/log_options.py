"""The options for the log, which every command takes, also behind its name. Light to load, for help and completion."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..i18n.translate import tr
from .format import LogFormat  # noqa: TC001 - typer reads the annotation

if TYPE_CHECKING:
    from collections.abc import Callable

_PANEL = tr("Log")


def _writes(level: str) -> Callable[[bool], None]:
    """Return what an option does that has the log written from this level on."""

    def write(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
        if wanted:
            from .logs import LEVELS, write_log  # noqa: PLC0415 - most commands log nothing

            write_log(LEVELS[level])

    return write


def _format(form: LogFormat | None) -> None:
    if form is not None:
        from .logs import set_format  # noqa: PLC0415 - most commands log nothing

        set_format(form)


def _options(
    *,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            rich_help_panel=_PANEL,
            expose_value=False,
            callback=_writes("info"),
            help=tr("Tell on stderr which settings are used, and what a batch does (TA_LOG_LEVEL=info)."),
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            rich_help_panel=_PANEL,
            expose_value=False,
            callback=_writes("debug"),
            help=tr("Tell of each request as well, without its URL (TA_LOG_LEVEL=debug)."),
        ),
    ] = False,
    log_format: Annotated[
        LogFormat | None,
        typer.Option(
            "--log-format",
            rich_help_panel=_PANEL,
            expose_value=False,
            callback=_format,
            help=tr("Write all that goes to stderr as text, or as lines of JSON (TA_LOG_FORMAT)."),
        ),
    ] = None,
) -> None:
    """Have the options that every command has."""


@cache
def log_options() -> list[Any]:
    """Return the options as typer's own."""
    alone = typer.Typer(add_completion=False)
    alone.command()(_options)
    return [_light(option) for option in typer.main.get_command(alone).params]


def _light(option: Any) -> Any:
    """Have an option that is not given load nothing: typer checks each that is no flag by pydantic, for pages of help too."""
    process = option.process_value
    option.process_value = lambda context, value: None if value is None else process(context, value)
    return option
