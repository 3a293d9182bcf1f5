"""The language of the command: English, and Chinese where the locale is Chinese."""

from __future__ import annotations

import os
import sys

_PLAIN = ("C", "POSIX")


def tr(english: str, /, **values: object) -> str:
    """Return a text in the user's language, with `{name}` replaced by the values.

    The English text is the key of its translation in `chinese`; a test sees to it that none is missing.
    """
    text = english
    if is_chinese():
        from .chinese import CHINESE  # noqa: PLC0415 - most need none of it

        text = CHINESE.get(english, english)
    return text.format(**values) if values else text


def is_chinese() -> bool:
    """True when the locale says Chinese and both streams can show it."""
    return _language().lower().startswith("zh") and all(
        _can_show(stream) for stream in (sys.stdout, sys.stderr)
    )


def _language() -> str:
    """The language of messages as gettext finds it; where no variable says it, the one of Windows' own surface."""
    said = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    if said.partition(".")[0] in _PLAIN:
        return "en"
    first = os.environ.get("LANGUAGE", "").partition(":")[0]
    if first or said:
        return first or said
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
