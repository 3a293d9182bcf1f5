"""Writes the members of a cluster or tag."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ...models import Catalog
from ..connection import open_project
from ..exit_codes import Exit
from ..i18n.translate import ntr, tr
from ..output.console import is_quiet, live_on, print_message, stderr
from .members_files import STDOUT, suffix_of, write_members
from .show import read_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ...models import ClusterDetail
    from ...resources import Project
    from ...resources.members import Members
    from ..options import CliOptions


async def members(
    options: CliOptions, ref: str, *, output: str, columns: Sequence[str] | None, header: bool
) -> Exit:
    """Write the members. A file is made beside the given one, and takes its place at the end."""
    suffix_of(output)
    async with open_project(options) as project:
        detail = await read_one(project, ref)
        found = members_of(project, detail, columns)
        with _display(found, detail.users_num) as show:
            await write_members(found, output, header=header, show=show)
    count = ntr("{count} member", "{count} members", found.count)
    if output == STDOUT:
        print_message(tr("{members} written.", members=count))
    else:
        print_message(tr("{members} written to {path}.", members=count, path=output))
    return Exit.OK


def members_of(project: Project, detail: ClusterDetail, columns: Sequence[str] | None = None) -> Members[Any]:
    """Return the members of a cluster or tag, of which nothing is read yet."""
    resource: Any = project.tags if detail.catalog is Catalog.TAG else project.clusters
    found: Members[Any] = resource.members(detail.id, columns=columns)
    return found


@contextmanager
def _display(found: Members[Any], expected: int | None) -> Iterator[Callable[[], None]]:
    """Show a bar on a terminal: how many have come of those that the server counts."""
    console = stderr()
    if is_quiet() or not console.is_terminal or console.is_dumb_terminal:
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress, live_on(console, progress.live):
        task = progress.add_task(tr("Reading"), total=expected)
        yield lambda: progress.update(task, completed=found.count)
