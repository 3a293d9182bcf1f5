"""What a shell offers beside commands and options: profiles, runs of the journal, and the names of the last list. Nothing asks a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..batch import Journal
from ..client.profiles import profile_names
from ..errors import TaError
from ..models import Catalog
from .config.names import remembered
from .config.settings import find_settings
from .options import CliOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import typer

    from .config.settings import Settings

_NAME = "name:"


def profiles(_: typer.Context, incomplete: str) -> Iterator[str]:
    """Yield the profiles of the configuration file."""
    try:
        yield from (name for name in profile_names() if name.startswith(incomplete))
    except TaError:
        return


def runs(context: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield the runs of the journal with the times of their begin, the newest first."""
    path: Path | str | None = context.params.get("journal")
    if path is None:
        settings = _settings(context)
        path = None if settings is None else settings.journal
    if path is None:
        return
    try:
        found = Journal(path).runs()
    except TaError:
        return
    choices = [("last", "")] if found else []
    choices += [(info.run_id, f"{info.started_at:%Y-%m-%d %H:%M}") for info in found]
    yield from (choice for choice in choices if choice[0].startswith(incomplete))


def references(context: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield the names that the last list had, or the ids where digits are typed."""
    settings = _settings(context)
    if settings is None or settings.base_url is None or settings.project_id is None:
        return
    catalogs = [Catalog.TAG] if context.params.get("tags") else list(Catalog)
    for id_, name in remembered(settings.base_url, settings.project_id, catalogs).items():
        # A name of digits alone would be an id.
        offered = f"{_NAME}{name}" if name.isdecimal() or incomplete.startswith(_NAME) else name
        if incomplete.isdecimal() and id_.startswith(incomplete):
            yield id_, name
        elif offered.startswith(incomplete):
            yield offered, id_


def _settings(context: typer.Context) -> Settings | None:
    given: dict[str, Any] = {
        name: value for name, value in context.params.items() if name in CliOptions._fields and value
    }
    try:
        return find_settings(CliOptions(**given))
    except TaError:
        return None
