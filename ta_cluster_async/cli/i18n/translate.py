"""Texts and messages in the language of the user, with what they name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .language import catalogue, is_chinese, look_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...messages import Message, Template

# Values of messages that list names. A comma within quotes is part of a name.
_LISTS = frozenset({"allowed", "columns", "keys", "known", "names", "required", "takes", "values"})
_NAME_OR_COMMA = re.compile(r"'[^']*'|, ")


def tr(message: str, /, **values: object) -> str:
    """Return a text in the user's language, with `{name}` replaced by the values, whose texts are escaped."""
    text = look_up(message)
    return _fill(text, values) if values else text


def ntr(singular: str, plural: str, count: int, /, **values: object) -> str:
    """Return the text for a count in the user's language, with `{count}` and the names of the values replaced."""
    if is_chinese():
        text = catalogue().ngettext(singular, plural, count)
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
    if name in _LISTS and isinstance(value, str) and is_chinese():
        return _NAME_OR_COMMA.sub(lambda found: "、" if found[0] == ", " else found[0], value)
    return value


def _chinese(template: Template, count: int) -> str:
    if isinstance(template, str):
        return catalogue().gettext(template)
    return catalogue().ngettext(template.one, template.many, count)
