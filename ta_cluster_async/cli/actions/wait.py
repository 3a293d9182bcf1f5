"""Waits for refreshes that were started elsewhere."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from ...batch import (
    Attached,
    Finished,
    Outcome,
    Planned,
    Progressed,
    RefreshReport,
    Status,
)
from ...batch.report import explain
from ...errors import InvalidRequest, NotFound, TaError, TokenRejected
from ...messages import Message
from ...models import Catalog, RefreshTicket
from ...models.strict_json import json_key, read_json
from ...models.ticket_errors import RefreshFailed, RefreshStalled, RefreshTimeout, RefreshUnconfirmed
from ...protocol.refresh import is_running
from ...resources import Project
from ...resources.state import state_of
from ..connection import for_a_person, open_project, ref_of
from ..exit_codes import Exit, exit_of_outcomes
from ..i18n.translate import tr
from ..input import check_stdin, read_lines
from ..output.console import print_json, print_message, print_result, stderr
from ..output.json_lines import event_json
from ..output.live import failure_line, progress_display
from ..output.progress import ProgressState
from ..output.streams import OutputError
from ..output.tables import outcome_table

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from ...batch import Event
    from ...resources import Refresh
    from ..options import CliOptions

_STATUSES: tuple[tuple[type[TaError], Status], ...] = (
    (RefreshFailed, Status.FAILED),
    (RefreshUnconfirmed, Status.UNCONFIRMED),
    (RefreshStalled, Status.STALLED),
    (RefreshTimeout, Status.TIMED_OUT),
    (NotFound, Status.REJECTED),
)
R = TypeVar("R")

# The line of a whole report, as `refresh --json` writes it.
_LONGEST_LINE = 1 << 28
_MAY_RUN = frozenset({Status.CANCELLED, Status.TIMED_OUT, Status.STALLED, Status.UNCONFIRMED})


async def wait(
    options: CliOptions,
    refs: Sequence[str],
    *,
    from_file: str | None,
    timeout: float | None,
    json_lines: bool,
) -> Exit:
    """Wait for what is running on the server, and show how it ends."""
    check_stdin(from_file, options.token_file)
    wanted = [_ref_or_ticket(word) for word in refs]
    if from_file is not None:
        wanted += _read(from_file)
    if not wanted:
        if from_file is None:
            raise InvalidRequest(tr("Say what to wait for: ids, names, tickets, or --from-file."))
        print_message(tr("There is nothing to wait for."))
        return Exit.NOTHING
    async with open_project(options) as project:
        waiting = _Waiting(project, timeout, time.monotonic())
        if json_lines:
            outcomes = await waiting.all(wanted, lambda event: print_json(event_json(event)))
        else:
            with progress_display(state=ProgressState(at_once=len(wanted))) as display:
                outcomes = await waiting.all(wanted, display.show)
            for outcome in outcomes:
                if not outcome.ok and display.shown == 0:
                    print_message(failure_line(outcome))
            print_result(outcome_table(outcomes))
    return exit_of_outcomes([outcome for outcome in outcomes if not outcome.ok], len(outcomes))


@frozen
class _Waiting:
    project: Project
    timeout: float | None
    began: float

    async def all(
        self, wanted: list[int | str | RefreshTicket], on_event: Callable[[Event], None]
    ) -> list[Outcome]:
        """Wait for each, and return their outcomes in the order of their ends."""
        targets = _once(await _all_of([self._target(what) for what in wanted]))
        outcomes: list[Outcome] = []
        count = len(targets)
        on_event(Planned(at=0.0, refs=count, complete=True, to_refresh=0, to_attach=count, settled=0))

        async def one(target: _Target) -> None:
            found = target.found
            outcome = (
                await self._outcome(target.ref, found, on_event)
                if isinstance(found, RefreshTicket)
                else found
            )
            outcomes.append(outcome)
            on_event(Finished(at=self._at(), outcome=outcome))

        await _all_of([one(target) for target in targets])
        return outcomes

    async def _target(self, what: int | str | RefreshTicket) -> _Target:
        if isinstance(what, RefreshTicket):
            return _Target(what.cluster_id, what, is_ticket=True)
        try:
            return _Target(what, await self._running(what))
        except TaError as problem:
            return _Target(what, _outcome_of(problem, what, None))

    async def _outcome(
        self, ref: int | str, ticket: RefreshTicket, on_event: Callable[[Event], None]
    ) -> Outcome:
        try:
            return await self._follow(ref, ticket, self._attach(ticket), on_event)
        except TaError as problem:
            return _outcome_of(problem, ref, ticket)

    async def _running(self, ref: int | str) -> RefreshTicket | Outcome:
        """Return a ticket for what runs on a cluster now, or its outcome if nothing does."""
        detail = await self.project.clusters.detail(ref)
        state = state_of(detail)
        if is_running(state.progress, state.refresh_time):
            return RefreshTicket(
                project_id=self.project.id,
                cluster_id=detail.id,
                cluster_name=detail.cluster_name,
                catalog=detail.catalog,
                baseline_refresh_time=detail.refresh_time,
                baseline_progress=state.progress,
                submitted_at=datetime.now(UTC),
                attached=True,
            )
        status, message = {
            100: (Status.SUCCEEDED, None),
            -1: (Status.FAILED, Message("not-running-failed")),
        }.get(state.progress, (Status.UNCONFIRMED, Message("not-running-never-refreshed")))
        return Outcome(
            ref=ref,
            status=status,
            cluster_id=detail.id,
            cluster_name=detail.cluster_name,
            refresh_time=detail.refresh_time,
            users_num=detail.users_num,
            progress=detail.progress,
            **explain(message),
        )

    def _attach(self, ticket: RefreshTicket) -> Refresh:
        resource = self.project.tags if ticket.catalog is Catalog.TAG else self.project.clusters
        return resource.attach(ticket, poll=for_a_person(self.project) if stderr().is_terminal else None)

    async def _follow(
        self, ref: int | str, ticket: RefreshTicket, handle: Refresh, on_event: Callable[[Event], None]
    ) -> Outcome:
        cluster_id, name = ticket.cluster_id, ticket.cluster_name or str(ticket.cluster_id)
        began = self._at()
        on_event(Attached(at=began, ref=ref, cluster_id=cluster_id, cluster_name=name, ticket=ticket))
        async for percent in handle.progress(timeout=self.timeout):
            if percent < 100:
                on_event(
                    Progressed(
                        at=self._at(), ref=ref, cluster_id=cluster_id, cluster_name=name, progress=percent
                    )
                )
        result = await handle.wait(timeout=self.timeout)
        return Outcome(
            ref=ref,
            status=Status.SUCCEEDED,
            cluster_id=cluster_id,
            cluster_name=name,
            refresh_time=result.refresh_time,
            users_num=result.users_num,
            progress=100,
            ticket=ticket,
        )

    def _at(self) -> float:
        return time.monotonic() - self.began


@frozen
class _Target:
    """One that is waited for.

    Attributes:
        ref: As it was given.
        found: The ticket of what runs on it, or the outcome where nothing does.
        is_ticket: A ticket was given, which is one refresh of its cluster and not whatever runs on it.
    """

    ref: int | str
    found: RefreshTicket | Outcome
    is_ticket: bool = False


def _once(targets: Sequence[_Target]) -> list[_Target]:
    """Return each cluster once that was given by its id and by its name too."""
    by_cluster: dict[object, _Target] = {}
    for target in targets:
        cluster_id = target.found.cluster_id
        key = target.found if target.is_ticket else target.ref if cluster_id is None else (cluster_id,)
        by_cluster.setdefault(key, target)
    return list(by_cluster.values())


def _outcome_of(problem: TaError, ref: int | str, ticket: RefreshTicket | None) -> Outcome:
    """Return the outcome of one that cannot be waited for. Raises what keeps all of them from it."""
    if isinstance(problem, TokenRejected | InvalidRequest | OutputError):
        raise problem
    name = ref if isinstance(ref, str) else None
    return Outcome(
        ref=ref,
        status=next((status for kind, status in _STATUSES if isinstance(problem, kind)), Status.FAILED),
        cluster_id=ref if isinstance(ref, int) else None if ticket is None else ticket.cluster_id,
        cluster_name=name if ticket is None else ticket.cluster_name,
        ticket=ticket,
        **explain(problem),
    )


async def _all_of(parts: Sequence[Coroutine[object, object, R]]) -> list[R]:
    """Run all at once, and return their results in the same order. The first error ends all of them."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part) for part in parts]
    except* TaError as problems:
        problem = problems.exceptions[0]
    else:
        return [task.result() for task in tasks]
    assert isinstance(problem, TaError)
    raise problem.without_history()


def _read(path: str) -> list[int | str | RefreshTicket]:
    def parse(line: str, _: int) -> Sequence[int | str | RefreshTicket]:
        return _tickets(line) if line.startswith("{") else [ref_of(line)]

    return list(dict.fromkeys(read_lines(path, parse, longest=_LONGEST_LINE)))


def _ref_or_ticket(word: str) -> int | str | RefreshTicket:
    return RefreshTicket.from_json(word) if word.lstrip().startswith("{") else ref_of(word)


@frozen(kw_only=True)
class _Line:
    event: str = field(default="", metadata=json_key(may_be_absent=True))


def _tickets(line: str) -> list[RefreshTicket]:
    """Return the ticket that a line is, or those that it has: of a report, the tickets of outcomes that may not have ended."""
    found = read_json(_Line, line)
    event = "" if isinstance(found, Message) else found.event
    if event == "report":
        outcomes = RefreshReport.from_json(line).outcomes
        return [one.ticket for one in outcomes if one.status in _MAY_RUN and one.ticket is not None]
    return [] if event else [RefreshTicket.from_json(line)]
