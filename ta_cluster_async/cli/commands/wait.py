"""`ta-cluster wait`."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from attrs import frozen

from ...batch import (
    Attached,
    Event,
    Finished,
    Outcome,
    Planned,
    Progressed,
    Status,
)
from ...batch.report import explain
from ...errors import InvalidRequest, NotFound, TaError, TokenRejected
from ...messages import Message
from ...models import Catalog, RefreshTicket
from ...models.ticket_errors import RefreshFailed, RefreshStalled, RefreshTimeout, RefreshUnconfirmed
from ...protocol.refresh import is_running
from ..config.settings import Given
from ..connection import (
    Quiet,
    connected,
    for_a_person,
    open_project,
    ref_of,
)
from ..durations import seconds_of
from ..exit_codes import Exit, exit_of_outcomes
from ..i18n.translate import tr
from ..input import check_stdin, read_text
from ..output.console import print_message, print_result, stderr
from ..output.json_lines import event_json
from ..output.live import failure_line, progress_display
from ..output.progress import ProgressState
from ..output.tables import outcome_table
from ..running import run

if TYPE_CHECKING:
    from ...resources import Project, Refresh

_STATUSES: tuple[tuple[type[TaError], Status], ...] = (
    (RefreshFailed, Status.FAILED),
    (RefreshUnconfirmed, Status.UNCONFIRMED),
    (RefreshStalled, Status.STALLED),
    (RefreshTimeout, Status.TIMED_OUT),
    (NotFound, Status.REJECTED),
)
_GOES_ON = frozenset({"cancelled", "timed_out", "stalled", "unconfirmed"})


@connected
def wait(
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="REF", help=tr("Ids, names, or tickets as their JSON text.")),
    ] = None,
    *,
    given: Given,
    from_file: Annotated[
        str | None,
        typer.Option(
            "--from-file",
            metavar="FILE",
            help=tr("Those in a file, one in a line, or the lines of `refresh --json`; - is standard input."),
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            parser=seconds_of,
            metavar="TIME",
            help=tr("Wait no longer than this, such as 90, 30m or 2h."),
        ),
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help=tr("Write each event as a line of JSON."))
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Wait for refreshes that were started elsewhere. It starts none.

    A ticket stands for one refresh. A cluster or tag by its id or name stands for what is running on it now.

    Example: ta-cluster wait whales 971 --timeout 2h
    """
    del quiet

    async def command() -> Exit:
        check_stdin(from_file, given.token_file)
        wanted = [_ref_or_ticket(word) for word in refs or ()]
        if from_file is not None:
            wanted += _read(from_file)
        if not wanted:
            if from_file is None:
                raise InvalidRequest(tr("Say what to wait for: ids, names, tickets, or --from-file."))
            print_message(tr("There is nothing to wait for."))
            return Exit.NOTHING
        async with open_project(given) as project:
            waiting = _Waiting(project, timeout, time.monotonic())
            if json_lines:
                outcomes = await waiting.all(wanted, lambda event: typer.echo(event_json(event)))
            else:
                with progress_display(state=ProgressState(at_once=len(wanted))) as display:
                    outcomes = await waiting.all(wanted, display.show)
                for outcome in outcomes:
                    if not outcome.ok and display.shown == 0:
                        print_message(failure_line(outcome))
                print_result(outcome_table(outcomes))
        return exit_of_outcomes([outcome for outcome in outcomes if not outcome.ok], len(outcomes))

    run(command())


