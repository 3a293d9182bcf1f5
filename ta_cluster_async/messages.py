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
    # Shared.
    "json-absent": "absent",
    "json-array": "an array",
    "json-boolean": "a boolean",
    "json-decimal-number": "a decimal number",
    "json-finite-number": "a finite number of at least 0",
    "json-integer": "an integer",
    "json-integer-at-least": "an integer of at least {least}",
    "json-integer-or-string": "an integer or a string",
    "json-mismatch": "{where} must be {expected}, not {actual}.",
    "json-not": "no JSON",
    "json-null": "null",
    "json-object": "an object",
    "json-one-of": "one of {values}",
    "json-other-value": "another value",
    "json-server-time": "a time as YYYY-MM-DD HH:MM:SS",
    "json-string": "a string",
    "json-string-or-number": "a string or a number",
    "json-utc-time": "a time with a zone as YYYY-MM-DDTHH:MM:SS+00:00",
    "json-whole": "the value",
    "not-json-text": "The text is not valid JSON.",
    "version-unreadable": "It has version {version}, and this library reads version {known}: use the library that wrote it.",
    # models
    "any-of-nothing": "any_of() needs a condition. For all users write all_of().",
    "compared-with-bool": "A property is compared with true or false by is_true() and is_false().",
    "compared-with-other-type": "A condition must compare with text, a finite number or a time, not {kind}.",
    "definition-too-deep": "The definition is nested too deeply, or contains itself.",
    "event-relation-set": (
        "The event's conditions are joined by {relation!r} already. Give where() the relation that joins all of them."
    ),
    "filter-values-not-a-list": "The values of a filter must be a list, also when there is only one.",
    "part-of-other-type": (
        "A list of {expected} contains {actual}. Conditions on events begin with event(), conditions on properties with user() or"
        " event_property(), and each ends with a comparison."
    ),
    "percent-out-of-range": "percentile(property, percent) needs 1 <= percent <= 100.",
    "recent-days-out-of-order": "recent_days(first, last) needs integers with 0 <= first <= last and last >= 1.",
    "start-after-end": "between_times(start, end) needs a start that is not after the end.",
    "submitted-at-beyond-utc": "submitted_at must be a time whose year in UTC is 1 to 9999.",
    "submitted-at-without-zone": "submitted_at must be a datetime with a zone.",
    "ticket-not-text": "A ticket is str or bytes, not {kind}. Use the text of a ticket's to_json().",
    "ticket-unreadable": (
        "This is not a ticket: {problem} Attach with the text of a ticket's to_json(), or start a new refresh."
    ),
    "time-with-zone": "A time must not have a zone: give the server's local time as a datetime without tzinfo.",
    # protocol
    # client
    # session
    # resources
    # uploads
    # batch
    # journal
    # definitions
    # emulator
}
"""The English template of each code."""
