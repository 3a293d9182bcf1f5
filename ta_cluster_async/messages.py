"""What the library says: one English template for each code.

The codes are stable and this list is closed, so that programs can decide by a code and a translation needs nothing but the code and its
parameters. Templates speak to a programmer; the command has words of its own where its user would do something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Plural(NamedTuple):
    """A template that depends on a count.

    Attributes:
        one: The template for a count of one.
        many: The template for every other count.
        number: The parameter that is the count.
    """

    one: str
    many: str
    number: str = "count"


Template: TypeAlias = str | Plural


def english(template: Template, count: int) -> str:
    """Return the English form of a template."""
    return template if isinstance(template, str) else template.one if count == 1 else template.many


class Message:
    """What happened: a code of `MESSAGES` and its parameters. `str()` makes the English sentence.

    Attributes:
        code: The code.
        params: Its parameters: str, int, float, bool, None, or another Message.
    """

    __slots__ = ("code", "params")

    def __init__(self, code: str, /, **params: object) -> None:
        self.code = code
        self.params = params

    def __str__(self) -> str:
        return self.render(english)

    def __repr__(self) -> str:
        return (
            f"Message({self.code!r}{''.join(f', {name}={value!r}' for name, value in self.params.items())})"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and (self.code, self.params) == (other.code, other.params)

    __hash__ = None  # type: ignore[assignment]  # the parameters may be of any kind

    def render(self, form: Callable[[Template, int], str]) -> str:
        """Return the sentence, with `form` choosing the text of each template by its count."""
        template = MESSAGES[self.code]
        count = self.params[template.number] if isinstance(template, Plural) else 0
        params = {
            name: value.render(form) if isinstance(value, Message) else value
            for name, value in self.params.items()
        }
        return form(template, count if isinstance(count, int) else 0).format_map(params)


_API: Final = "the server answered return_code {return_code}: {return_message}."

MESSAGES: Final[Mapping[str, Template]] = {
    # Errors whose sentence is the caller's own, by their class.
    "error": "{message}",
    "configuration": "{message}",
    "invalid-request": "{message}",
    "transport": "{message}",
    "not-sent": "{message}",
    "outcome-unknown": "{message}",
    "protocol": "{message}",
    "http-status": "{message}",
    "not-json": "{message}",
    "schema": "{message}",
    "refresh": "{message}",
    "refresh-failed": "{message}",
    "refresh-unconfirmed": "{message}",
    "refresh-stalled": "{message}",
    "refresh-timeout": "{message}",
    "journal": "{message}",
    "journal-busy": "{message}",
    "match-too-low": "{message}",
    # The server's refusals.
    "api": _API,
    "token-rejected": _API,
    "rate-limited": _API,
    "missing-parameter": _API,
    "not-found": _API,
    "no-return-message": "no message",
}
"""The English template of each code."""
