"""`ta-cluster list`, `show` and `progress`: commands that change nothing."""

import json
from typing import Annotated, TypeAlias

import typer

from ...errors import InvalidRequest
from ...models import Catalog, ClusterDetail, unstructure
from ...resources import Project
from ..config.settings import Given
from ..connection import (
    Quiet,
    connected,
    open_project,
    ref_of,
)
from ..exit_codes import Exit
from ..i18n.translate import tr
from ..output.console import json_text, print_message, print_result
from ..output.tables import detail_table, row_table
from ..running import run

Ref: TypeAlias = Annotated[
    str, typer.Argument(metavar="REF", help=tr("A cluster or tag: digits are an id, everything else a name."))
]
OnlyTags: TypeAlias = Annotated[
    bool, typer.Option("--tags", help=tr("It has to be a tag; without this, either is taken."))
]


@connected
def list_rows(
    *,
    given: Given,
    tags: Annotated[bool, typer.Option("--tags", help=tr("Tags in place of clusters."))] = False,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help=tr("Only names with this in them."))
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help=tr("Write each row as a line of JSON in the API's own names."))
    ] = False,
    quiet: Quiet = False,
) -> None:
    """List the clusters of the project, or its tags.

    Example: ta-cluster list --tags --name pay
    """
    del quiet

    async def command() -> Exit:
        async with open_project(given) as project:
            resource = project.tags if tags else project.clusters
            rows = await resource.list(name=name, page_size=1000).collect()
        if json_lines:
            for row in rows:
                typer.echo(json.dumps(unstructure(row)))
        elif rows:
            print_result(row_table(rows))
        if not rows:
            print_message(_nothing(name, tags=tags))
        return Exit.OK if rows or name is None else Exit.NOTHING

    run(command())


@connected
def show_one(
    ref: Ref,
    *,
    given: Given,
    tags: OnlyTags = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help=tr("Write it as JSON in the API's own names, which `update` and `create` read.")
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Show one cluster or tag with its definition.

    Example: ta-cluster show whales --json > whales.json
    """
    del quiet

    async def command() -> Exit:
        async with open_project(given) as project:
            detail = await read_one(project, ref, tags=tags)
        if as_json:
            typer.echo(json_text(unstructure(detail)))
        else:
            print_result(detail_table(detail))
        return Exit.OK

    run(command())


@connected
def progress(ref: Ref, *, given: Given, quiet: Quiet = False) -> None:
    """Write the progress of the latest computation.

    It is a percentage, 100 when done, and -1 when failed. The 100 may be that of the refresh before: `wait` can tell.

    Example: ta-cluster progress 970
    """
    del quiet

    async def command() -> Exit:
        async with open_project(given) as project:
            typer.echo(await project.clusters.progress(ref_of(ref)))
        return Exit.OK

    run(command())


async def read_one(project: Project, ref: str, *, tags: bool = False) -> ClusterDetail:
    """A cluster or tag; with `tags` only a tag.

    Raises:
        NotFound: There is none.
        InvalidRequest: It is a cluster, and a tag is asked for.
    """
    detail = await project.clusters.detail(ref_of(ref))
    if tags and detail.catalog is Catalog.CLUSTER:
        raise InvalidRequest(
            tr("{name} is a cluster, and --tags asks for a tag: leave it out.", name=detail.cluster_name)
        )
    return detail


def _nothing(name: str | None, *, tags: bool) -> str:
    if name is None:
        return tr("There is no tag in this project.") if tags else tr("There is no cluster in this project.")
    if tags:
        return tr("No tag has {name!r} in its name.", name=name)
    return tr("No cluster has {name!r} in its name.", name=name)
