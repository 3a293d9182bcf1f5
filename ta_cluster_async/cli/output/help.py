"""What typer itself says: wrong arguments as sentences, and the headings of help, in the user's language."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from rich.columns import Columns
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from ..i18n.translate import is_chinese, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

_CHINESE_USAGE = (
    (r"No such command (.+?)\. Did you mean (.+)\?", "没有命令 {0}，是否指 {1}？"),
    (r"No such option: (.+) \(Possible options: (.+)\)", "没有选项 {0}，是否指 {1}？"),
    (r"No such option: (.+)", "没有选项 {0}"),
    (r"No such option (.+)", "没有选项 {0}"),
    (r"No such command (.+)", "没有命令 {0}"),
    (r"Missing argument (.+)", "缺少参数 {0}"),
    (r"Missing option (.+)", "缺少选项 {0}"),
    (r"Missing command", "缺少命令"),
    (r"Option (.+) requires an argument", "选项 {0} 需要一个值"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", "多余的参数：{0}"),
    (r"Invalid value for (.+?): (.+)", "{0} 的值无效：{1}"),
)
_CHINESE_HEADINGS = {
    "ARGUMENTS_PANEL_TITLE": "参数",
    "OPTIONS_PANEL_TITLE": "选项",
    "COMMANDS_PANEL_TITLE": "命令",
    "DEFAULT_STRING": "[默认：{}]",
    "ENVVAR_STRING": "[环境变量：{}]",
    "REQUIRED_LONG_STRING": "[必填]",
}


def sentence_of(problem: Exception) -> str | None:
    """What was wrong with the arguments, and where to look; "" where it has been said; None for any other error.

    The class of these errors is typer's own or click's, depending on the version, and has `format_message` in both.
    """
    message = getattr(problem, "format_message", None)
    if message is None:
        return None
    if type(problem).__name__ == "NoArgsIsHelpError":
        return ""  # the help is there already
    context = getattr(problem, "ctx", None)
    command = "ta-cluster" if context is None else context.command_path
    said = str(message()).strip().rstrip(".。")
    said = _in_chinese(said) if is_chinese() else said
    if not said.endswith(("?", "？")):
        said += tr(".")
    return tr("{what} `{command} --help` has the arguments and an example.", what=said, command=command)


def shape_help() -> None:
    """Let nothing of typer's help be cut off where the terminal is narrow, and its headings be Chinese where the locale is."""
    from typer import rich_utils  # noqa: PLC0415 - only help needs it

    shapes = {"Columns": _folding, "Table": _TableWithWholeNames}
    for name, shape in {**shapes, **(_CHINESE_HEADINGS if is_chinese() else {})}.items():
        if hasattr(rich_utils, name):  # typer exports none of them
            setattr(rich_utils, name, shape)


class _TableWithWholeNames(Table):
    """A table in which options keep their names, and what they take and what they are for gives way."""

    def add_row(self, *cells: Any, **settings: Any) -> None:
        """See rich."""
        super().add_row(*cells, **settings)
        for column in self.columns[:-2]:
            column.no_wrap = True


def _folding(items: Sequence[RenderableType], **settings: Any) -> Columns:
    """Columns of texts that are broken where the room ends: Chinese has no blanks to break at, and a narrow room not enough."""
    for item in items:
        if isinstance(item, Text):
            item.overflow = "fold"
    return Columns(items, **settings)


class HelpfulCommand(TyperCommand):
    """A command whose help option speaks the user's language."""

    def get_help_option(self, ctx: Any) -> Any:
        """See typer."""
        return _translated(super().get_help_option(ctx))


class HelpfulGroup(TyperGroup):
    """A group of commands whose help option speaks the user's language."""

    def get_help_option(self, ctx: Any) -> Any:
        """See typer."""
        return _translated(super().get_help_option(ctx))


def _translated(option: Any) -> Any:
    if option is not None:
        option.help = tr("Show this message and exit.")
    return option


def _in_chinese(message: str) -> str:
    for pattern, chinese in _CHINESE_USAGE:
        found = re.match(pattern, message)
        if found:
            return chinese.format(*found.groups()) + message[found.end() :]
    return message


def command_help(name: str, command: Callable[..., object]) -> str:
    """The help of a command: its docstring, or what it means in Chinese where the locale is."""
    if is_chinese():
        from ..i18n.chinese_help import HELP  # noqa: PLC0415 - most need none of it

        if name in HELP:
            return HELP[name]
    return inspect.getdoc(command) or ""
