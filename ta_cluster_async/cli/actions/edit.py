"""Creates, changes and deletes clusters and tags."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ...definitions.compare import comparable
from ...definitions.loader import load_definition
from ...errors import InvalidRequest, NotFound
from ...messages import Message
from ...models import Catalog, update_body
from ..connection import listed, open_project, ref_of
from ..exit_codes import Exit
from ..i18n.translate import ntr, tr
from ..input import STDIN, check_stdin, read_text
from ..output.console import is_confirmed, print_json, print_lines, print_message, print_warning, stdout
from ..output.diff import colored, diff_lines
from ..output.errors import message_text
from ..running import interruptible
from .show import read_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...definitions.loader import LoadedDefinition
    from ...models import ClusterDetail, JsonObject
    from ...resources import Clusters, Project, Tags
    from ..options import CliOptions

_OF_THE_BODY = ("projectId", "clusterName")


async def create(
    options: CliOptions, file: str, *, tags: bool, dry_run: bool, max_repeated: int, as_json: bool = False
) -> Exit:
    """Create what a file defines, or show what would be created."""
    check_stdin(file, options.token_file)
    async with open_project(options) as project:
        found = _read(project, file, max_repeated, create=True)
        catalog = found.catalog or (Catalog.TAG if tags else Catalog.CLUSTER)
        if tags and catalog is Catalog.CLUSTER:
            raise InvalidRequest(tr("{file} defines a cluster, but --tags is given.", file=file))
        if dry_run:
            return await _show_creation(project, found, as_json=as_json)
        resource = project.tags if catalog is Catalog.TAG else project.clusters
        new_id = await resource.create(found.body)
    if as_json:
        _print_done("created", new_id, found.name)
    else:
        print_lines([str(new_id)])
    print_message(tr("Created {name} ({id}).", name=found.name, id=new_id))
    return Exit.OK


async def update(
    options: CliOptions,
    ref: str,
    file: str,
    *,
    tags: bool,
    dry_run: bool,
    max_repeated: int,
    as_json: bool = False,
) -> Exit:
    """Give a cluster or tag the definition in a file, or show what would change."""
    check_stdin(file, options.token_file)
    async with open_project(options) as project:
        found = _read(project, file, max_repeated, create=False)
        detail = await read_one(project, ref, tags=tags)
        _check_fits(found, detail, file)
        body = {key: value for key, value in found.body.items() if key not in _OF_THE_BODY}
        before = update_body(detail)
        if "clusterType" in body:  # a server that does not say it has no other one
            before.setdefault("clusterType", body["clusterType"])
        if "remarks" in body:
            before.setdefault("remarks", await _remarks(project, detail))
        if dry_run:
            return _show_update(detail, before, body, as_json=as_json)
        if not _diff(detail, before, body):
            if as_json:
                _print_done("unchanged", detail.id, detail.cluster_name)
            print_message(
                tr(
                    "Nothing was sent: {name} ({id}) is as the file says.",
                    name=detail.cluster_name,
                    id=detail.id,
                )
            )
            return Exit.OK
        resource = project.tags if Catalog.TAG in (found.catalog, detail.catalog) else project.clusters
        await resource.update(ref_of(ref), body)
    if as_json:
        _print_done("updated", detail.id, detail.cluster_name)
    print_message(tr("Updated {name} ({id}).", name=detail.cluster_name, id=detail.id))
    return Exit.OK


async def delete(
    options: CliOptions, refs: Sequence[str], *, tags: bool, yes: bool, as_json: bool = False
) -> Exit:
    """Delete clusters and tags, after a question unless `yes`."""
    async with open_project(options) as project:
        found: dict[int, tuple[str, ClusterDetail]] = {}
        for ref in refs:
            detail = await read_one(project, ref, tags=tags)
            found.setdefault(detail.id, (ref, detail))
        names = listed([_shown(detail) for _, detail in found.values()])
        if not yes and not _confirm(names):
            print_message(tr("Nothing was deleted."))
            return Exit.USAGE
        for ref, detail in found.values():
            await _resource(project, detail).delete(ref_of(ref))
            if as_json:
                _print_done("deleted", detail.id, detail.cluster_name)
            print_message(tr("Deleted {name} ({id}).", name=detail.cluster_name, id=detail.id))
    return Exit.OK


def _print_done(event: str, cluster_id: int, name: str | None) -> None:
    print_json({"event": event, "cluster_id": cluster_id, "cluster_name": name})


def _read(project: Project, file: str, max_repeated: int, *, create: bool) -> LoadedDefinition:
    found = load_definition(
        read_text(file),
        Message("standard-input") if file == STDIN else file,
        create=create,
        strict_names=project.session.strict_names,
        project_id=project.id,
        most_repeated=max_repeated,
    )
    for warning in found.warnings:
        print_warning(message_text(warning))
    return found


async def _show_creation(project: Project, found: LoadedDefinition, *, as_json: bool) -> Exit:
    name = found.name or ""
    try:
        taken = await project.clusters.detail(name)
    except NotFound:
        lines = diff_lines(None, found.body, (tr("nothing"), name))
        if as_json:
            print_json({"event": "would_create", "cluster_id": None, "cluster_name": name, "diff": lines})
        else:
            stdout().print(colored(lines), soft_wrap=True)
        return Exit.OK
    raise InvalidRequest(
        tr(
            "The name {name} is taken by {id}. To change it: ta-cluster update {name} FILE",
            name=name,
            id=taken.id,
        )
    )


def _resource(project: Project, detail: ClusterDetail) -> Clusters | Tags:
    return project.tags if detail.catalog is Catalog.TAG else project.clusters


async def _remarks(project: Project, detail: ClusterDetail) -> str:
    """Return the remarks, which only the list has."""
    rows = await _resource(project, detail).list(name=detail.cluster_name).collect()
    return next((row.remarks for row in rows if row.id == detail.id), None) or ""


def _diff(detail: ClusterDetail, before: JsonObject, body: JsonObject) -> list[str]:
    name = detail.cluster_name
    names = (tr("{name} on the server", name=name), tr("{name} in the file", name=name))
    return diff_lines(comparable(before), comparable(body), names)


def _show_update(detail: ClusterDetail, before: JsonObject, body: JsonObject, *, as_json: bool) -> Exit:
    lines = _diff(detail, before, body)
    if as_json:
        ids = {"cluster_id": detail.id, "cluster_name": detail.cluster_name}
        print_json({"event": "would_update", **ids, "diff": lines})
    elif lines:
        stdout().print(colored(lines), soft_wrap=True)
    else:
        print_message(tr("Nothing would change."))
    unsaid = sorted(before.keys() - body.keys() - {"clusterCatalog"})
    if unsaid:
        print_message(
            tr(
                "Not in the file, and left to the server: {keys}.",
                keys=", ".join(unsaid),
            )
        )
    return Exit.OK


def _check_fits(found: LoadedDefinition, detail: ClusterDetail, file: str) -> None:
    if found.name not in (None, detail.cluster_name):
        raise InvalidRequest(
            tr(
                "{file} defines {other}, but the update is for {name}. A name cannot be changed: remove it from the file to update "
                "{name}.",
                file=file,
                other=found.name,
                name=detail.cluster_name,
            )
        )
    if None not in (found.catalog, detail.catalog) and found.catalog is not detail.catalog:
        raise InvalidRequest(
            tr(
                "{file} does not fit {name}: one is a cluster, the other a tag.",
                file=file,
                name=detail.cluster_name,
            )
        )


def _confirm(names: str) -> bool:
    if not sys.stdin.isatty():
        raise InvalidRequest(
            tr("There is no terminal to confirm that {names} should be deleted: use --yes.", names=names)
        )
    question = tr("Delete {names}? Reports and alerts that use it may break.", names=names)
    with interruptible():
        return is_confirmed(question)


def _shown(detail: ClusterDetail) -> str:
    kind = tr("the tag") if detail.catalog is Catalog.TAG else tr("the cluster")
    if detail.users_num is None:
        return tr("{kind} {name} ({id})", kind=kind, name=detail.cluster_name, id=detail.id)
    return ntr(
        "{kind} {name} ({id}, {count} user)",
        "{kind} {name} ({id}, {count} users)",
        detail.users_num,
        kind=kind,
        name=detail.cluster_name,
        id=detail.id,
    )
