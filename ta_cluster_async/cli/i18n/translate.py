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
    from collections.abc import Mapping
    from gettext import NullTranslations

    from ...messages import Message, Template

_PLAIN = ("C", "POSIX")


def tr(message: str, /, **values: object) -> str:
    """Return a text in the user's language, with `{name}` replaced by the values, whose texts are escaped."""
    text = look_up(message)
    return _fill(text, values) if values else text


def look_up(message: str) -> str:
    """Return a text that stands elsewhere, such as in a docstring or a table, in the user's language."""
    return _catalogue().gettext(message) if message and is_chinese() else message


def ntr(singular: str, plural: str, count: int, /, **values: object) -> str:
    """Return the text for a count in the user's language, with `{count}` and the names of the values replaced."""
    if is_chinese():
        text = _catalogue().ngettext(singular, plural, count)
    else:
        text = singular if count == 1 else plural
    return _fill(text, {"count": count, **values})


def tr_message(message: Message, templates: Mapping[str, Template] | None = None) -> str:
    """Return a message of the library in the user's language, made from `templates`, which are those of the library unless given."""
    from ...messages import english  # noqa: PLC0415 - `--help` does without

    return (
        _with_phrases(message).render(_chinese, templates)
        if is_chinese()
        else message.render(english, templates)
    )


def is_chinese() -> bool:
    """Return whether the locale says Chinese and both streams can show it."""
    return _language().lower().startswith("zh") and all(
        _can_show(stream) for stream in (sys.stdout, sys.stderr)
    )


def _fill(template: str, values: Mapping[str, object]) -> str:
    from ...messages import fill  # noqa: PLC0415 - `--help` does without

    return fill(template, {name: _in_text(name, value) for name, value in values.items()})


def _in_text(name: str, value: object) -> object:
    from ...messages import Message  # noqa: PLC0415 - `--help` does without

    return tr_message(value) if isinstance(value, Message) else _value(name, value)


def _with_phrases(message: Message) -> Message:
    params = {name: _value(name, value) for name, value in message.params.items()}
    return type(message)(message.code, **params)


def _value(name: str, value: object) -> object:
    """Return a value of a text with what other libraries wrote in the user's language: reasons are theirs."""
    from ...messages import Message  # noqa: PLC0415 - `--help` does without

    if isinstance(value, Message):
        return _with_phrases(value)
    if name == "reason" and isinstance(value, str):
        from .phrases import translated  # noqa: PLC0415 - only errors need it

        return translated(value)
    return value


@cache
def _catalogue() -> NullTranslations:
    import gettext  # noqa: PLC0415 - English does without

    return gettext.translation("ta_cluster", Path(__file__).with_name("locale"), ["zh_CN"], fallback=True)


def _chinese(template: Template, count: int) -> str:
    if isinstance(template, str):
        return _catalogue().gettext(template)
    return _catalogue().ngettext(template.one, template.many, count)


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
