"""Where the token comes from: a variable, a file, standard input or the keyring, and never the command line."""

from __future__ import annotations

import getpass
import os
import stat
import sys
from pathlib import Path

from ...client.secret import Secret
from ...errors import ConfigurationError
from ..i18n.translate import tr
from ..output.console import print_warning
from ..running import interruptible

SERVICE = "ta-cluster"
"""What the keyring files tokens under; the user name there is the base URL."""

STDIN = "-"
_LONGEST = 8192

read: list[Secret] = []
"""The tokens that this process has read, to be masked should the command itself break."""


def from_file(path: str) -> Secret:
    """Return the token in a file, or with `-` the first line of standard input, which is not echoed on a terminal.

    Raises:
        ConfigurationError: It cannot be read, or holds no token.
    """
    if path == STDIN:
        return _from_stdin()
    try:
        with Path(path).expanduser().open(encoding="utf-8") as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                print_warning(
                    tr(
                        "Other users of this machine may read or change the token file {path}. To close it: chmod 600 {path}",
                        path=path,
                    )
                )
            return _checked(file.read(_LONGEST), tr("The token file {path}", path=path))
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    except UnicodeDecodeError:
        reason = tr("it is no UTF-8 text")
    raise ConfigurationError(tr("The token file {path} cannot be read: {reason}.", path=path, reason=reason))


def from_keyring(base_url: str) -> Secret:
    """Return the token that the keyring has for a base URL.

    Raises:
        ConfigurationError: There is no keyring, or nothing in it for that URL.
    """
    try:
        import keyring  # noqa: PLC0415 - only an extra has it
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            tr('The keyring needs an extra: python -m pip install "ta-cluster-async[keyring]"')
        ) from None
    user = base_url.rstrip("/")
    try:
        found = keyring.get_password(SERVICE, user)
    except KeyringError as problem:
        reason = str(problem) or type(problem).__name__
    else:
        if found:
            return _checked(found, tr("The token in the keyring"))
        reason = tr(
            "it has none for this address. To put one in: keyring set {service} {user}",
            service=SERVICE,
            user=user,
        )
    raise ConfigurationError(tr("The token cannot be taken from the keyring: {reason}", reason=reason))


def _from_stdin() -> Secret:
    if sys.stdin is None or sys.stdin.closed:
        raise ConfigurationError(tr("There is no standard input to read the token from."))
    with interruptible():
        if sys.stdin.isatty():
            typed = getpass.getpass(tr("Token (it is not shown): "), stream=sys.stderr)
            return _checked(typed, tr("What was typed"))
        return _checked(sys.stdin.readline(_LONGEST), tr("The first line of standard input"))


def _checked(text: str, where: str) -> Secret:
    token = text.strip("\r\n \t")
    text = ""
    if not token:
        raise ConfigurationError(tr("{where} holds no token.", where=where))
    secret = Secret(token)
    read.append(secret)
    return secret
