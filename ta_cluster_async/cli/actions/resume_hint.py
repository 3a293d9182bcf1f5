"""What is printed when a batch is left before its end: the tickets of what the server still runs, and the command that continues."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from ...batch.report import Status
from ..i18n.translate import ntr, tr
from ..input import STDIN
from ..output.console import print_json, print_lines, print_message, stdout
from ..output.json_lines import report_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from ...batch import RefreshReport
    from ...models import RefreshTicket

_MOST_REFS = 50
"""References that are written out in a command."""
_MOST_TICKETS = 50
"""Tickets that a terminal shows where the journal has them too."""

_SELECTING = frozenset(
    {"refs", "everything", "stale", "from_file", "failed_in", "exclude", "clusters", "tags", "dry_run"}
)
_NOT_AGAIN = frozenset({"from_file", "failed_in"})
"""What may choose others the next time: a file that was read, and a run that this one has followed."""


def print_resume_hint(
    report: RefreshReport,
    context: typer.Context,
    refs: Sequence[int | str],
    *,
    has_journal: bool,
    has_plan: bool = False,
    as_json: bool,
) -> None:
    """Write the tickets to stdout, a line of JSON each, and to stderr what they are and how to continue.

    As JSON, the report has the tickets.
    """
    ended = {outcome.ref for outcome in report.outcomes if outcome.status is not Status.CANCELLED}
    print_message(tr("{done} of {total} have ended.", done=len(ended), total=len(refs)), always=True)
    tickets = [
        outcome.ticket
        for outcome in report.outcomes
        if outcome.status is Status.CANCELLED and outcome.ticket is not None
    ]
    try:
        if as_json:
            print_json(report_json(report))
        elif tickets:
            _show_tickets(tickets, has_journal=has_journal)
    finally:  # a full disk keeps the tickets, and not the command
        _print_command(context, refs, ended, has_journal=has_journal, has_plan=has_plan)


def _print_command(
    context: typer.Context,
    refs: Sequence[int | str],
    ended: set[int | str],
    *,
    has_journal: bool,
    has_plan: bool,
) -> None:
    left = [ref for ref in refs if ref not in ended]
    again = any(context.params.get(name) for name in _NOT_AGAIN)
    command = shlex.join([_program(context), *(context.obj or ())])
    # A plan that was left chooses what it has, whatever else is said.
    if not has_plan and (again or not has_journal) and len(left) <= _MOST_REFS:
        command = _command_for(context, left)
    elif not has_plan and context.params.get("from_file") == STDIN:
        print_message(tr("It needs the same lines on standard input."), always=True)
    if not (has_journal or has_plan):
        print_message(
            tr(
                "Without a --journal the next run knows nothing of this one, but it attaches to what is still running."
            ),
            always=True,
        )
    print_message(tr("To continue: {command}", command=command), always=True)


def _show_tickets(tickets: Sequence[RefreshTicket], *, has_journal: bool) -> None:
    print_message(
        ntr(
            "{count} refresh is still running on the server. `ta-cluster wait` takes its ticket:",
            "{count} refreshes are still running on the server. `ta-cluster wait` takes their tickets:",
            len(tickets),
        ),
        always=True,
    )
    shown = _MOST_TICKETS if has_journal and stdout().is_terminal else len(tickets)
    for ticket in tickets[:shown]:
        print_lines([ticket.to_json()])
    if shown < len(tickets):
        print_message(
            tr("And {count} more; the journal has all of them.", count=len(tickets) - shown), always=True
        )


def _command_for(context: typer.Context, refs: Sequence[int | str]) -> str:
    """Return the same command with its options, for these refs in place of what the selecting options and arguments chose."""
    arguments = [_program(context), str(context.info_name)]
    for parameter in context.command.params:
        name, value = parameter.name, context.params.get(parameter.name or "")
        source = context.get_parameter_source(name or "")
        if (
            name in _SELECTING
            or parameter.param_type_name != "option"
            or source is None
            or source.name != "COMMANDLINE"
        ):
            continue
        flag = max(parameter.opts, key=len)
        if value is True:
            arguments.append(flag)
        elif value is not None:
            arguments += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join([*arguments, *map(str, refs)])


def _program(context: typer.Context) -> str:
    return str(context.find_root().info_name)
