"""What typer writes itself: usage errors, and the headings of help, in the user's language."""

from __future__ import annotations

import inspect
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rich.columns import Columns
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from ..i18n.language import is_chinese, look_up
from ..i18n.translate import tr
from .log_options import log_options
from .streams import writing_to
from .wrapping import wrap_chinese

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType


def usage_error_text(problem: Exception) -> str | None:
    """Return what is wrong with the arguments and where to look; "" where the help has been shown; None for any other error.

    The class of these errors is typer's own or click's, depending on the version, and has `format_message` in both.
    """
    message = getattr(problem, "format_message", None)
    if message is None:
        return None
    if type(problem).__name__ == "NoArgsIsHelpError":
        return ""  # the help is there already
    context = getattr(problem, "ctx", None)
    command = "ta-cluster" if context is None else context.command_path
    text = " ".join(str(message()).split()).rstrip(".。")
    text = _usage_text(text)
    if not text.endswith(("?", "？")):
        text += tr(".")
    return tr("{what} `{command} --help` has the arguments and an example.", what=text, command=command)


def load_help_screens() -> None:
    """Import typer's help screens, so that they cut nothing off on a narrow terminal and have headings in the user's language.

    They import two modules of rich that the command does not use, a parser of Markdown and tracebacks in colour, which would take
    longer than everything else that help loads.
    """
    wrap_chinese()
    unused = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
    empty = {name: ModuleType(name) for name in unused if name not in sys.modules}
    for name, module in empty.items():
        setattr(module, unused[name], object)
    sys.modules.update(empty)
    try:
        from typer import rich_utils  # noqa: PLC0415 - only help needs it
    finally:
        for name in empty:
            del sys.modules[name]
    shapes = {"Columns": _folding, "Table": _TableWithWholeNames}
    for name, shape in {**shapes, **(_headings() if is_chinese() else {})}.items():
        if hasattr(rich_utils, name):  # typer exports none of them
            setattr(rich_utils, name, shape)


_TYPES = {"<bool>", "<str>", "<list[str]>"}
"""What typer writes for the type of a value, which tells a person no more than the name of the option."""


class _TableWithWholeNames(Table):
    """A table that never wraps the names of options: the columns of values and help give way."""

    def add_row(self, *cells: Any, **settings: Any) -> None:
        """See rich."""
        cells = tuple(Text() if str(cell) in _TYPES else cell for cell in cells)
        super().add_row(*cells, **settings)
        for column in self.columns[:-2]:
            column.no_wrap = True


def _folding(items: Sequence[RenderableType], **settings: Any) -> Columns:
    """Return columns of texts that are wrapped anywhere: Chinese has no spaces to wrap at, and a narrow terminal not enough."""
    for item in items:
        if isinstance(item, Text):
            item.overflow = "fold"
    return Columns(items, **settings)


class _Helpful:
    """Help in the user's language, and the options for the log."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params: list[Any] = [*self.params, *log_options()]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """See typer."""
        load_help_screens()
        with writing_to(sys.stdout):
            super().format_help(ctx, formatter)  # type: ignore[misc]

    def get_usage(self, ctx: Any) -> str:
        """See typer."""
        usage = str(super().get_usage(ctx))  # type: ignore[misc]
        if not is_chinese():
            return usage
        for word, translation in (
            ("Usage: ", tr("Usage: ")),
            ("[OPTIONS]", tr("[OPTIONS]")),
            ("COMMAND [ARGS]...", tr("COMMAND [ARGS]...")),
        ):
            usage = usage.replace(word, translation)
        return usage

    def get_help_option(self, ctx: Any) -> Any:
        """See typer."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = tr("Show this message and exit.")
            option.default = False  # for None, typer would import pydantic to make it a bool
        return option


class HelpfulCommand(_Helpful, TyperCommand):
    """A command with help in the user's language."""


class HelpfulGroup(_Helpful, TyperGroup):
    """A group of commands with help in the user's language."""


def _headings() -> dict[str, str]:
    """Return what typer writes around the texts of help, by the names of its constants."""
    return {
        "ARGUMENTS_PANEL_TITLE": tr("Arguments"),
        "OPTIONS_PANEL_TITLE": tr("Options"),
        "COMMANDS_PANEL_TITLE": tr("Commands"),
        "DEFAULT_STRING": tr("[default: {}]"),
        "ENVVAR_STRING": tr("[env var: {}]"),
        "REQUIRED_LONG_STRING": tr("[required]"),
    }


def _usage_text(message: str) -> str:
    """Return a usage error of typer in the user's language, and what is wrong with a value in the words of a person."""
    found = re.fullmatch(r"(Invalid value for .+?: )(?:Value error, )?(.+)", message)
    if found:
        message = found[1] + _filled(found[2], _value_problems())
    return _filled(message, _usage_problems()) if is_chinese() else message


def _filled(message: str, texts: Sequence[tuple[str, str]]) -> str:
    """Return the text of the first pattern that a message begins with, and the rest of the message."""
    for pattern, text in texts:
        found = re.match(pattern, message)
        if found:
            separator = "、" if is_chinese() else ", "
            parts = (part.replace(", ", separator) for part in found.groups())
            return text.format(*parts) + message[found.end() :]
    return message


def _value_problems() -> tuple[tuple[str, str], ...]:
    """Return what a value must be, by what pydantic or click, which depends on the version of typer, says of it."""
    return (
        (r"Input should be a valid integer.*", tr("it must be a whole number")),
        (r".+ is not a valid (?:integer|int)(?: range)?$", tr("it must be a whole number")),
        (r"Input should be a valid number.*", tr("it must be a number")),
        (r".+ is not a valid float(?: range)?$", tr("it must be a number")),
        (r"Input should be greater than or equal to (\S+)", tr("it must be at least {0}")),
        (r".+ is not in the range x>=(\S+)", tr("it must be at least {0}")),
        (r"Input should be less than or equal to (\S+)", tr("it must be at most {0}")),
        (r".+ is not in the range (\S+)<=x<=(\S+)", tr("it must be from {0} to {1}")),
        (r"(.+) is not one of (.+)", tr("{0} is not one of {1}")),
    )


def _usage_problems() -> tuple[tuple[str, str], ...]:
    """Return texts in the user's language by what typer, which knows no Chinese, says."""
    return (
        (r"No such command (.+?)\. Did you mean (.+)\?", tr("No such command {0}. Did you mean {1}?")),
        (r"No such option: (.+) \(Possible options: (.+)\)", tr("No such option {0}. Did you mean {1}?")),
        (r"No such option:? (.+)", tr("No such option {0}")),
        (r"No such command (.+)", tr("No such command {0}")),
        (r"Missing argument (.+?)\. Choose from: (.+)", tr("Missing argument {0}. Choose from: {1}")),
        (r"Missing argument (.+)", tr("Missing argument {0}")),
        (r"Missing option (.+)", tr("Missing option {0}")),
        (r"Missing command", tr("Missing command")),
        (r"Option (.+) requires an argument", tr("Option {0} requires an argument")),
        (r"Option (.+) does not take a value", tr("Option {0} does not take a value")),
        (r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", tr("Got unexpected extra arguments: {0}")),
        (r"Invalid value for (.+?): (.+)", tr("Invalid value for {0}: {1}")),
    )


def command_help(command: Callable[..., object]) -> str:
    """Return the help of a command, which is its docstring, in the user's language."""
    return look_up(inspect.getdoc(command) or "")
