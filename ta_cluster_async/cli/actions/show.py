"""Lists, definitions and progress of clusters and tags: what changes nothing."""

from __future__ import annotations

from contextlib import aclosing
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ...errors import InvalidRequest
from ...messages import Message
from ...models import Catalog, unstructure
from ..config.names import remember
from ..connection import open_project, ref_of
from ..exit_codes import Exit
from ..i18n.translate import tr
from ..output.console import print_json, print_lines, print_message, print_result, print_warning
from ..output.errors import message_text
from ..output.tables import detail_table, row_table
from .selection import is_glob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...models import ClusterDetail, ClusterRow
    from ...resources import Pager, Project
    from ..options import CliOptions

_PAGE = 1000
_ROWS_OF_A_PAGE = 100


async def list_rows(
    options: CliOptions,
    *,
    tags: bool,
    name: str | None,
    types: Sequence[str],
    page: int | None,
    page_size: int | None,
    json_lines: bool,
) -> Exit:
    """Write the rows of the clusters, or of the tags: all, or those of one page. A glob is matched here, all else by the server."""
    glob = name if name is not None and is_glob(name) else None
    rows_of_page = page_size or _ROWS_OF_A_PAGE
    last = None if page is None else page * rows_of_page
    async with open_project(options) as project:
        resource = project.tags if tags else project.clusters
        listing = resource.list(
            name=None if glob else name,
            types=types or None,
            page_size=min(page_size or _PAGE, _PAGE) if last is None or glob else min(rows_of_page, _PAGE),
        )
        rows = await _first_rows(listing, glob, last)
        is_whole = name is None and not types and page is None
        remember(project, Catalog.TAG if tags else Catalog.CLUSTER, rows, all_of_them=is_whole)
    if listing.missing:
        print_warning(message_text(Message("rows-missing", missing=listing.missing)))
    if last is not None:
        rows = rows[last - rows_of_page :]
    if json_lines:
        for row in rows:
            print_json(unstructure(row))
    elif rows:
        print_result(row_table(rows))
    if not rows:
        is_narrowed = bool(types) or page is not None
        print_message(tr("Nothing in the list matches.") if is_narrowed else _nothing(name, tags=tags))
        return Exit.OK if name is None and not is_narrowed else Exit.NOTHING
    return Exit.OK


async def _first_rows(listing: Pager, glob: str | None, most: int | None) -> list[ClusterRow]:
    """Return the rows whose name matches, and no more than `most`: a row counts once, also where it moves to a later page meanwhile."""
    rows: list[ClusterRow] = []
    async with aclosing(listing.pages()) as pages:
        async for page in pages:
            rows += [row for row in page.rows if glob is None or fnmatchcase(row.cluster_name, glob)]
            if most is not None and len(rows) >= most:
                return rows[:most]
    return rows


async def show_one(options: CliOptions, ref: str, *, tags: bool, as_json: bool) -> Exit:
    """Write a cluster or tag with its definition."""
    async with open_project(options) as project:
        detail = await read_one(project, ref, tags=tags)
    if as_json:
        print_json(unstructure(detail), indent=2)
    else:
        print_result(detail_table(detail))
    return Exit.OK


async def show_progress(options: CliOptions, ref: str) -> Exit:
    """Write the progress of a cluster or tag."""
    async with open_project(options) as project:
        print_lines([str(await project.clusters.progress(ref_of(ref)))])
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
