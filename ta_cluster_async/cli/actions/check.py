"""Checks clusters and tags as they are: that they are there, have not failed, are fresh, and have a usual size."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import frozen

from ...batch import Journal, SizeGuard
from ...batch.journal.sizes import read_sizes
from ...errors import InvalidRequest
from ...messages import Message
from ...models import ClusterRow
from ..config.settings import find_settings
from ..connection import open_project
from ..exit_codes import Exit
from ..i18n.translate import ntr, tr
from ..output.console import print_json, print_message, print_result
from ..output.errors import message_text
from ..output.records import form_of, print_records
from ..output.tables import check_table
from .notify import failures_told, notifier_of
from .selection import Wanted, before, select, server_now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ...batch.journal.sizes import PastSize
    from ...resources import Project
    from ..options import CliOptions
    from ..output.format import OutputFormat
    from .selection import Selection

_COLUMNS = ("ref", "cluster_id", "cluster_name", "users_num", "progress", "refresh_time", "ok", "problems")


@frozen(kw_only=True)
class Checked:
    """What was found about one reference.

    Attributes:
        ref: The id, or the name of what is not there.
        row: Its row in the list; None where it has none.
        problems: What is off.
    """

    ref: int | str
    row: ClusterRow | None
    problems: tuple[Message, ...]

    @property
    def name(self) -> str:
        """The name, where there is one."""
        return self.row.cluster_name if self.row is not None else str(self.ref)

    @property
    def key(self) -> str:
        """What it is told apart by: the id, where there is one."""
        return str(self.ref if self.row is None else self.row.id)

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON values."""
        row = self.row
        return {
            "ref": self.ref,
            "cluster_id": None if row is None else row.id,
            "cluster_name": None if row is None else row.cluster_name,
            "users_num": None if row is None else row.users_num,
            "progress": None if row is None else row.progress,
            "refresh_time": None if row is None or row.refresh_time is None else str(row.refresh_time),
            "ok": not self.problems,
            "problems": [
                {"code": one.code, "message": str(one), "params": dict(one.params)} for one in self.problems
            ],
        }


async def check(
    options: CliOptions,
    refs: Sequence[str],
    *,
    exclude: Sequence[str],
    fresh: float | None,
    min_users: int | None,
    max_change: float | None,
    journal: Path | None,
    wanted: tuple[OutputFormat | None, str | None, bool],
    notify: tuple[str | None, str | None] = (None, None),
) -> Exit:
    """Write what is off, from lists that are read once. `wanted` has --output, --fields and --json, `notify` is that of `refresh`."""
    form = form_of(*wanted[:2], as_json=wanted[2])
    settings = find_settings(options)
    path = journal or settings.journal
    if max_change is not None and path is None:
        raise InvalidRequest(
            tr(
                "--max-change compares with earlier runs: name their journal with --journal FILE or TA_JOURNAL."
            )
        )
    stale_before = None if fresh is None else before(server_now(settings.timezone), fresh)
    guard = SizeGuard(min_users=min_users, max_change=max_change)
    # The whole list is read, also where only ids and names are given.
    chosen = Wanted(refs=refs, everything=not refs, exclude=exclude)
    notifier = notifier_of(*notify, None if path is None else Journal(path), "check", chosen)
    async with open_project(settings) as project, failures_told(notifier, project):
        selection = await select(project, chosen, None, settings.timezone, reads_list=True)
        past = await _sizes(project, selection, None if max_change is None else path, guard.runs)
        found = [_check(ref, selection, stale_before, guard, past) for ref in selection.refs]
        off = [one for one in found if one.problems]
        report = {
            "event": "check",
            "version": 1,
            "project_id": project.id,
            "checked": len(found),
            "off": len(off),
            "clusters": [one.to_dict() for one in found],
        }
        if form.is_json:
            print_json({**report, "clusters": form.chosen([one.to_dict() for one in found], _COLUMNS)})
        elif not form.is_usual_table:
            print_records([one.to_dict() for one in found], form, _COLUMNS)
        else:
            _print(found, off)
        if not found:
            return Exit.NOTHING
        codes = {one.key: ", ".join(each.code for each in one.problems) for one in off}
        is_told = notifier is None or await notifier.tell(project, codes, report)
    return Exit.FAILED if off or not is_told else Exit.OK


def _print(found: Sequence[Checked], off: Sequence[Checked]) -> None:
    if off:
        rows = [(one.name, one.row, " ".join(map(message_text, one.problems))) for one in off]
        print_result(check_table(rows))
    if not found:
        print_message(tr("Nothing matches, so there is nothing to check."))
        return
    checked = ntr("{count} cluster or tag checked", "{count} clusters and tags checked", len(found))
    print_message(tr("{checked}, {off} with something off.", checked=checked, off=len(off)))


async def _sizes(
    project: Project, selection: Selection, path: str | Path | None, runs: int
) -> dict[int, list[PastSize]]:
    """Return the sizes of earlier runs; none where no journal is asked for. Raises JournalError where there is none."""
    if path is None:
        return {}
    ids = list(selection.rows)
    # One more: the latest may be the very size that is checked.
    where = project.session.base_url, project.id
    return await asyncio.to_thread(read_sizes, Journal(path).path, *where, ids, runs + 1)


def _check(
    ref: int | str,
    selection: Selection,
    stale_before: datetime | None,
    guard: SizeGuard,
    past: dict[int, list[PastSize]],
) -> Checked:
    row = selection.find(ref)
    if row is None:
        return Checked(ref=ref, row=None, problems=(Message("no-such-cluster", ref=ref),))
    time = None if row.refresh_time is None else row.refresh_time.isoformat(" ")
    sizes = [one.users_num for one in past.get(row.id, ()) if one.refresh_time != time or time is None]
    problems: list[Message] = []
    if row.progress == -1:
        problems.append(Message("check-failed"))
    # What was uploaded has nothing to refresh.
    if stale_before is not None and not str(row.cluster_type or "").endswith("_by_import"):
        if row.refresh_time is None:
            problems.append(Message("check-never-refreshed"))
        elif row.refresh_time < stale_before:
            problems.append(Message("check-stale", refreshed=str(row.refresh_time)))
    # While it is computed, its size is that of before or of nothing yet.
    if row.progress is None or not 0 <= row.progress < 100:
        problems += guard.warnings(row.users_num, sizes)
    return Checked(ref=ref, row=row, problems=tuple(problems))
