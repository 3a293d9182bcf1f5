"""Which clusters and tags a command means: ids, names, globs, all, the stale ones, those of a file, those that failed in a run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from attrs import field, frozen

from ..batch.report import Status
from ..errors import ConfigurationError, InvalidRequest
from ..models import ClusterRow
from .i18n.translate import tr
from .input import read_text
from .output.console import print_warning
from .report.source import NoSuchRun, find_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..batch import Journal
    from ..resources import Project

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
        stale_before: Only those whose refresh time is before this, in the server's local time.
        clusters: Whether lists are of clusters.
        tags: Whether lists are of tags.
    """

    refs: Sequence[str] = ()
    everything: bool = False
    from_file: str | None = None
    failed_in: str | None = None
    exclude: Sequence[str] = ()
    stale_before: datetime | None = None
    clusters: bool = True
    tags: bool = True

    @property
    def is_nothing(self) -> bool:
        """True when the arguments name nothing at all."""
        return not (self.refs or self.everything or self.from_file or self.failed_in or self.stale_before)


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


async def select(project: Project, wanted: Wanted, journal: Journal | None) -> Selection:
    """Find out what is meant, with a sweep through the list where the arguments need one.

    Raises:
        TaError: The list, the file or the journal cannot be read.
    """
    words = [*wanted.refs]
    if wanted.from_file is not None:
        words += _read_refs(wanted.from_file)
    failed = [] if wanted.failed_in is None else await _failed_in(project, wanted.failed_in, journal)
    globs = [word for word in words if _is_glob(word)]
    base_is_all = wanted.everything or not (wanted.refs or wanted.from_file or wanted.failed_in)
    if not (globs or wanted.exclude or wanted.stale_before or base_is_all):
        return Selection(refs=_once([*(_ref(word) for word in words), *failed]))
    rows = await _rows(project, wanted)
    chosen: list[int | str | ClusterRow] = []
    for word in words:
        if _is_glob(word):
            matching = [row for row in rows if fnmatchcase(row.cluster_name, word)]
            if not matching:
                print_warning(tr("Nothing matches {glob!r}.", glob=word))
            chosen += matching
        else:
            chosen.append(_ref(word))
    chosen += failed
    if base_is_all:
        chosen += rows
    return _narrow(chosen, rows, wanted)


def _narrow(
    chosen: Iterable[int | str | ClusterRow], rows: Sequence[ClusterRow], wanted: Wanted
) -> Selection:
    """Leave out what is excluded, uploaded or not stale. What was named itself and is not in the list stays: it gets its outcome."""
    by_id = {row.id: row for row in rows}
    by_name = {row.cluster_name: row for row in rows}
    refs: list[int | str] = []
    uploaded: set[int] = set()
    for one in chosen:
        listed = not isinstance(one, int | str)
        row = (
            one
            if not isinstance(one, int | str)
            else by_id.get(one)
            if isinstance(one, int)
            else by_name.get(one)
        )
        if row is None:
            assert isinstance(one, int | str)
            if not _is_excluded((str(one),), wanted.exclude):
                refs.append(one)
            continue
        if _is_excluded((str(row.id), row.cluster_name), wanted.exclude):
            continue
        if (
            wanted.stale_before is not None
            and row.refresh_time is not None
            and row.refresh_time >= wanted.stale_before
        ):
            continue
        if listed and str(row.cluster_type or "").endswith("_by_import"):
            uploaded.add(row.id)
            continue
        refs.append(row.id)
    return Selection(refs=_once(refs), rows=by_id, uploaded=len(uploaded))


def server_now(timezone: str | None) -> datetime:
    """The time of the server's clock as far as this machine's tells: in that zone, or in this machine's.

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
            tr("There is no time zone {timezone!r}. It has to be such as Asia/Shanghai.", timezone=timezone)
        )
    return datetime.now(zone).replace(tzinfo=None)


def before(now: datetime, seconds: float) -> datetime:
    """So many seconds before a time; the beginning of time where that is too far back."""
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
    """What did not succeed in a run of the journal, and what it did not come to."""
    if journal is None:
        raise ConfigurationError(
            tr("--failed-in needs the journal that the run is in: give it with --journal FILE or TA_JOURNAL.")
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
        good = (Status.SUCCEEDED, Status.SKIPPED)
        return [
            outcome.ref if outcome.cluster_id is None else outcome.cluster_id
            for outcome in journal.outcomes(info.run_id)
            if outcome.status not in good
        ]

    return await asyncio.to_thread(read)


def _read_refs(path: str) -> list[str]:
    """The references in a file. A line of JSON is a row, as `ta-cluster list --json` writes it."""
    lines = (line.strip() for line in read_text(path).splitlines())
    return [_word(line, number) for number, line in enumerate(lines, 1) if line and not line.startswith("#")]


def _word(line: str, number: int) -> str:
    if not line.startswith("{"):
        return line
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    found = None if row is None else row.get("id", row.get("cluster_id"))
    if type(found) is not int:
        raise InvalidRequest(
            tr(
                "Line {number} of the references is JSON, and no row with an id as `ta-cluster list --json` writes it.",
                number=number,
            )
        )
    return str(found)


def _is_glob(word: str) -> bool:
    return not _GLOB.isdisjoint(word)


def _is_excluded(names: Iterable[str], exclude: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in exclude)


def _ref(word: str) -> int | str:
    return int(word) if word.isascii() and word.isdecimal() else word


def _once(refs: Iterable[int | str]) -> list[int | str]:
    return list(dict.fromkeys(refs))
