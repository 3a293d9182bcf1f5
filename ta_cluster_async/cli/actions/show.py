"""Lists, definitions and progress of clusters and tags: what changes nothing."""

from __future__ import annotations

from contextlib import aclosing
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from ...errors import InvalidRequest
from ...messages import Message
from ...models import Catalog, unstructure
from ..config.names import remember
from ..connection import open_project, ref_of
from ..exit_codes import Exit
from ..i18n.translate import tr
from ..output.console import print_json, print_lines, print_message, print_result, print_warning
from ..output.errors import message_text
from ..output.records import form_of, print_records
from ..output.tables import detail_table, row_table
from .selection import is_glob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...models import ClusterDetail, ClusterRow
    from ...resources import Pager, Project
    from ..options import CliOptions
    from ..output.format import OutputFormat

_PAGE = 1000
_ROWS_OF_A_PAGE = 100
_DONE = 100
_COLUMNS = (
    "id",
    "clusterName",
    "displayName",
    "clusterType",
    "progress",
    "usersNum",
    "refreshTime",
    "userName",
    "remarks",
)
_COLUMNS_OF_DETAIL = (
    "id",
    "clusterName",
    "displayName",
    "clusterType",
    "progress",
    "usersNum",
    "refreshTime",
    "userClusterDef",
    "userTagDef",
)
_KEYS: dict[str, Callable[[ClusterRow], Any]] = {
    "id": lambda row: row.id,
    "name": lambda row: row.cluster_name,
    "users": lambda row: row.users_num,
    "refreshed": lambda row: row.refresh_time,
}


async def list_rows(
    options: CliOptions,
    *,
    tags: bool,
    name: str | None,
    types: Sequence[str],
    status: str | None,
    sort: str | None,
    reverse: bool,
    limit: int | None,
    page: int | None,
    page_size: int | None,
    wanted: tuple[OutputFormat | None, str | None, bool],
) -> Exit:
    """Write the rows of the clusters, or of the tags: all, or those of one page.

    Globs and states are matched here, all else by the server. `wanted` has --output, --fields and --json.
    """
    form = form_of(*wanted[:2], as_json=wanted[2])
    glob = name if name is not None and is_glob(name) else None
    rows_of_page = page_size or _ROWS_OF_A_PAGE
    last = None if page is None else page * rows_of_page
    # A first part of the list is enough where it need not be sorted.
    most = limit if last is None and sort is None and not reverse else last
    is_filtered = glob is not None or status is not None

    def matches(row: ClusterRow) -> bool:
        return (glob is None or fnmatchcase(row.cluster_name, glob)) and (
            status is None or _state(row.progress) == status
        )

    async with open_project(options) as project:
        resource = project.tags if tags else project.clusters
        listing = resource.list(
            name=None if glob else name,
            types=types or None,
            page_size=min(page_size or _PAGE, _PAGE)
            if last is None or is_filtered
            else min(rows_of_page, _PAGE),
        )
        rows = await _first_rows(listing, matches, most)
        is_whole = name is None and not types and page is None and status is None and most is None
        remember(project, Catalog.TAG if tags else Catalog.CLUSTER, rows, all_of_them=is_whole)
    if listing.missing:
        print_warning(message_text(Message("rows-missing", missing=listing.missing)))
    if last is not None:
        rows = rows[last - rows_of_page :]
    if sort is not None:
        rows = _sorted(rows, _KEYS[sort], reverse=reverse)
    elif reverse:
        rows.reverse()
    rows = rows[:limit]
    if not form.is_usual_table:
        print_records([unstructure(row) for row in rows], form, _COLUMNS)
    elif rows:
        print_result(row_table(rows))
    if not rows:
        is_narrowed = bool(types) or page is not None or status is not None
        print_message(tr("Nothing in the list matches.") if is_narrowed else _nothing(name, tags=tags))
        return Exit.OK if name is None and not is_narrowed else Exit.NOTHING
    return Exit.OK


async def _first_rows(
    listing: Pager, matches: Callable[[ClusterRow], bool], most: int | None
) -> list[ClusterRow]:
    """Return the rows that match, and no more than `most`: a row counts once, also where it moves to a later page meanwhile."""
    rows: list[ClusterRow] = []
    async with aclosing(listing.pages()) as pages:
        async for page in pages:
            rows += [row for row in page.rows if matches(row)]
            if most is not None and len(rows) >= most:
                return rows[:most]
    return rows


def _sorted(
    rows: Sequence[ClusterRow], key: Callable[[ClusterRow], Any], *, reverse: bool
) -> list[ClusterRow]:
    """Return the rows by a key; those without it are the last."""
    known = [row for row in rows if key(row) is not None]
    return sorted(known, key=key, reverse=reverse) + [row for row in rows if key(row) is None]


def _state(progress: int | None) -> str | None:
    """Return what the latest computation came to; None where the list does not say."""
    if progress is None:
        return None
    return "failed" if progress < 0 else "running" if progress < _DONE else "done"


async def show_one(
    options: CliOptions,
    ref: str,
    *,
    tags: bool,
    wanted: tuple[OutputFormat | None, str | None, bool],
) -> Exit:
    """Write a cluster or tag with its definition. `wanted` has --output, --fields and --json."""
    form = form_of(*wanted[:2], as_json=wanted[2])
    async with open_project(options) as project:
        detail = await read_one(project, ref, tags=tags)
    if form.is_usual_table:
        print_result(detail_table(detail))
    else:
        print_records([unstructure(detail)], form, _COLUMNS_OF_DETAIL, indent=2)
    return Exit.OK


async def show_progress(options: CliOptions, ref: str, *, as_json: bool) -> Exit:
    """Write the progress of a cluster or tag."""
    async with open_project(options) as project:
        percent = await project.clusters.progress(ref_of(ref))
    if as_json:
        print_json({"event": "progress", "ref": ref_of(ref), "progress": percent})
    else:
        print_lines([str(percent)])
    return Exit.OK


async def read_one(project: Project, ref: str, *, tags: bool = False) -> ClusterDetail:
    """Return a cluster or tag; with `tags` only a tag.

    Raises:
        NotFound: There is none.
        InvalidRequest: It is a cluster, and a tag is asked for.
    """
    detail = await project.clusters.detail(ref_of(ref))
    if tags and detail.catalog is Catalog.CLUSTER:
        raise InvalidRequest(
            tr(
                "{name} is a cluster, but --tags asks for a tag: leave the option out.",
                name=detail.cluster_name,
            )
        )
    return detail


def _nothing(name: str | None, *, tags: bool) -> str:
    if name is None:
        return tr("There is no tag in this project.") if tags else tr("There is no cluster in this project.")
    if tags:
        return tr("No tag has {name!r} in its name.", name=name)
    return tr("No cluster has {name!r} in its name.", name=name)
