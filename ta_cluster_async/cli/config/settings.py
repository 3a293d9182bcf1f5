"""The settings of a command: from its options, the environment, or a profile."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import typer
from attrs import field, frozen

from ...client.profiles import TOKEN, Profile, find_token, read_profile, token_from_keyring
from ...client.secret import Secret
from ...errors import ConfigurationError
from ..durations import seconds_of
from ..i18n.translate import tr
from . import token as token_

if TYPE_CHECKING:
    from ..options import CliOptions

ENVIRONMENT = {
    "base_url": "TA_BASE_URL",
    "project_id": "TA_PROJECT_ID",
    "ca_file": "TA_CA_FILE",
    "journal": "TA_JOURNAL",
    "timezone": "TA_TIMEZONE",
    "rate_limit": "TA_RATE_LIMIT",
    "timeout": "TA_TIMEOUT",
}

_MOST_DIGITS = 19


@frozen(kw_only=True)
class Settings:
    """What was found, and where.

    Attributes:
        base_url: The address of TA; None when no place has it.
        project_id: The project; None when no place has it.
        ca_file: The certificate file of a private CA.
        journal: The journal file.
        timezone: The server's time zone; None for this machine's.
        rate_limit: The most requests a second; None for no limit.
        timeout: Seconds for one call; None for the session's default.
        profile: The profile, which may be one without settings.
        sources: For each setting that was found, what a person calls the place.
        read_token: Reads the token, which may ask for it; None when no place has it.
    """

    base_url: str | None
    project_id: int | None
    ca_file: str | None
    journal: str | None
    timezone: str | None
    rate_limit: float | None
    timeout: float | None
    profile: Profile
    sources: Mapping[str, str]
    read_token: Callable[[], Secret] | None = field(repr=False)

    def session_settings(self) -> dict[str, Any]:
        """Return the settings of a session by their names: those of the profile, and what comes before them."""
        given = {"rate_limit": self.rate_limit, "timeout": self.timeout}
        found = {name: value for name, value in given.items() if value is not None}
        return {**self.profile.session_settings(self.ca_file), **found}

    def missing(self) -> list[str]:
        """Return what no place has, by the names of the environment variables."""
        found = {
            "TA_BASE_URL": self.base_url,
            TOKEN: self.read_token,
            "TA_PROJECT_ID": self.project_id,
        }
        return [name for name, value in found.items() if value is None]


def find_settings(options: CliOptions) -> Settings:
    """Find the settings: first in the options, then in the environment, then in the profile.

    A profile that is named by an option comes before the environment: `--profile prod` means that profile and no part of another.

    Raises:
        ConfigurationError: One of them cannot be right.
    """
    named = options.profile is not None
    profile = read_profile(options.profile if named else os.environ.get("TA_PROFILE") or None)
    sources: dict[str, str] = {}

    def look_up(key: str, option: object, *, text: str) -> object:
        places = [(os.environ.get(ENVIRONMENT[key]) or None, ENVIRONMENT[key])]
        places.insert(0 if named else 1, (profile.values.get(key), _place(profile)))
        for value, place in [(option, text), *places]:
            if value is not None:
                sources[key] = place
                return value
        return None

    base_url = look_up("base_url", options.base_url, text="--base-url")
    project_id = project_id_of(look_up("project_id", options.project_id, text="--project-id"), sources)
    ca_file = look_up("ca_file", options.ca_file, text="--ca-file")
    journal = look_up("journal", None, text="--journal")
    timezone = look_up("timezone", None, text="")
    rate_limit = rate_of(look_up("rate_limit", options.rate_limit, text="--rate-limit"), sources)
    timeout = call_seconds_of(look_up("timeout", options.call_timeout, text="--call-timeout"), sources)
    return Settings(
        base_url=_text(base_url),
        project_id=project_id,
        ca_file=_text(ca_file),
        journal=_text(journal),
        timezone=_text(timezone),
        rate_limit=rate_limit,
        timeout=timeout,
        profile=profile,
        sources=sources,
        read_token=_token(options, profile, _text(base_url), sources, profile_first=named),
    )


def _token(
    options: CliOptions,
    profile: Profile,
    base_url: str | None,
    sources: dict[str, str],
    *,
    profile_first: bool,
) -> Callable[[], Secret] | None:
    if options.token_file is not None and options.token_keyring:
        raise ConfigurationError(tr("Use either --token-file or --token-keyring."))
    read: Callable[[], Secret] | None = None
    if options.token_file:
        sources["token"], read = "--token-file", partial(token_.from_file, options.token_file)
    elif options.token_keyring and base_url:
        sources["token"], read = "--token-keyring", partial(token_from_keyring, base_url)
    elif found := find_token(profile, base_url, profile_first=profile_first, from_file=token_.from_file):
        sources["token"], read = found.variable or _place(profile), found.read
    return None if read is None else partial(token_.remembered, read)


def _place(profile: Profile) -> str:
    return tr("the profile {name}", name=profile.name)


def project_id_of(value: object, sources: Mapping[str, str]) -> int | None:
    """Return a project id as a number. Raises ConfigurationError, which names its place, where it is none."""
    if value is None:
        return None
    text = str(value).strip()
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0
    if number < 1:
        raise ConfigurationError(
            tr(
                "The project id ({place}) must be a whole number above 0, not {value!r}. It is the numeric id, not the APPID.",
                place=sources["project_id"],
                value=value,
            )
        )
    return number


def rate_of(value: object, sources: Mapping[str, str]) -> float | None:
    """Return the most requests a second, from whichever place has them; `sources` has what a person calls that place."""
    if value is None:
        return None
    try:
        rate = float(str(value))
    except ValueError:
        rate = 0.0
    if not 0 < rate < inf:
        raise ConfigurationError(
            tr(
                "The rate limit ({place}) must be a number above 0, not {value!r}.",
                place=sources["rate_limit"],
                value=value,
            )
        )
    return rate


def call_seconds_of(value: object, sources: Mapping[str, str]) -> float | None:
    """Return the seconds for one call, from whichever place has a duration for it; `sources` has what a person calls that place."""
    if value is None:
        return None
    try:
        return seconds_of(str(value))
    except typer.BadParameter:
        raise ConfigurationError(
            tr(
                "The time for a call ({place}) must be a duration such as 10, 90s or 2m, not {value!r}.",
                place=sources["timeout"],
                value=value,
            )
        ) from None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
