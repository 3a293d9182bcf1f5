"""Profiles, which are sets of settings with a name in a TOML file, and the places from which a token is read."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
import tomllib
import warnings
from collections.abc import Mapping
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import field, frozen

from ..errors import ConfigurationError, TaWarning
from ..messages import Message
from ..models.members import MemberQuery
from ..protocol.answer_limits import DEEPEST, SHORT, AnswerLimits
from ..protocol.refresh import PollPolicy
from .secret import Secret

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Callable

DEFAULT = "default"
"""The profile that is used when none is named and the file has one of this name."""

KEYRING_SERVICE = "ta-cluster"
"""What the keyring files tokens under; the user name there is the base URL."""

TOKEN = "TA_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE = "TA_TOKEN_FILE"  # noqa: S105 - the name of a variable
LONGEST_TOKEN = 8192
PIPE_SECONDS = 10.0
"""How long a token may take to come from a pipe."""


class _Kind(NamedTuple):
    expected: Message
    types: tuple[type, ...]
    least: float = -inf
    most: float = inf


_STRING = _Kind(Message("json-string"), (str,))
_INTEGER = _Kind(Message("json-integer"), (int,))
_STRINGS = _Kind(Message("json-array"), (list,))
_BOOLEAN = _Kind(Message("json-boolean"), (bool,))
_NUMBER = _Kind(Message("json-number"), (int, float))
_SECONDS = _Kind(Message("json-finite-number"), (int, float), 0, sys.float_info.max)
_BYTES = _Kind(Message("integer-at-least", least=SHORT), (int,), SHORT)
_TIMES = _Kind(Message("integer-at-least", least=1), (int,), 1)
_LEVELS = _Kind(Message("integer-between", least=1, most=DEEPEST), (int,), 1, DEEPEST)
_KINDS: dict[str, _Kind] = {
    "base_url": _STRING,
    "project_id": _INTEGER,
    "token_file": _STRING,
    "token_keyring": _BOOLEAN,
    "ca_file": _STRING,
    "verify": _BOOLEAN,
    "journal": _STRING,
    "timezone": _STRING,
    "timeout": _NUMBER,
    "rate_limit": _NUMBER,
    "max_connections": _INTEGER,
    "max_uploads": _INTEGER,
    "upload_buffer": _INTEGER,
    "strict_names": _BOOLEAN,
    "poll_first": _SECONDS,
    "poll_longest": _SECONDS,
    "poll_settle": _SECONDS,
    "poll_grace": _SECONDS,
    "poll_stall": _SECONDS,
    "answer_number": _BYTES,
    "answer_detail": _BYTES,
    "answer_rows": _BYTES,
    "answer_ratio": _TIMES,
    "answer_depth": _LEVELS,
    "members_route": _STRING,
    "members_sql_in": _STRING,
    "members_sql_parameter": _STRING,
    "members_timeout_parameter": _STRING,
    "members_result_method": _STRING,
    "members_first_page": _INTEGER,
    "members_page_size": _INTEGER,
    "members_table_prefix": _STRING,
    "members_result_table": _STRING,
    "members_user_table": _STRING,
    "members_id_column": _STRING,
    "members_name_column": _STRING,
    "members_value_columns": _STRINGS,
    "members_count_rows": _BOOLEAN,
}
_PATHS = ("token_file", "ca_file", "journal")
_POLL = "poll_"
_ANSWER = "answer_"
_MEMBERS = "members_"


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
    values: Mapping[str, Any] = field(factory=dict, repr=False)

    def session_settings(self, ca_file: str | None = None) -> dict[str, Any]:
        """Return the settings of a session by their names; `ca_file` comes before what the profile says of TLS."""
        ssl: ssl_module.SSLContext | str | bool = (
            ca_file or self.values.get("ca_file") or self.values.get("verify", True)
        )
        names = ("timeout", "rate_limit", "max_connections", "max_uploads", "upload_buffer", "strict_names")
        found = {name: self.values[name] for name in names if name in self.values}
        found |= {
            "poll": PollPolicy(**self._with_prefix(_POLL)),
            "answer_limits": AnswerLimits(**self._with_prefix(_ANSWER)),
            "members": MemberQuery(**self._with_prefix(_MEMBERS)),
        }
        return {"ssl": ssl, **found}

    def _with_prefix(self, prefix: str) -> dict[str, Any]:
        return {
            key.removeprefix(prefix): value for key, value in self.values.items() if key.startswith(prefix)
        }


def config_file() -> Path:
    """Return where the profiles are: `ta-cluster/config.toml` in the platform's folder for configuration.

    Raises:
        ConfigurationError: The extra that finds this folder is not installed.
    """
    try:
        import platformdirs  # noqa: PLC0415 - only an extra has it
    except ImportError:
        found = None
    else:
        found = platformdirs.user_config_path("ta-cluster", appauthor=False) / "config.toml"
    if found is None:
        raise ConfigurationError(Message("profile-extra-missing"))
    return found


def profile_names() -> list[str]:
    """Return the names of all profiles.

    Raises:
        ConfigurationError: The file cannot be used.
    """
    return sorted(_read(config_file()))


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
    if profiles:
        known = ", ".join(sorted(profiles))
        raise ConfigurationError(Message("profile-unknown", path=str(path), name=name, known=known))
    raise ConfigurationError(Message("profile-file-empty", path=str(path), name=name))


def token_from_file(path: str) -> Secret:
    """Return the token in a file, or in a pipe whose writer comes soon. Warns where other users of the machine may read a file.

    Raises:
        ConfigurationError: It cannot be read, or contains no token, or more than one.
    """
    try:
        if stat.S_ISFIFO(Path(path).expanduser().stat().st_mode):
            return checked_token(_from_pipe(path).decode(), Message("token-file", path=path))
        with Path(path).expanduser().open(encoding="utf-8") as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                warnings.warn(TaWarning(Message("token-file-open-to-others", path=path)), stacklevel=3)
            return checked_token(file.read(LONGEST_TOKEN + 1), Message("token-file", path=path))
    except OSError as problem:
        reason: str | Message = problem.strerror or type(problem).__name__
    except UnicodeDecodeError:
        reason = Message("not-utf-8")
    raise ConfigurationError(Message("token-file-unreadable", path=path, reason=reason))


def _from_pipe(path: str) -> bytes:
    """Return what is written to a pipe until it is closed, or is too long for a token. Raises ConfigurationError where nobody does."""
    text = b""
    ends_at = time.monotonic() + PIPE_SECONDS
    # Opened so that neither this nor a read waits for a writer.
    pipe = os.open(Path(path).expanduser(), os.O_RDONLY | os.O_NONBLOCK)
    try:
        waiting = select.poll()
        waiting.register(pipe, select.POLLIN)
        while len(text) <= LONGEST_TOKEN and waiting.poll(max(ends_at - time.monotonic(), 0) * 1000):
            part = os.read(pipe, LONGEST_TOKEN)
            text += part
            if not part:
                return text
    finally:
        os.close(pipe)
    if len(text) > LONGEST_TOKEN:
        return text
    reason = Message("pipe-silent", seconds=PIPE_SECONDS)
    raise ConfigurationError(Message("token-file-unreadable", path=path, reason=reason))


def token_from_keyring(base_url: str) -> Secret:
    """Return the token that the keyring has for a base URL.

    Raises:
        ConfigurationError: There is no keyring, or nothing in it for that URL.
    """
    try:
        import keyring  # noqa: PLC0415 - only an extra has it
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(Message("keyring-extra-missing")) from None
    user = base_url.rstrip("/")
    try:
        found = keyring.get_password(KEYRING_SERVICE, user)
    except KeyringError as problem:
        reason = str(problem) or type(problem).__name__
    else:
        if found:
            return checked_token(found, Message("token-in-keyring"))
        raise ConfigurationError(Message("keyring-without-token", service=KEYRING_SERVICE, user=user))
    raise ConfigurationError(Message("keyring-unreadable", reason=reason))


def checked_token(text: str, place: Message) -> Secret:
    """Return the token that a file or a line contains. Raises ConfigurationError where it is empty, or too long for a token."""
    if len(text) > LONGEST_TOKEN:
        raise ConfigurationError(Message("token-too-long", place=place, limit=LONGEST_TOKEN))
    token = text.strip("\r\n \t")
    text = ""
    if not token:
        raise ConfigurationError(Message("place-without-token", place=place))
    return Secret(token)


class TokenPlace(NamedTuple):
    """A place that has a token.

    Attributes:
        variable: The environment variable that says so; "" for the profile.
        read: Reads the token.
    """

    variable: str
    read: Callable[[], Secret]


def find_token(
    profile: Profile,
    base_url: str | None,
    *,
    profile_first: bool,
    from_file: Callable[[str], Secret] = token_from_file,
) -> TokenPlace | None:
    """Return the first place that has a token, or None.

    In the profile this is its token file or the keyring, in the environment `TA_TOKEN` or the file that `TA_TOKEN_FILE` names.
    """
    in_profile = [
        ("", from_file, profile.values.get("token_file")),
        ("", token_from_keyring, base_url if profile.values.get("token_keyring") else None),
    ]
    in_environment = [
        (TOKEN, Secret, os.environ.get(TOKEN)),
        (TOKEN_FILE, from_file, os.environ.get(TOKEN_FILE)),
    ]
    places = [*in_profile, *in_environment] if profile_first else [*in_environment, *in_profile]
    for variable, read, value in places:
        if value:
            return TokenPlace(variable, partial(read, value))
    return None


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    except ValueError as problem:  # TOMLDecodeError and UnicodeDecodeError are
        reason = str(problem)
    raise ConfigurationError(Message("file-unreadable", path=str(path), reason=reason))


def _checked(name: str, profiles: Mapping[str, object], path: Path) -> Profile:
    given = profiles[name]
    problem: Message | None = None
    if not isinstance(given, Mapping):
        problem = Message("profile-without-table", name=name)
    elif "token" in given:
        problem = Message("profile-with-token")
    else:
        problem = next(filter(None, (_problem(key, value) for key, value in given.items())), None)
    if problem is not None:
        raise ConfigurationError(Message("profile-unusable", name=name, path=str(path), problem=problem))
    assert isinstance(given, Mapping)
    values = {
        key: str(path.parent / Path(value).expanduser()) if key in _PATHS else value
        for key, value in given.items()
    }
    return Profile(name=name, path=path, values=values)


def _problem(key: str, value: object) -> Message | None:
    kind = _KINDS.get(key)
    if kind is None:
        return Message("profile-key-unknown", key=key, known=", ".join(_KINDS))
    if type(value) not in kind.types or (
        isinstance(value, int | float) and not kind.least <= value <= kind.most
    ):
        return Message("profile-value", key=key, expected=kind.expected)
    return None
