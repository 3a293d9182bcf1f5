"""How a command reaches its project."""

from __future__ import annotations

import functools
import inspect
import warnings
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeAlias, TypeVar

import typer
from attrs import evolve

from ..errors import ConfigurationError
from .config.settings import Given, Settings, find_settings
from .i18n.translate import tr
from .output import console
from .output.console import print_warning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ..protocol.refresh import PollPolicy
    from ..resources import Project
    from ..session import TaSession

P = ParamSpec("P")
R = TypeVar("R")

_PANEL = tr("Connection")
_FOR_A_PERSON = 2.0


def _hush(quiet: bool) -> bool:  # noqa: FBT001 - typer calls it so
    if quiet:
        console.set_quiet()
    return quiet


Quiet: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help=tr("Write nothing to stderr but warnings and errors."), callback=_hush
    ),
]
_OPTIONS = {
    "base_url": (
        str | None,
        typer.Option(
            "--base-url",
            metavar="URL",
            rich_help_panel=_PANEL,
            help=tr("Where TA is, such as http://ta2:8992 (TA_BASE_URL)."),
        ),
    ),
    "project_id": (
        int | None,
        typer.Option(
            "--project-id",
            min=1,
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
            rich_help_panel=_PANEL,
            help=tr("Take the settings from this profile of the configuration file (TA_PROFILE)."),
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
}


def connected(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command that takes `given: Given` the options for the connection in its place."""

    @functools.wraps(command)
    def with_options(**arguments: object) -> R:
        options = {name: arguments.pop(name) for name in _OPTIONS}
        return command(**arguments, given=Given(**options))  # type: ignore[arg-type]

    kind = inspect.Parameter.KEYWORD_ONLY
    kept = [
        parameter.replace(kind=kind)
        for name, parameter in inspect.signature(command, eval_str=True).parameters.items()
        if name != "given"
    ]
    added = [
        inspect.Parameter(
            name,
            kind,
            default=False if annotation is bool else None,
            annotation=Annotated[annotation, option],
        )
        for name, (annotation, option) in _OPTIONS.items()
    ]
    parameters = [*kept, *added]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


@asynccontextmanager
async def open_project(given: Given | Settings) -> AsyncIterator[Project]:
    """The project to work on.

    Raises:
        ConfigurationError: A setting is missing or cannot be right.
    """
    settings = given if isinstance(given, Settings) else find_settings(given)
    missing = settings.missing()
    if missing or settings.base_url is None or settings.read_token is None or settings.project_id is None:
        raise ConfigurationError(
            tr(
                "Set {names} in the environment. A profile does as well, and so do --base-url, --project-id and --token-file; the token "
                "itself is not taken from the command line. `ta-cluster doctor` says what was found and where.",
                names=listed(missing),
            )
        )
    async with make_session(settings) as ta:
        yield ta.project(settings.project_id)


def make_session(settings: Settings) -> TaSession:
    """A session with these settings, which have an address and a token. Warnings about them become sentences.

    Raises:
        ConfigurationError: One of them cannot be right.
    """
    from ..session import TaSession  # noqa: PLC0415 - `--help` does without

    assert settings.base_url is not None
    assert settings.read_token is not None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        token = settings.read_token()
        session = TaSession(settings.base_url, token, **settings.profile.session_settings(settings.ca_file))
    for warning in caught:
        print_warning(str(warning.message))
    return session


def for_a_person(project: Project) -> PollPolicy:
    """The session's policy with looks as often as one likes them who watches.

    Of a refresh that takes long, the later looks are further apart all the same.
    """
    policy = project.session.poll
    return evolve(policy, longest=min(policy.longest, _FOR_A_PERSON))


def ref_of(text: str) -> int | str:
    """What the user wrote as a ref: digits are an id, everything else is a name."""
    return int(text) if text.isascii() and text.isdecimal() else text


def listed(names: list[str]) -> str:
    """Names as a sentence lists them."""
    *others, last = names
    if not others:
        return last
    first, *more = others
    for name in more:
        first = tr("{first}, {next}", first=first, next=name)
    return tr("{first} and {last}", first=first, last=last)
