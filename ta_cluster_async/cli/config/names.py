"""The names that `ta-cluster list` has seen, for the completion of a shell, which must not wait for a server."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from ...models import Catalog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ...models import ClusterRow
    from ...resources import Project

_MOST = 20_000
"""Names that are kept of clusters, and of tags."""


def remember(project: Project, catalog: Catalog, rows: Sequence[ClusterRow], *, all_of_them: bool) -> None:
    """Keep the names of rows in place of those that were kept, or beside them where the rows are not all. What fails changes nothing."""
    path = _path(project.session.base_url, project.id)
    kept = _read(path)
    found = {} if all_of_them else kept.get(catalog.value, {})
    found = {**{str(row.id): row.cluster_name for row in rows}, **found}
    kept[catalog.value] = dict(list(found.items())[:_MOST])
    fresh = path.with_suffix(".new")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(kept), encoding="utf-8")
        fresh.replace(path)


def remembered(
    base_url: str, project_id: int, catalogs: Sequence[Catalog] = tuple(Catalog)
) -> dict[str, str]:
    """Return the names that were kept of a project, by their ids as text."""
    kept = _read(_path(base_url, project_id))
    return {id_: name for catalog in catalogs for id_, name in kept.get(catalog.value, {}).items()}


def _path(base_url: str, project_id: int) -> Path:
    import platformdirs  # noqa: PLC0415 - few commands need it

    digest = hashlib.sha256(f"{base_url.rstrip('/')} {project_id}".encode()).hexdigest()
    return platformdirs.user_cache_path("ta-cluster", appauthor=False) / f"names-{digest[:16]}.json"


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {
        catalog: {id_: str(name) for id_, name in kept[catalog].items()}
        for catalog in tuple(Catalog)
        if isinstance(kept.get(catalog), dict)
    }
