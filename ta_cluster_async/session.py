"""The session: the client of one TA deployment, and the way to its projects."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

from .client.api import ApiClient
from .client.secret import Secret
from .errors import ConfigurationError
from .messages import Message
from .resources import Project

if TYPE_CHECKING:
    import ssl as ssl_module

    import aiohttp

    from .client.profiles import Profile
    from .client.transport import Transport
    from .models.members import MemberQuery
    from .protocol.answer_limits import AnswerLimits
    from .protocol.refresh import PollPolicy
    from .protocol.retry import RetryPolicy


_PROJECT_ID = "TA_PROJECT_ID"
_MOST_DIGITS = 19


class SessionSettings(TypedDict, total=False):
    """The settings of a `TaSession` by name, as its constructor documents them."""

    timeout: float
    upload_timeout: float
    retry: RetryPolicy | None
    poll: PollPolicy | None
    max_connections: int
    max_uploads: int
    upload_buffer: int
    answer_limits: AnswerLimits | None
    rate_limit: float | None
    ssl: ssl_module.SSLContext | str | os.PathLike[str] | bool
    client_session: aiohttp.ClientSession | None
    strict_names: bool
    members: MemberQuery | None
    transport: Transport | None


class TaSession(ApiClient):
    """A connection to one TA deployment, to be opened by `async with`, or by `await ta.aopen()` in a notebook, in the event loop that uses it.

    Redirects are not followed, because the token would travel along. The proxy settings of the environment are not read; lend an
    `aiohttp.ClientSession(trust_env=True)` as `client_session` where a proxy is needed. `http://` to a public host warns once.

    Args:
        base_url: `http://ta2:8992`, with any port and any path prefix (`https://host/te/`).
        token: The Open API token: a str, a `Secret`, or an async function that returns either.
        timeout: Seconds for one call when the call itself says nothing, retries and waiting for a place included.
        upload_timeout: The same for uploads.
        retry: How failed requests are sent again; `RetryPolicy(attempts=1)` for never.
        poll: How refreshes are watched where the call itself says nothing.
        max_connections: The most requests in flight at a time.
        max_uploads: The most uploads at a time, and never more than half of `max_connections`, so that uploads that take long leave places for
            other calls. The others wait, with their source unopened.
        upload_buffer: Bytes up to which an upload of unknown length (an iterable) is read before it is sent, so that it goes out with its
            length and not in chunks; 0 for never.
        answer_limits: How large an answer may be; `AnswerLimits()` when None.
        rate_limit: The most requests a second, or None for no limit.
        ssl: A certificate file (PEM) of a private CA, an `ssl.SSLContext`, or False to check no certificate at all.
        client_session: A borrowed `aiohttp.ClientSession` whose connection pool and default headers are used. It is never closed here.
            Its traces, middlewares and cookies do not see the requests, because they would see the token.
        strict_names: Check names and lengths by the specification's rules before sending. False for servers with other rules.
        members: How members are read where the call itself says nothing.
        transport: In place of the network, for simulations.

    Raises:
        ConfigurationError: A setting cannot be right. The message shows neither the base URL nor the token.

    Attributes:
        project_id: The project of `project()` without an argument: from `TA_PROJECT_ID` or a profile, or None.
    """

    project_id: int | None = None

    @classmethod
    def from_env(cls, **settings: Unpack[SessionSettings]) -> Self:
        """Return a session from the environment variables `TA_BASE_URL` and `TA_TOKEN`, with the settings of the class.

        Where `TA_PROJECT_ID` is set too, `project()` needs no argument.

        Raises:
            ConfigurationError: One of them is missing or cannot be right.
        """
        missing = [name for name in ("TA_BASE_URL", "TA_TOKEN") if not os.environ.get(name)]
        if missing:
            raise ConfigurationError(Message("environment-incomplete", names=" and ".join(missing)))
        project_id = _project_id(os.environ.get(_PROJECT_ID), _PROJECT_ID)
        session = cls(os.environ["TA_BASE_URL"], Secret(os.environ["TA_TOKEN"]), **settings)
        session.project_id = project_id
        return session

    @classmethod
    def from_profile(cls, name: str | None = None, **settings: Unpack[SessionSettings]) -> Self:
        """Return a session by a profile of the configuration file that the command uses (`ta-cluster doctor` names it).

        It takes from the profile `base_url`, `project_id` for `project()` without an argument, the token by `token_file` or
        `token_keyring`, `ca_file` or `verify`, `timeout`,
        `rate_limit`, `max_connections`, `max_uploads`, `upload_buffer`, `strict_names`, `poll_first`, `poll_longest`, `poll_settle`, `poll_grace` and
        `poll_stall` for `poll=`, `answer_number`, `answer_detail`, `answer_rows`, `answer_ratio` and `answer_depth` for `answer_limits=`,
        and the fields of `MemberQuery` as `members_...`. The variables `TA_BASE_URL`, `TA_PROJECT_ID`, `TA_CA_FILE`, `TA_TOKEN` and
        `TA_TOKEN_FILE` fill in what a profile lacks that is named here, and come before one that is not, as in the command. The file is
        found by `platformdirs`, which the extra `cli` has.

        Args:
            name: The profile; with None the one that `TA_PROFILE` names, or `default` where there is one.
            settings: Settings of the class, which come before those of the profile.

        Raises:
            ConfigurationError: There is no such profile, something is lacking, or something cannot be right.
        """
        from .client.profiles import find_token, read_profile  # noqa: PLC0415 - most programs have no profile

        profile = read_profile(name or os.environ.get("TA_PROFILE") or None)

        def look_up(key: str, variable: str) -> tuple[str | int | None, str]:
            places = [(profile.values.get(key), key), (os.environ.get(variable) or None, variable)]
            found = places if name else reversed(places)
            return next((place for place in found if place[0] is not None), (None, key))

        base_url, _ = look_up("base_url", "TA_BASE_URL")
        ca_file, _ = look_up("ca_file", "TA_CA_FILE")
        project_id = _project_id(*look_up("project_id", _PROJECT_ID))
        if not base_url:
            raise _lacking(profile, "profile-without-base-url", "TA_BASE_URL")
        token = find_token(profile, str(base_url), profile_first=bool(name))
        if token is None:
            raise _lacking(profile, "profile-without-token", "TA_TOKEN")
        of_profile = profile.session_settings(None if ca_file is None else str(ca_file))
        session = cls(str(base_url), token.read(), **{**of_profile, **settings})
        session.project_id = project_id
        return session

    def project(self, project_id: int | None = None) -> Project:
        """Return the project with this numeric id, or the session's own: a cheap handle, nothing is sent.

        Raises:
            InvalidRequest: `project_id` is not a positive int. (The APPID is not the project id.)
            ConfigurationError: No id is given, and the session has none.
        """
        if project_id is None:
            project_id = self.project_id
        if project_id is None:
            raise ConfigurationError(Message("project-unknown"))
        return Project(self, project_id)


def _lacking(profile: Profile, code: str, variable: str) -> ConfigurationError:
    """Return the error for what a profile lacks, or the environment where there is no profile."""
    path = str(profile.path)
    if profile.name:
        return ConfigurationError(Message(code, name=profile.name, path=path))
    return ConfigurationError(Message("profile-nor-variable", path=path, variable=variable))


def _project_id(value: str | int | None, place: str) -> int | None:
    """Return a project id of a profile or of the environment as a number. Raises ConfigurationError where it is none."""
    if value is None or value == "":
        return None
    text = str(value).strip()
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else 0
    if number < 1:
        raise ConfigurationError(Message("project-id-unusable", place=place))
    return number
