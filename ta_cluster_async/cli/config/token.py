"""Where the token comes from: a variable, a file, standard input or the keyring, and never the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ...client.profiles import LONGEST_TOKEN, checked_token, token_from_file
from ...errors import ConfigurationError
from ...messages import Message
from ..i18n.translate import tr
from ..input import STDIN
from ..output.console import typed_secret
from ..running import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...client.secret import Secret


read: list[Secret] = []
"""The tokens that this process has read, to be masked should the command itself break."""


def from_file(path: str) -> Secret:
    """Return the token in a file, or with `-` the first line of standard input, which is not echoed on a terminal.

    Raises:
        ConfigurationError: It cannot be read, or contains no token.
    """
    return _from_stdin() if path == STDIN else token_from_file(path)


def remembered(read_token: Callable[[], Secret]) -> Secret:
    """Return the token that a place has, to be masked from now on."""
    token = read_token()
    read.append(token)
    return token


def _from_stdin() -> Secret:
    if sys.stdin is None or sys.stdin.closed:
        raise ConfigurationError(tr("There is no standard input to read the token from."))
    with interruptible():
        if sys.stdin.isatty():
            typed = typed_secret(tr("Token (it is not shown): "))
            return checked_token(typed, Message("typed-token"))
        return checked_token(sys.stdin.readline(LONGEST_TOKEN + 1), Message("token-on-stdin"))
