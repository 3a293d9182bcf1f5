"""Refreshes clusters and tags: chooses them, runs the batch, shows it, and says how to continue when it is left early."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from attrs import frozen

from ...batch import Journal, RefreshBatch, SizeGuard, Status, plan_refresh
from ...batch.report import RESUMABLE
from ...errors import ApiError, ConfigurationError, InvalidRequest, JournalError, TokenRejected
from ..config.settings import find_settings
from ..connection import for_a_person, open_project
from ..exit_codes import Exit, exit_of_report
from ..i18n.translate import ntr, tr
from ..input import check_stdin
from ..output.console import (
    is_json_log,
    is_quiet,
    print_json,
    print_lines,
    print_message,
    print_result,
    print_warning,
    stderr,
    stdout,
)
from ..output.errors import warning_line
from ..output.json_lines import event_json, report_json
from ..output.live import MOST_FAILURES, failure_line, progress_display, summary_line
from ..output.progress import ProgressState
from ..output.tables import outcome_table
from .forecast import forecast
from .members_folder import members_folder
from .notify import failures_told, notifier_of, off_in
from .plan_file import PlanFile, completed, is_complete
from .resume_hint import print_resume_hint
from .run_history import read_journal
from .selection import Selection, before, select, server_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import typer

    from ...batch import RefreshPlan, RefreshReport
    from ...protocol.refresh import PollPolicy
    from ...resources import Project
    from ..options import CliOptions
    from .members_folder import MembersFolder
    from .run_history import RunHistory
    from .selection import Wanted

_FEW = 64
"""Up to this many are polled as often as a person likes it; for more, the load on the server counts."""

_NO_OTHER = 0.01
"""Seconds to wait for signs of another process that runs the same plan, where it was made a moment ago."""

_MOST_ROWS = 100
"""Rows of a table on a terminal, and failures that are printed in full; of a larger batch only what did not succeed is shown."""


@frozen(kw_only=True)
class Needs:
    """What is asked for of the order by definitions.

    Attributes:
        in_order: Nothing starts before what it needs.
        included: What is needed is refreshed too.
        fresh_for: Seconds within which what was not chosen must have been refreshed; None for any time.
    """

    in_order: bool = False
    included: bool = False
    fresh_for: float | None = None

    def options(self, timezone: str | None, *, dry_run: bool) -> dict[str, Any]:
        """Return the options of the batch. Raises InvalidRequest for what would not be used."""
        if not (self.in_order or self.included):
            if self.fresh_for is not None:
                raise InvalidRequest(
                    tr(
                        "--fresh-for is of what others need: give --order-by-dependencies or --with-dependencies."
                    )
                )
            return {}
        if dry_run:
            raise InvalidRequest(
                tr(
                    "--dry-run reads no definitions: leave out --order-by-dependencies and --with-dependencies."
                )
            )
        since = None if self.fresh_for is None else before(server_now(timezone), self.fresh_for)
        return {"depends_on": "definitions", "fresh_for": since, "with_dependencies": self.included}


_ANY_ORDER = Needs()


async def refresh(
    context: typer.Context,
    options: CliOptions,
    wanted: Wanted,
    *,
    journal: Path | None,
    plan: Path | None,
    dry_run: bool,
    json_lines: bool,
    guard: tuple[int | None, float | None] = (None, None),
    strict_size: bool = False,
    members_to: Path | None = None,
    members_format: str = "csv",
    notify: tuple[str | None, str | None] = (None, None),
    needs: Needs = _ANY_ORDER,
    **batch_options: Any,
) -> Exit:
    """Refresh what is wanted, or show what would be done. The further options are those of `RefreshBatch`.

    `guard` has the fewest users that are usual and the largest usual change, as a share. The members of each success go into a file in
    the folder `members_to`. `notify` has the command that is told of changes, and the name of the job for it. `needs` says what of the
    order that the definitions ask for is kept.
    """
    settings = find_settings(options)
    least, most = guard
    batch_options["guard"] = None if guard == (None, None) else SizeGuard(min_users=least, max_change=most)
    path = journal or settings.journal
    book = None if path is None else Journal(path)
    batch_options |= needs.options(settings.timezone, dry_run=dry_run)
    _check_options(wanted, journal, plan, dry_run=dry_run)
    _check_sizes(guard, book, strict_size=strict_size)
    check_stdin(wanted.from_file, options.token_file)
    notifier = notifier_of(*notify, book, "refresh", wanted)
    async with open_project(settings) as project, failures_told(None if dry_run else notifier, project):
        file = None if plan is None else PlanFile(plan)
        begun = _begun(file, project, wanted)
        selection = await _chosen(project, wanted, book, settings.timezone, begun)
        if not selection.refs:
            print_message(tr("Nothing matches, so there is nothing to refresh."))
            return Exit.NOTHING
        if not selection.rows:
            await _check_server(project, selection.refs[0])
        history = await read_journal(project, book)
        if dry_run:
            found = await forecast(
                project,
                selection,
                history,
                on_running=batch_options["on_running"],
                max_running=batch_options["max_running"],
                longest_first=batch_options["order"] != "given",
            )
            if json_lines:
                print_json(found.to_dict())
            else:
                print_lines(found.sentences())
            return Exit.OK if found.unknown < len(selection.refs) else Exit.NOTHING
        is_watched = stderr().is_terminal and not is_quiet() and len(selection.refs) <= _FEW
        poll = for_a_person(project) if is_watched else None
        # Outside of all else: what is still to be written when the batch has ended is nothing to resume.
        async with members_folder(project, members_to, members_format) as members:
            if file is None:
                batch = RefreshBatch(project, selection.refs, poll=poll, journal=book, **batch_options)
            else:
                batch = await _batch_of_plan(project, file, begun, selection, poll=poll, **batch_options)
            async with (
                _resumable(
                    batch,
                    context,
                    selection,
                    has_journal=file is None and book is not None,
                    has_plan=file is not None,
                    as_json=json_lines,
                ),
                _kept(batch, file),
            ):
                if json_lines:
                    await _as_lines(batch, selection, members)
                else:
                    await _on_screen(batch, selection, history, batch_options["max_running"], members)
        code = exit_of_report(batch.report, strict_size=strict_size)
        is_well = members is None or not members.failures
        if notifier is not None:
            is_well &= await notifier.tell(project, off_in(batch.report), report_json(batch.report))
        return code if is_well or code is not Exit.OK else Exit.FAILED


async def _chosen(
    project: Project, wanted: Wanted, book: Journal | None, timezone: str | None, begun: RefreshPlan | None
) -> Selection:
    """Return what is to be refreshed: what is wanted, or what a plan that was left has."""
    if begun is not None:
        return Selection(refs=begun.refs)
    selection = await select(project, wanted, book, timezone)
    if selection.uploaded:
        print_message(
            ntr(
                "Left out {count} uploaded cluster or tag, which has nothing to refresh.",
                "Left out {count} uploaded clusters and tags, which have nothing to refresh.",
                selection.uploaded,
            )
        )
    return selection


def _nothing_wanted() -> InvalidRequest:
    return InvalidRequest(
        tr(
            "Say what to refresh: ids, names or globs, --all, --stale-older-than, --from-file or --failed-in. "
            "`ta-cluster list` shows what there is."
        )
    )


def _check_options(wanted: Wanted, journal: Path | None, plan: Path | None, *, dry_run: bool) -> None:
    if plan is None:
        if wanted.is_nothing:
            raise _nothing_wanted()
        return
    if journal is not None:
        raise InvalidRequest(
            tr(
                "--plan and --journal both keep what a run has done. Give one of the two: the journal on a local disk."
            )
        )
    if dry_run:
        raise InvalidRequest(
            tr("--dry-run starts nothing, so that there is no plan to keep: leave out --plan.")
        )


def _check_sizes(guard: tuple[int | None, float | None], book: Journal | None, *, strict_size: bool) -> None:
    if guard[1] is not None and book is None:
        raise InvalidRequest(
            tr(
                "--max-change compares with earlier runs: name their journal with --journal FILE or TA_JOURNAL."
            )
        )
    if strict_size and guard == (None, None):
        raise InvalidRequest(
            tr("--strict-size needs to know what is usual: give --min-users or --max-change.")
        )


def _begun(file: PlanFile | None, project: Project, wanted: Wanted) -> RefreshPlan | None:
    """Return the plan in the file that is to be continued; None where a new one is to be made, or none is kept.

    Raises:
        InvalidRequest: The file cannot be used, or there is none and nothing was chosen.
    """
    if file is None:
        return None
    plan = file.read(project.id)
    if plan is None or (is_complete(plan) and not wanted.is_nothing):
        if wanted.is_nothing:
            raise _nothing_wanted()
        return None
    ended = sum(one.outcome is not None for one in plan)
    print_message(
        tr(
            "The plan continues a run that was left: {done} of {total} have ended.",
            done=ended,
            total=len(plan),
        )
    )
    return plan


async def _batch_of_plan(
    project: Project,
    file: PlanFile,
    begun: RefreshPlan | None,
    selection: Selection,
    *,
    poll: PollPolicy | None,
    **options: Any,
) -> RefreshBatch:
    """Return a batch whose plan is in the file before each request that starts something."""

    async def save(_: object) -> None:
        await file.save(batch.plan)

    plan, grace = begun, None
    if plan is None:
        plan = await plan_refresh(project, selection.refs, poll=poll)
        await file.save(plan)
        grace = _NO_OTHER
    batch = RefreshBatch(project, plan=plan, poll=poll, before_start=save, resume_grace=grace, **options)
    return batch


@asynccontextmanager
async def _kept(batch: RefreshBatch, file: PlanFile | None) -> AsyncIterator[None]:
    """Write the plan when the batch is left, however that happens."""
    is_whole = False
    try:
        yield
        is_whole = batch.report.stop_code not in RESUMABLE
    finally:
        if file is not None and _report_so_far(batch) is not None:
            file.write(completed(batch.plan, batch.report) if is_whole else batch.plan)


async def _check_server(project: Project, ref: int | str) -> None:
    """Fail at once where a batch would retry for long: on a wrong address or token.

    Raises:
        TaError: The server cannot be reached, or does not take the token.
    """
    try:
        await project.clusters.progress(ref)
    except (ApiError, InvalidRequest) as refusal:
        if isinstance(refusal, TokenRejected):
            raise
        # The server is there, and the batch has an outcome for this one.


@asynccontextmanager
async def _resumable(
    batch: RefreshBatch,
    context: typer.Context,
    selection: Selection,
    *,
    has_journal: bool,
    has_plan: bool,
    as_json: bool,
) -> AsyncIterator[None]:
    """Print the resume hint when the batch is left before its end, however that happens."""
    left = True
    try:
        yield
        left = False
    except JournalError:
        # One that could not be opened kept the batch from its beginning, and one that broke at last from nothing.
        left = bool(batch.report.total) and not _is_whole(batch.report, selection)
        raise
    finally:
        report = _report_so_far(batch) if left else None
        if report is not None:
            print_resume_hint(
                report,
                context,
                selection.refs,
                has_journal=has_journal,
                has_plan=has_plan,
                as_json=as_json,
            )


def _is_whole(report: RefreshReport, selection: Selection) -> bool:
    """Whether the report shows the end of each that was chosen."""
    return report.total >= len(selection.refs) and Status.CANCELLED not in report.counts


def _report_so_far(batch: RefreshBatch) -> RefreshReport | None:
    try:
        return batch.report
    except ConfigurationError:  # it has not begun
        return None


async def _as_lines(batch: RefreshBatch, selection: Selection, members: MembersFolder | None) -> None:
    try:
        async with batch:
            async for event in batch:
                if members is not None:
                    members.take(event)
                print_json(event_json(event))
    except JournalError:
        if _is_whole(batch.report, selection):  # else it is written with what is left
            print_json(report_json(batch.report))
        raise
    print_json(report_json(batch.report))


async def _on_screen(
    batch: RefreshBatch,
    selection: Selection,
    history: RunHistory,
    max_running: int,
    members: MembersFolder | None,
) -> None:
    state = ProgressState(expected=history.expected(selection.refs), at_once=max_running)
    failure: JournalError | None = None
    try:
        with progress_display(state=state) as display:
            try:
                async with batch:
                    async for event in batch:
                        if members is not None:
                            members.take(event)
                        display.show(event)
            except JournalError as error:
                failure = error
    except asyncio.CancelledError:
        _print_ended(_report_so_far(batch))
        raise
    if failure is None or batch.report.total:
        _print_report(batch.report, already_shown=display.shown)
    if failure is not None:
        raise failure


def _print_ended(report: RefreshReport | None) -> None:
    """Show what has ended when a person stops the rest. It goes to stderr: stdout has the tickets, for `wait --from-file`."""
    outcomes = () if report is None else report.outcomes
    ended = [outcome for outcome in outcomes if outcome.status is not Status.CANCELLED][-_MOST_ROWS:]
    if ended and not is_quiet() and not is_json_log():
        stderr().print(outcome_table(ended))


def _print_report(report: RefreshReport, *, already_shown: int) -> None:
    print_failures(report, already_shown=already_shown)
    few = report.total <= _MOST_ROWS or not stdout().is_terminal
    rows = report.outcomes if few else report.failures[:_MOST_ROWS]
    if rows:
        print_result(outcome_table(rows))
    for outcome in report.flagged[:_MOST_ROWS]:
        print_warning(warning_line(outcome))
    print_message(summary_line(report))


def print_failures(report: RefreshReport, *, already_shown: int) -> None:
    """Print why each failed, unless the display has shown it already, and up to as many as a person can read."""
    failures = report.failures
    for outcome in () if already_shown else failures[:_MOST_ROWS]:
        print_message(failure_line(outcome))
    more = len(failures) - min(already_shown, MOST_FAILURES) if already_shown else len(failures) - _MOST_ROWS
    if more > 0:
        print_message(
            tr(
                "And {count} more that did not succeed; --json or a --journal shows all of them.",
                count=more,
            )
        )
