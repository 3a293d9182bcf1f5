"""Asks for what a profile needs, checks it against the server, keeps the token, and writes the profile."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...client.profiles import (
    DEFAULT,
    KEYRING_SERVICE,
    Profile,
    checked_token,
    config_file,
    profile_names,
    read_profile,
)
from ...errors import ConfigurationError, InvalidRequest
from ...messages import Message
from ..config import token as token_
from ..config.settings import Settings, call_seconds_of, project_id_of, rate_of
from ..connection import make_session
from ..exit_codes import Exit
from ..i18n.translate import tr
from ..output.console import ask, print_message, typed_secret
from ..output.files import write_file
from ..running import interruptible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...client.secret import Secret
    from ..options import CliOptions

_NAME = re.compile(r"[A-Za-z0-9_-]+")


async def login(options: CliOptions, *, no_keyring: bool) -> Exit:
    """Make a profile. Nothing is written before the server has taken the token."""
    name = options.profile or DEFAULT
    if not _NAME.fullmatch(name):
        raise InvalidRequest(tr("The name of a profile has only letters, digits, _ and -."))
    path = config_file()
    old = read_profile(name) if name in profile_names() else None
    if options.token_keyring:
        raise InvalidRequest(tr("--token-keyring reads a token that is kept already: leave it out."))
    base_url = (options.base_url or _asked(tr("Address of TA, such as http://ta2:8992: "))).strip()
    project_id = project_id_of(
        options.project_id or _asked(tr("Project id, a number: ")), {"project_id": "--project-id"}
    )
    assert project_id is not None
    ca_file = None if options.ca_file is None else str(options.ca_file.expanduser().absolute())
    rate_limit = rate_of(options.rate_limit, {"rate_limit": "--rate-limit"})
    timeout = call_seconds_of(options.call_timeout, {"timeout": "--call-timeout"})
    _check_old(old, base_url, project_id, path)
    token = token_.remembered(lambda: _token(options))
    settings = Settings(
        base_url=base_url,
        project_id=project_id,
        ca_file=ca_file,
        journal=None,
        timezone=None,
        rate_limit=rate_limit,
        timeout=timeout,
        profile=old or Profile(path=path),
        sources={},
        read_token=lambda: token,
    )
    async with make_session(settings) as ta:
        async for _ in ta.project(project_id).clusters.list(page_size=1):
            break
        # As the session has checked it.
        base_url = ta.base_url
    try:
        values: dict[str, str | float | None] = {
            "base_url": base_url,
            "project_id": project_id,
            "ca_file": ca_file,
            "rate_limit": rate_limit,
            "timeout": timeout,
        }
        _keep(name, path, old, token, values, no_keyring=no_keyring)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise ConfigurationError(
            tr("The profile cannot be written below {path}: {reason}.", path=path.parent, reason=reason)
        ) from None
    print_message(tr("The server takes the token. The profile {name} is in {path}.", name=name, path=path))
    return Exit.OK


def _asked(question: str) -> str:
    if not sys.stdin.isatty():
        raise InvalidRequest(
            tr(
                "There is no terminal to ask: give --base-url, --project-id and --token-file (- is standard input)."
            )
        )
    with interruptible():
        return ask(question)


def _token(options: CliOptions) -> Secret:
    if options.token_file is not None:
        return token_.from_file(options.token_file)
    if not sys.stdin.isatty():
        _asked("")
    with interruptible():
        return checked_token(typed_secret(tr("Token (it is not shown): ")), Message("typed-token"))


def _check_old(old: Profile | None, base_url: str, project_id: int, path: Path) -> None:
    """Refuse to change a profile but for its token: a person may have written more into it than is known here."""
    if old is None:
        return
    has_place = old.values.get("token_file") or old.values.get("token_keyring")
    found = str(old.values.get("base_url")).rstrip("/"), old.values.get("project_id")
    if not has_place or found != (base_url.rstrip("/"), project_id):
        raise InvalidRequest(
            tr(
                "The profile {name} is there already, and says something else. Choose another with --profile, or change {path}.",
                name=old.name,
                path=path,
            )
        )


def _keep(
    name: str,
    path: Path,
    old: Profile | None,
    token: Secret,
    values: Mapping[str, str | float | None],
    *,
    no_keyring: bool,
) -> None:
    """Keep the token, and write the profile where there is none. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    base_url = str(values["base_url"])
    if old is not None and old.values.get("token_file"):
        _write_token(Path(str(old.values["token_file"])), token)
    elif no_keyring or not _is_in_keyring(base_url, token):
        if old is not None:
            raise InvalidRequest(tr("The profile {name} wants the keyring, which took no token.", name=name))
        file = path.with_name(f"{name}.token")
        _write_token(file, token)
        values = {**values, "token_file": file.name}
    else:
        values = {**values, "token_keyring": True}
    if old is None:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        # A JSON string is one of TOML too.
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
        parts = [before.rstrip("\n"), "\n".join([f"[{name}]", *lines])]
        write_file(path, ("\n\n".join(filter(None, parts)) + "\n").encode())


def _write_token(path: Path, token: Secret) -> None:
    if path.exists():
        path.chmod(0o600)
    write_file(path, f"{token.reveal()}\n".encode())


def _is_in_keyring(base_url: str, token: Secret) -> bool:
    """Put the token into the keyring, and return whether there is one that took it."""
    try:
        import keyring  # noqa: PLC0415 - only an extra has it
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        return False
    try:
        keyring.set_password(KEYRING_SERVICE, base_url, token.reveal())
    except KeyringError as problem:
        print_message(tr("The keyring took no token ({kind}): a file keeps it.", kind=type(problem).__name__))
        return False
    return True