@frozen
class _Waiting:
    project: "Project"
    timeout: float | None
    began: float

    async def all(
        self, wanted: list[int | str | RefreshTicket], tell: Callable[[Event], None]
    ) -> list[Outcome]:
        """Wait for each, and return their outcomes in the order of their ends."""
        outcomes: list[Outcome] = []
        count = len(wanted)
        tell(Planned(at=0.0, refs=count, complete=True, to_refresh=0, to_attach=count, settled=0))

        async def one(what: int | str | RefreshTicket) -> None:
            outcome = await self._one(what, tell)
            outcomes.append(outcome)
            tell(Finished(at=self._at(), outcome=outcome))

        try:
            async with asyncio.TaskGroup() as group:
                for what in wanted:
                    group.create_task(one(what))
        except* TaError as problems:
            problem = problems.exceptions[0]
        else:
            return outcomes
        assert isinstance(problem, TaError)
        raise problem.without_history()

    async def _one(self, what: int | str | RefreshTicket, tell: Callable[[Event], None]) -> Outcome:
        ref = what if isinstance(what, int | str) else what.cluster_id
        ticket = what if isinstance(what, RefreshTicket) else None
        try:
            if ticket is None:
                found = await self._running(ref)
                if isinstance(found, Outcome):
                    return found
                ticket = found
            handle = self._attach(ticket)
            return await self._follow(ref, ticket, handle, tell)
        except (TokenRejected, InvalidRequest):
            raise
        except TaError as problem:
            status = next((status for kind, status in _STATUSES if isinstance(problem, kind)), Status.FAILED)
            cluster_id = ref if isinstance(ref, int) else None if ticket is None else ticket.cluster_id
            return Outcome(
                ref=ref,
                status=status,
                cluster_id=cluster_id,
                cluster_name=None if ticket is None else ticket.cluster_name,
                ticket=ticket,
                **explain(problem),
            )

    async def _running(self, ref: int | str) -> RefreshTicket | Outcome:
        """A ticket for what runs on a cluster now, or how it stands if nothing does."""
        detail = await self.project.clusters.detail(ref)
        if is_running(detail.progress, detail.refresh_time):
            return RefreshTicket(
                project_id=self.project.id,
                cluster_id=detail.id,
                cluster_name=detail.cluster_name,
                catalog=detail.catalog,
                baseline_refresh_time=detail.refresh_time,
                baseline_progress=detail.progress,
                submitted_at=datetime.now(UTC),
                attached=True,
            )
        status, message = {
            100: (Status.SUCCEEDED, None),
            -1: (Status.FAILED, Message("not-running-failed")),
        }.get(detail.progress, (Status.UNCONFIRMED, Message("not-running-never-refreshed")))
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

    def _attach(self, ticket: RefreshTicket) -> "Refresh":
        resource = self.project.tags if ticket.catalog is Catalog.TAG else self.project.clusters
        return resource.attach(ticket, poll=for_a_person(self.project) if stderr().is_terminal else None)

    async def _follow(
        self, ref: int | str, ticket: RefreshTicket, handle: "Refresh", tell: Callable[[Event], None]
    ) -> Outcome:
        cluster_id, name = ticket.cluster_id, ticket.cluster_name or str(ticket.cluster_id)
        began = self._at()
        tell(Attached(at=began, ref=ref, cluster_id=cluster_id, cluster_name=name, ticket=ticket))
        async for percent in handle.progress(timeout=self.timeout):
            if percent < 100:
                tell(
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


def _read(path: str) -> list[int | str | RefreshTicket]:
    found: list[int | str | RefreshTicket] = []
    for line in (line.strip() for line in read_text(path).splitlines()):
        if line.startswith("{"):
            found += _tickets(line)
        elif line and not line.startswith("#"):
            found.append(ref_of(line))
    return list(dict.fromkeys(found))


def _ref_or_ticket(word: str) -> int | str | RefreshTicket:
    return RefreshTicket.from_json(word) if word.lstrip().startswith("{") else ref_of(word)


def _tickets(line: str) -> list[RefreshTicket]:
    """The ticket that a line is, or that it has: of an event, or of those outcomes of a report that are not known to have ended."""
    try:
        said = json.loads(line)
    except ValueError:
        said = {}
    if "event" not in said:
        return [RefreshTicket.from_json(line)]
    if said["event"] == "report":
        left = [one["ticket"] for one in said.get("outcomes", ()) if one.get("status") in _GOES_ON]
        return [RefreshTicket.from_json(json.dumps(ticket)) for ticket in left if ticket]
    return []
