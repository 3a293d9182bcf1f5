"""The language of the command: English, or Chinese where the locale says so and both streams can show it.

The English texts stand in the code and are the keys of the catalogue `locale/zh_CN/LC_MESSAGES/ta_cluster.po`. Installing the package
compiles it. A source tree that was never installed has no compiled catalogue; the command then speaks English.
`python -m tests.cli.i18n.catalogue` brings the catalogue up to date with the code.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

_PLAIN = ("C", "POSIX")


def look_up(message: str) -> str:
    """Return a text that stands elsewhere, such as in a docstring or a table, in the user's language."""
    return catalogue().gettext(message) if message and is_chinese() else message


def is_chinese() -> bool:
    """Return whether the locale says Chinese and both streams can show it."""
    return _language().lower().startswith("zh") and all(
        _can_show(stream) for stream in (sys.stdout, sys.stderr)
    )


@cache
def catalogue() -> NullTranslations:
    """Return the Chinese texts, or those of the code where they were not compiled."""
    import gettext  # noqa: PLC0415 - English does without

    return gettext.translation("ta_cluster", Path(__file__).with_name("locale"), ["zh_CN"], fallback=True)


def _language() -> str:
    """Return the language of messages as gettext finds it; where no variable says it, that of the Windows user interface."""
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    if locale.partition(".")[0] in _PLAIN:
        return "en"
    preferred = os.environ.get("LANGUAGE", "").partition(":")[0]
    if preferred or locale:
        return preferred or locale
    return _language_of_windows() if sys.platform == "win32" else "en"


def _language_of_windows() -> str:
    import ctypes  # noqa: PLC0415 - only Windows needs them
    import locale  # noqa: PLC0415

    windll = getattr(ctypes, "windll", None)
    number = 0 if windll is None else windll.kernel32.GetUserDefaultUILanguage()
    return locale.windows_locale.get(number, "en")


def _can_show(stream: object) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        "简体中文，。".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
