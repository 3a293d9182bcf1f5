"""Lists, definitions and progress of clusters and tags: what changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import InvalidRequest
from ...models import Catalog, unstructure
from ..connection import open_project, ref_of
from ..exit_codes import Exit
from ..i18n.translate import tr
from ..output.console import print_json, print_lines, print_message, print_result
from ..output.tables import detail_table, row_table

if TYPE_CHECKING:
    from ...models import ClusterDetail
    from ...resources import Project
    from ..options import CliOptions

_PAGE = 1000


async def list_rows(options: CliOptions, *, tags: bool, name: str | None, json_lines: bool) -> Exit:
    """Write the rows of the clusters, or of the tags."""
    async with open_project(options) as project:
        resource = project.tags if tags else project.clusters
        rows = await resource.list(name=name, page_size=_PAGE).collect()
    if json_lines:
        for row in rows:
            print_json(unstructure(row))
    elif rows:
        print_result(row_table(rows))
    if not rows:
        print_message(_nothing(name, tags=tags))
    return Exit.OK if rows or name is None else Exit.NOTHING


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
