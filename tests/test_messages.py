"""Messages: the catalogue is closed, every code is used, and each use gives what its template asks for.

No error of the library is made from a plain string; the command translates its own sentences where it makes them.
"""

from __future__ import annotations

import ast
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

import pytest

import ta_cluster_async
from ta_cluster_async import errors
from ta_cluster_async.messages import MESSAGES, Message, Plural
from ta_cluster_async.models import ticket_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(ta_cluster_async.__file__).parent
ERRORS = {
    name
    for module in (errors, ticket_errors)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, errors.TaError)
}
# Their first argument is the server's code and not a sentence.
ANSWERED = {"ApiError", "TokenRejected", "RateLimited", "MissingParameter", "NotFound"}
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
# The templates under the codes of the classes, which have the class's own text for their only parameter.
OF_CLASSES = {code for code, template in MESSAGES.items() if template == "{message}"}


def calls_of(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of one of these names in the package, with the place where it stands."""
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield f"{file}:{node.lineno}", node


def strings_in(node: ast.AST) -> set[str]:
    return {
        part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and type(part.value) is str
    }


def codes_of(argument: ast.expr) -> set[str]:
    """The codes that an argument may be: a text, or a choice of texts. Empty for a variable."""
    if isinstance(argument, ast.IfExp):
        return codes_of(argument.body) | codes_of(argument.orelse)
    return {argument.value} if isinstance(argument, ast.Constant) and type(argument.value) is str else set()


def fields_of(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def parameters_of(code: str) -> set[str]:
    template = MESSAGES[code]
    if isinstance(template, Plural):
        return fields_of(template.one) | fields_of(template.many) | {template.number}
    return fields_of(template)


USES = [(place, call, code) for place, call in calls_of("Message") for code in sorted(codes_of(call.args[0]))]


@pytest.mark.parametrize(
    ("call", "code"), [pytest.param(call, code, id=f"{place}-{code}") for place, call, code in USES]
)
def test_a_message_has_a_known_code_and_the_parameters_of_its_template(call: ast.Call, code: str) -> None:
    assert code in MESSAGES
    given = {keyword.arg for keyword in call.keywords}
    if None not in given:  # else they come from a mapping
        assert given == parameters_of(code)


def test_every_code_of_the_catalogue_is_used() -> None:
    # A code may also stand in a table or be chosen by a helper, so any text of the package that is a code counts.
    used = {
        text
        for file, tree in TREES.items()
        if file != "messages.py" and not file.startswith("cli/output/")
        for text in strings_in(tree)
    }
    assert MESSAGES.keys() - used == set()


def test_every_class_of_error_has_a_code_of_its_own() -> None:
    codes = [value.code for name in sorted(ERRORS) for value in [_class(name)]]
    assert set(codes) <= MESSAGES.keys()
    assert len(codes) == len(set(codes))
    assert {_class(name).code for name in ERRORS - ANSWERED} == OF_CLASSES


def _class(name: str) -> Any:
    return getattr(errors, name, None) or getattr(ticket_errors, name)


def test_codes_are_lower_case_words_with_hyphens() -> None:
    assert [
        code for code in MESSAGES if code != "-".join(code.lower().split("-")) or " " in code or "_" in code
    ] == []


def test_no_error_is_made_from_a_plain_string() -> None:
    plain = [
        place
        for place, call in calls_of(*(ERRORS - ANSWERED))
        if call.args and isinstance(call.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
    ]
    assert plain == []


def test_a_plural_takes_the_form_of_its_count() -> None:
    assert str(Message("body-not-utf-8", count=1)) == "1 byte that is not UTF-8"
    assert str(Message("body-not-utf-8", count=3)) == "3 bytes that are not UTF-8"


def test_a_message_may_be_a_parameter_of_another() -> None:
    inner = Message("session-closed")
    outer = Message("earlier-attempt-unknown", error=inner)
    assert str(outer) == "the session was closed. An earlier attempt may have taken effect."
    assert outer == Message("earlier-attempt-unknown", error=Message("session-closed"))
    assert outer != inner
    assert repr(inner) == "Message('session-closed')"


def test_an_error_has_the_code_the_parameters_and_the_sentence_of_its_message() -> None:
    error = errors.ConfigurationError(Message("must-be-positive", name="timeout"), endpoint="list")
    assert (error.code, error.params) == ("must-be-positive", {"name": "timeout"})
    assert error.message == "timeout must be a finite number above 0."
    assert error.what() == Message("must-be-positive", name="timeout")
    assert str(error) == "list: timeout must be a finite number above 0."


def test_an_error_with_a_sentence_of_the_callers_own_has_the_code_of_its_class() -> None:
    error = errors.InvalidRequest("no.")
    assert (error.code, error.params, error.message, error.args) == (
        "invalid-request",
        {"message": "no."},
        "no.",
        ("no.",),
    )
