"""How a command reaches its project."""

from __future__ import annotations

import warnings
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from attrs import evolve

from ..errors import ConfigurationError, InvalidRequest
from ..session import TaSession
from .config.settings import Settings, find_settings
from .i18n.translate import tr
from .output.console import print_warning
from .output.json_lines import without_credentials
from .output.logs import logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..protocol.refresh import PollPolicy
    from ..resources import Project
    from .options import CliOptions

_NAME = "name:"
_MOST_DIGITS = 19
_WATCHED = 2.0
"""Seconds between polls at most while a person watches."""


@asynccontextmanager
async def open_project(options: CliOptions | Settings) -> AsyncIterator[Project]:
    """Open a session and yield the project to work on.

    Raises:
        ConfigurationError: A setting is missing or cannot be right.
    """
    settings = options if isinstance(options, Settings) else find_settings(options)
    missing = settings.missing()
    if missing or settings.base_url is None or settings.read_token is None or settings.project_id is None:
        raise ConfigurationError(
            tr(
                "Set {names} in the environment or in a profile, or use --base-url, --project-id and --token-file. The token itself is "
                "not taken from the command line. `ta-cluster doctor` shows what was found and where.",
                names=listed(missing),
            )
        )
    sources = settings.sources
    logger.info(
        "%s",
        tr(
            "Uses {address} ({first}), project {id} ({second}) and the token ({third}).",
            address=without_credentials(settings.base_url),
            first=sources["base_url"],
            id=settings.project_id,
            second=sources["project_id"],
            third=sources["token"],
        ),
    )
    async with make_session(settings) as ta:
        yield ta.project(settings.project_id)


def make_session(settings: Settings) -> TaSession:
    """Return a session with these settings, which have an address and a token. Warnings about them are printed.

    Raises:
        ConfigurationError: One of them cannot be right.
    """
    assert settings.base_url is not None
    assert settings.read_token is not None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        token = settings.read_token()
        session = TaSession(settings.base_url, token, **settings.session_settings())
    for warning in caught:
        print_warning(str(warning.message))
    return session


def for_a_person(project: Project) -> PollPolicy:
    """Return the session's policy with polls as often as a person who watches likes them."""
    policy = project.session.poll
    return evolve(policy, longest=min(policy.longest, _WATCHED))


def ref_of(text: str) -> int | str:
    """Return the ref that the user wrote: digits are an id, `name:` begins a name of any kind, and everything else is a name.

    Raises:
        InvalidRequest: It has more digits than any id.
    """
    if text.startswith(_NAME):
        return text.removeprefix(_NAME)
    if not (text.isascii() and text.isdecimal()):
        return text
    if len(text) > _MOST_DIGITS:
        raise InvalidRequest(
            tr(
                "A number of {digits} digits is no id. A name of digits is written as name:DIGITS.",
                digits=len(text),
            )
        )
    return int(text)


def listed(names: list[str]) -> str:
    """Return names as a sentence lists them."""
    *others, last = names
    if not others:
        return last
    first, *more = others
    for name in more:
        first = tr("{first}, {next}", first=first, next=name)
    return tr("{first} and {last}", first=first, last=last)
