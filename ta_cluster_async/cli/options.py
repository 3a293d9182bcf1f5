"""The options that commands share: those for the connection, and --quiet. Light to load, for help and completion."""

from __future__ import annotations

import functools
import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeAlias, TypeVar

import typer

from .i18n.translate import tr
from .output.console import set_quiet
from .output.format import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

_PANEL = tr("Connection")


class CliOptions(NamedTuple):
    """What the options of a command say about the connection. None means that an option is not given."""

    base_url: str | None = None
    project_id: str | None = None
    profile: str | None = None
    token_file: str | None = None
    token_keyring: bool = False
    ca_file: Path | None = None
    rate_limit: str | None = None
    call_timeout: str | None = None


def completed_by(name: str) -> Callable[[typer.Context, str], list[Any]]:
    """Return what gives a shell its choices: a function of `completing`, which is imported when a shell asks."""

    def complete(ctx: typer.Context, incomplete: str) -> list[Any]:
        return list(getattr(import_module(".completing", __package__), name)(ctx, incomplete))

    return complete


def _set_quiet(quiet: bool) -> bool:  # noqa: FBT001 - typer calls it so
    if quiet:
        set_quiet()
    return quiet


Quiet: TypeAlias = Annotated[
    bool,
    typer.Option("--quiet", "-q", help=tr("Write only warnings and errors to stderr."), callback=_set_quiet),
]


Output: TypeAlias = Annotated[
    OutputFormat | None,
    typer.Option(
        "--output",
        "-o",
        help=tr(
            "How to write the result; json is what --json writes. In csv a text that a spreadsheet would calculate begins with '."
        ),
    ),
]
Fields: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--fields", metavar="A,B", help=tr("Only these fields, in this order, by the names in --json.")
    ),
]
_OPTIONS = {
    "base_url": (
        str | None,
        typer.Option(
            "--base-url",
            metavar="URL",
            rich_help_panel=_PANEL,
            help=tr("The address of TA, such as http://ta2:8992 (TA_BASE_URL)."),
        ),
    ),
    "project_id": (
        str | None,
        typer.Option(
            "--project-id",
            metavar="N",
            rich_help_panel=_PANEL,
            help=tr("The numeric project id, not the APPID (TA_PROJECT_ID)."),
        ),
    ),
    "profile": (
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            autocompletion=completed_by("profiles"),
            rich_help_panel=_PANEL,
            help=tr("Use the settings of this profile in the configuration file (TA_PROFILE)."),
        ),
    ),
    "token_file": (
        str | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            rich_help_panel=_PANEL,
            help=tr("Read the token from a file, or with - from standard input (TA_TOKEN_FILE, TA_TOKEN)."),
        ),
    ),
    "token_keyring": (
        bool,
        typer.Option(
            "--token-keyring",
            rich_help_panel=_PANEL,
            help=tr("Take the token from the keyring of this machine."),
        ),
    ),
    "ca_file": (
        Path | None,
        typer.Option(
            "--ca-file",
            metavar="FILE",
            rich_help_panel=_PANEL,
            help=tr("The certificate of a private CA as a PEM file (TA_CA_FILE)."),
        ),
    ),
    "rate_limit": (
        str | None,
        typer.Option(
            "--rate-limit",
            metavar="N",
            rich_help_panel=_PANEL,
            help=tr("The most requests a second (TA_RATE_LIMIT)."),
        ),
    ),
    "call_timeout": (
        str | None,
        typer.Option(
            "--call-timeout",
            metavar="TIME",
            rich_help_panel=_PANEL,
            help=tr(
                "The time for one call with its retries, such as 10 or 2m; uploads have their own (TA_TIMEOUT)."
            ),
        ),
    ),
}


def connected(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options for the connection, which it takes as one `options: CliOptions`."""

    @functools.wraps(command)
    def with_options(**arguments: object) -> R:
        options = {name: arguments.pop(name) for name in _OPTIONS}
        return command(**arguments, options=CliOptions(**options))  # type: ignore[arg-type]

    kind = inspect.Parameter.KEYWORD_ONLY
    kept = [
        parameter.replace(kind=kind)
        for name, parameter in inspect.signature(command, eval_str=True).parameters.items()
        if name != "options"
    ]
    added = [
        inspect.Parameter(
            name,
            kind,
            default=CliOptions._field_defaults[name],
            annotation=Annotated[annotation, option],
        )
        for name, (annotation, option) in _OPTIONS.items()
    ]
    parameters = [*kept, *added]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options
