"""Profiles: sets of settings with a name, in a TOML file of the platform's folder for configuration."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from ...errors import ConfigurationError
from ..i18n.translate import tr

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT = "default"
"""The profile that is used when none is named and the file has one of this name."""

_KINDS: dict[str, tuple[type, ...]] = {
    "base_url": (str,),
    "project_id": (int,),
    "token_file": (str,),
    "token_keyring": (bool,),
    "ca_file": (str,),
    "verify": (bool,),
    "journal": (str,),
    "timezone": (str,),
    "rate_limit": (int, float),
    "max_connections": (int,),
    "strict_names": (bool,),
    "poll_first": (int, float),
    "poll_longest": (int, float),
    "poll_settle": (int, float),
    "poll_grace": (int, float),
    "poll_stall": (int, float),
}
_PATHS = ("token_file", "ca_file", "journal")


@frozen(kw_only=True)
class Profile:
    """Settings of a profile by their keys. Paths in it are absolute.

    Attributes:
        name: Its name; "" when there is none.
        path: The file that it is in.
        values: The settings that it has.
    """

    name: str = ""
    path: Path
    values: Mapping[str, object] = field(factory=dict, repr=False)


def config_file() -> Path:
    """Where the profiles are: `ta-cluster/config.toml` in the platform's folder for configuration."""
    try:
        import platformdirs  # noqa: PLC0415 - only an extra has it
    except ImportError:
        found = None
    else:
        found = platformdirs.user_config_path("ta-cluster", appauthor=False) / "config.toml"
    if found is None:
        raise ConfigurationError(tr('Profiles need an extra: python -m pip install "ta-cluster-async[cli]"'))
    return found


def read_profile(name: str | None) -> Profile:
    """Return the profile of this name, or with None the one called `default`, or else one without settings.

    Raises:
        ConfigurationError: There is no such profile, or the file cannot be used.
    """
    path = config_file()
    profiles = _read(path)
    if name is None:
        return _checked(DEFAULT, profiles, path) if DEFAULT in profiles else Profile(path=path)
    if name in profiles:
        return _checked(name, profiles, path)
    known = ", ".join(sorted(profiles))
    raise ConfigurationError(
        tr("The file {path} has no profile {name!r}. It has: {known}.", path=path, name=name, known=known)
        if known
        else tr(
            "There is no profile {name!r}: write its settings below a line [{name}] into the file {path}.",
            name=name,
            path=path,
        )
    )


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    except ValueError as problem:  # TOMLDecodeError and UnicodeDecodeError are
        reason = str(problem)
    raise ConfigurationError(tr("The file {path} cannot be read: {reason}.", path=path, reason=reason))


def _checked(name: str, profiles: Mapping[str, object], path: Path) -> Profile:
    given = profiles[name]
    wrong: Callable[[str], ConfigurationError] = lambda what: ConfigurationError(  # noqa: E731
        tr("The profile {name!r} in the file {path} cannot be used: {what}", name=name, path=path, what=what)
    )
    if not isinstance(given, Mapping):
        raise wrong(tr("its settings have to stand below a line [{name}].", name=name))
    if "token" in given:
        raise wrong(
            tr(
                "the token does not belong into this file, which is copied and shown too easily. Put it into a file of its own and "
                "name that with token_file, or into the keyring with token_keyring = true."
            )
        )
    values: dict[str, object] = {}
    for key, value in given.items():
        kinds = _KINDS.get(key)
        if kinds is None:
            raise wrong(tr("it does not know {key!r}. It knows {known}.", key=key, known=", ".join(_KINDS)))
        if type(value) not in kinds:
            raise wrong(tr("{key} has to be of the type {kind}.", key=key, kind=kinds[0].__name__))
        values[key] = str(path.parent / Path(str(value)).expanduser()) if key in _PATHS else value
    return Profile(name=name, path=path, values=values)
