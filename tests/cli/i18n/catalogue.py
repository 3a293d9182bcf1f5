"""Brings the Chinese catalogue up to date with the texts in the code.

    python -m tests.cli.i18n.catalogue

New texts come in without a translation, and texts that are gone go; the tests are red until each has its translation.
"""

from __future__ import annotations

import ast
import io
import string
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

import ta_cluster_async
from ta_cluster_async.cli.output.errors import COMMAND_ADVICE, COMMAND_MESSAGES
from ta_cluster_async.errors import TaError
from ta_cluster_async.messages import MESSAGES, Plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ta_cluster_async.messages import Template

PACKAGE = Path(ta_cluster_async.__file__).parent
CATALOGUE = PACKAGE / "cli" / "i18n" / "locale" / "zh_CN" / "LC_MESSAGES" / "ta_cluster.po"
HEADER = """\
# The Chinese texts of the command. `python -m tests.cli.i18n.catalogue` brings the file up to date.
msgid ""
msgstr ""
"Language: zh_CN\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

FOR_PROGRAMMERS = {
    "any-of-nothing",
    "array-not-flat",
    "arrow-unreadable",
    "asyncio-not-running",
    "batch-ended-before",
    "batch-not-begun",
    "batch-of-other-columns",
    "batch-runs-once",
    "batch-without-plan",
    "client-session-closed",
    "client-session-in-other-loop",
    "clock-goes-back",
    "clock-speed",
    "compared-with-bool",
    "compared-with-other-type",
    "dataset-no-source",
    "definition-of-other-kind",
    "emulator-capacity",
    "emulator-closed",
    "emulator-evaluation-too-long",
    "emulator-keep-requests",
    "emulator-mark",
    "emulator-not-evaluated",
    "emulator-not-started",
    "emulator-now",
    "emulator-source-type",
    "emulator-started",
    "event-relation-set",
    "file-asynchronous",
    "file-in-text-mode",
    "group-cannot-be-nested",
    "journal-closed",
    "journal-path-invalid",
    "journal-run-closed",
    "lazy-frame-no-source",
    "loop-start",
    "must-be-at-least-one",
    "must-be-at-least-zero",
    "must-be-bool",
    "must-be-one-of",
    "must-be-str",
    "name-not-a-str",
    "no-upload-in-time",
    "not-a-source",
    "not-a-ticket",
    "on-progress-not-callable",
    "parquet-file-no-source",
    "part-of-other-type",
    "percent-out-of-range",
    "plan-and-refs",
    "plan-not-a-plan",
    "plan-not-bytes",
    "pool-closed",
    "pool-closed-during-request",
    "project-not-a-project",
    "provider-failed",
    "provider-not-async",
    "provider-out-of-time",
    "provider-token-unusable",
    "query-parameters",
    "recent-days-out-of-order",
    "refreshes-left-running",
    "refs-not-iterable",
    "require-match-invalid",
    "row-not-a-pair",
    "rows-without-columns",
    "scanner-no-source",
    "session-closed",
    "session-closed-during-call",
    "session-in-other-loop",
    "session-is-closed",
    "session-not-open",
    "session-open-already",
    "ssl-wrong-type",
    "start-after-end",
    "submitted-at-without-zone",
    "ticket-not-text",
    "ticket-of-other-catalog",
    "time-with-zone",
    "token-wrong-type",
    "types-invalid",
    "upload-with-replace-and-name",
    "upload-without-names",
    "value-column-of-cluster",
}
"""Codes of messages that no use of the command leads to: they speak of calls in Python, and have no translation."""

Text: TypeAlias = str | tuple[str, str]
"""A text in the code, or the pair of texts that a count chooses from."""


def update() -> None:
    """Write the catalogue with the texts of the code, and with the translations that it has for them."""
    known = read()
    catalogue = Catalog(locale="zh_CN")
    for text, file in texts().items():
        translated = known.get(text[0] if isinstance(text, tuple) else text)
        catalogue.add(text, translated.string if translated else "", locations=[(file, 0)])
    content = io.BytesIO(HEADER.encode())
    content.seek(0, io.SEEK_END)
    write_po(content, catalogue, width=110, omit_header=True, include_lineno=False)
    CATALOGUE.write_bytes(content.getvalue())


def read() -> Catalog:
    """Return the catalogue as it is."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_CN")


@cache
def texts() -> dict[Text, str]:
    """Return each text that a user may see in the language of the command, with the first file that has it."""
    found: dict[Text, str] = {}
    files = (
        file
        for pattern in ("cli/**/*.py", "cli/**/*.j2", "definitions/*.py")
        for file in PACKAGE.glob(pattern)
    )
    for file in sorted(files):
        for text in _texts_in(file):
            found.setdefault(text, file.relative_to(PACKAGE.parent).as_posix())
    for code, template in MESSAGES.items():
        if code not in FOR_PROGRAMMERS | COMMAND_MESSAGES.keys() and _has_words(template):
            found.setdefault(_as_text(template), "ta_cluster_async/messages.py")
    for name, advice in advices().items():
        found.setdefault(advice, f"ta_cluster_async/{'cli/output/' * (name in COMMAND_ADVICE)}errors.py")
    found.setdefault("It is safe to call again.", "ta_cluster_async/models/ticket_errors.py")
    for template in COMMAND_MESSAGES.values():
        found.setdefault(_as_text(template), "ta_cluster_async/cli/output/errors.py")
    return found


def advices() -> dict[str, str]:
    """Return what the command advises for each class of errors that has advice."""
    public = (getattr(ta_cluster_async, name) for name in ta_cluster_async.__all__)
    return {
        kind.__name__: COMMAND_ADVICE.get(kind.__name__, kind.advice)
        for kind in public
        if isinstance(kind, type) and issubclass(kind, TaError) and kind.advice
    }


def placeholders(text: str) -> set[str]:
    """Return the names of the values in a text with their formats."""
    fields = ((name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(text))
    return {f"{name}!{conversion}:{spec}" for name, spec, conversion in fields if name is not None}


def _texts_in(file: Path) -> Iterator[Text]:
    if file.suffix == ".j2":
        with file.open("rb") as source:
            for _, text, _, _ in extract("jinja2", source, keywords={"tr": None}):
                yield str(text)
        return
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if isinstance(node, ast.Call) and name in ("tr", "ntr"):
            given = node.args[: 1 if name == "tr" else 2]
            found = [
                one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            # Babel would pass over it in silence.
            assert len(found) == len(given), f"{file}:{node.lineno}: {name}() needs the text itself"
            yield found[0] if name == "tr" else (found[0], found[1])
        elif isinstance(node, ast.FunctionDef) and file.parent.name == "commands":
            text = ast.get_docstring(node) or ""
            if "\nExample: " in text:  # the help of a command
                yield text


def _as_text(template: Template) -> Text:
    return (template.one, template.many) if isinstance(template, Plural) else template


def _has_words(template: Template) -> bool:
    text = template.many if isinstance(template, Plural) else template
    return any(literal.strip() for literal, *_ in string.Formatter().parse(text))


if __name__ == "__main__":
    update()
