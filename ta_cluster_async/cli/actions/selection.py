"""Which clusters and tags a command means: ids, names, globs, all, the stale ones, those of a file, those that failed in a run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from attrs import field, frozen

from ...errors import ConfigurationError, InvalidRequest
from ...messages import Message
from ...models import ClusterRow
from ...models.strict_json import json_key, read_json
from ..connection import ref_of
from ..i18n.translate import tr
from ..input import read_lines
from ..output.console import print_warning
from ..report.source import NoSuchRun, find_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...batch import Journal
    from ...resources import Project

_GLOB = frozenset("*?[")
_PAGE = 1000


@frozen(kw_only=True)
class Wanted:
    """What the arguments of a command ask for.

    Attributes:
        refs: Ids, names and globs.
        everything: All that the list has.
        from_file: A file with a reference in each line, or `-` for standard input.
        failed_in: The run whose failures are meant.
        exclude: Ids, names and globs that are not meant.
        stale_seconds: Only those whose last refresh is longer ago, in seconds.
        clusters: Whether lists are of clusters.
        tags: Whether lists are of tags.
    """

    refs: Sequence[str] = ()
    everything: bool = False
    from_file: str | None = None
    failed_in: str | None = None
    exclude: Sequence[str] = ()
    stale_seconds: float | None = None
    clusters: bool = True
    tags: bool = True

    @property
    def is_nothing(self) -> bool:
        """Whether the arguments name nothing at all."""
        return not (self.refs or self.everything or self.from_file or self.failed_in or self.stale_seconds)


@frozen(kw_only=True)
class Selection:
    """What is meant.

    Attributes:
        refs: Ids and names, each once, in the order of the arguments and lists.
        rows: The list's rows by id, where the list was read.
        uploaded: How many were left out because they were uploaded, so that they have nothing to refresh.
    """

    refs: list[int | str]
    rows: dict[int, ClusterRow] = field(factory=dict, repr=False)
    uploaded: int = 0

    def find(self, ref: int | str) -> ClusterRow | None:
        """Return the row of a reference; None where the list has none."""
        if isinstance(ref, int):
            return self.rows.get(ref)
        return next((row for row in self.rows.values() if row.cluster_name == ref), None)


async def select(
    project: Project,
    wanted: Wanted,
    journal: Journal | None,
    timezone: str | None,
    *,
    reads_list: bool = False,
) -> Selection:
    """Return what is meant, reading the whole list where the arguments need it, or `reads_list` asks for it.

    Uploaded ones, which have nothing to refresh, are left out of lists only where the list was not asked for.

    Raises:
        TaError: The list, the file or the journal cannot be read.
    """
    stale_before = (
        None if wanted.stale_seconds is None else before(server_now(timezone), wanted.stale_seconds)
    )
    given = [*wanted.refs]
    if wanted.from_file is not None:
        given += _read_refs(wanted.from_file)
    failed = [] if wanted.failed_in is None else await _failed_in(project, wanted.failed_in, journal)
    globs = [one for one in given if is_glob(one)]
    if not (wanted.clusters and wanted.tags) and (wanted.failed_in is not None or len(globs) < len(given)):
        raise InvalidRequest(
            tr(
                "--clusters and --tags choose from what --all, a glob or --stale-older-than finds, and not from ids, names or the"
                " failures of a run: leave them out."
            )
        )
    base_is_all = wanted.everything or not (wanted.refs or wanted.from_file or wanted.failed_in)
    if not (reads_list or globs or wanted.exclude or wanted.stale_seconds or base_is_all):
        return Selection(refs=_once([*(ref_of(one) for one in given), *failed]))
    rows = await _rows(project, wanted)
    chosen: list[int | str | ClusterRow] = []
    for one in given:
        if is_glob(one):
            matching = [row for row in rows if fnmatchcase(row.cluster_name, one)]
            if not matching:
                print_warning(tr("Nothing matches {glob!r}.", glob=one))
            chosen += matching
        else:
            chosen.append(ref_of(one))
    chosen += failed
    if base_is_all:
        chosen += rows
    return _narrow(chosen, rows, wanted.exclude, stale_before, keeps_uploaded=reads_list)


def _narrow(
    chosen: Iterable[int | str | ClusterRow],
    rows: Sequence[ClusterRow],
    exclude: Sequence[str],
    stale_before: datetime | None,
    *,
    keeps_uploaded: bool,
) -> Selection:
    """Leave out what is excluded, uploaded or not stale. A ref that was given and is not in the list stays: it gets its outcome."""
    by_id = {row.id: row for row in rows}
    by_name = {row.cluster_name: row for row in rows}
    refs: list[int | str] = []
    uploaded: set[int] = set()
    for one in chosen:
        row = by_id.get(one) if isinstance(one, int) else by_name.get(one) if isinstance(one, str) else one
        if row is None:
            assert isinstance(one, int | str)
            if not _is_excluded((str(one),), exclude):
                refs.append(one)
            continue
        if _is_excluded((str(row.id), row.cluster_name), exclude):
            continue
        if stale_before is not None and row.refresh_time is not None and row.refresh_time >= stale_before:
            continue
        if not keeps_uploaded and one is row and str(row.cluster_type or "").endswith("_by_import"):
            uploaded.add(row.id)
            continue
        refs.append(row.id)
    return Selection(refs=_once(refs), rows=by_id, uploaded=len(uploaded))


def server_now(timezone: str | None) -> datetime:
    """Return the time of the server's clock, taken from this machine's: in that zone, or in this machine's.

    Raises:
        ConfigurationError: There is no such zone.
    """
    if timezone is None:
        return datetime.now().astimezone().replace(tzinfo=None)
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few need it

    try:
        zone = ZoneInfo(timezone)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        zone = None
    except KeyError:
        zone = None
    if zone is None:
        raise ConfigurationError(
            tr("There is no time zone {timezone!r}. Use a name such as Asia/Shanghai.", timezone=timezone)
        )
    return datetime.now(zone).replace(tzinfo=None)


def before(now: datetime, seconds: float) -> datetime:
    """Return the time `seconds` before `now`; the earliest possible time where that is too far back."""
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min  # noqa: DTZ901 - a naive server time


async def _rows(project: Project, wanted: Wanted) -> list[ClusterRow]:
    rows: list[ClusterRow] = []
    for resource, is_wanted in ((project.clusters, wanted.clusters), (project.tags, wanted.tags)):
        if is_wanted:
            rows += await resource.list(page_size=_PAGE).collect()
    return rows


async def _failed_in(project: Project, run: str, journal: Journal | None) -> list[int | str]:
    """Return what did not succeed in a run of the journal, and what it did not reach."""
    if journal is None:
        raise ConfigurationError(
            tr("--failed-in needs the journal of the run: name it with --journal FILE or TA_JOURNAL.")
        )

    def read() -> list[int | str]:
        runs = [
            info
            for info in journal.runs()
            if info.project_id == project.id and info.base_url == project.session.base_url
        ]
        try:
            info = find_run(runs, run, journal.path)
        except NoSuchRun as problem:
            raise InvalidRequest(str(problem)) from None
        return [
            outcome.ref if outcome.cluster_id is None else outcome.cluster_id
            for outcome in journal.outcomes(info.run_id)
            if outcome.is_failure
        ]

    return await asyncio.to_thread(read)


def _read_refs(path: str) -> list[str]:
    """Return the refs in a file. A line of JSON is a row, as `ta-cluster list --json` writes it."""
    return read_lines(path, lambda line, number: [_ref_in(line, number) if line.startswith("{") else line])


@frozen(kw_only=True)
class _Row:
    """The id in a row of `list --json`, or in an outcome."""

    id: int | None = field(default=None, metadata=json_key(least=1, may_be_absent=True))
    cluster_id: int | None = field(default=None, metadata=json_key(least=1, may_be_absent=True))


def _ref_in(line: str, number: int) -> str:
    row = read_json(_Row, line)
    found = None if isinstance(row, Message) else row.id or row.cluster_id
    if found is None:
        raise InvalidRequest(
            tr(
                "Line {number} of the references is JSON, but not a row with an id as `ta-cluster list --json` writes it.",
                number=number,
            )
        )
    return str(found)


def is_glob(text: str) -> bool:
    """Return whether a text is a pattern for names."""
    return not _GLOB.isdisjoint(text)


def _is_excluded(names: Iterable[str], exclude: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in exclude)


def _once(refs: Iterable[int | str]) -> list[int | str]:
    return list(dict.fromkeys(refs))
