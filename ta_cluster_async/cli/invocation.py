"""The command line as it was written, and the one that goes on where it was interrupted."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

PROGRAM = "ta-cluster"


class _Invocation:
    arguments: Sequence[str] = ()


def remember(arguments: Sequence[str]) -> None:
    """Keep the arguments of this process."""
    _Invocation.arguments = tuple(arguments)


def as_written() -> str:
    """The command line for a shell."""
    return shlex.join([PROGRAM, *_Invocation.arguments])


def with_refs(context: typer.Context, refs: Sequence[int | str], selecting: frozenset[str]) -> str:
    """The same command with its options, for these references in place of what `selecting` options and arguments chose."""
    words = [PROGRAM, str(context.info_name)]
    for parameter in context.command.params:
        name, value = parameter.name, context.params.get(parameter.name or "")
        source = context.get_parameter_source(name or "")
        if (
            name in selecting
            or parameter.param_type_name != "option"
            or source is None
            or source.name != "COMMANDLINE"
        ):
            continue
        flag = max(parameter.opts, key=len)
        if value is True:
            words.append(flag)
        elif value is not None:
            words += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join([*words, *map(str, refs)])
