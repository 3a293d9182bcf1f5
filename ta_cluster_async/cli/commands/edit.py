"""`ta-cluster create`, `update` and `delete`."""

from typing import Annotated, TypeAlias

import typer

from ..i18n.translate import tr
from ..options import CliOptions, Quiet, completed_by, connected
from .show import OnlyTags, Ref

DefinitionFile: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help=tr(
            "JSON or YAML in the API's own names, in the library's, or as `show --json` writes it; - is standard input."
        ),
    ),
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help=tr("Change nothing, and write what would change as a diff."))
]
MaxRepeated: TypeAlias = Annotated[
    int,
    typer.Option(
        "--max-repeated",
        min=0,
        metavar="N",
        help=tr("How many values the aliases of a YAML file may repeat."),
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help=tr("Write what was done as a line of JSON."))]
_MAX_REPEATED = 100_000


@connected
def create(
    file: DefinitionFile,
    *,
    options: CliOptions,
    tags: Annotated[
        bool, typer.Option("--tags", help=tr("Create a tag, where the definition does not say which."))
    ] = False,
    dry_run: DryRun = False,
    max_repeated: MaxRepeated = _MAX_REPEATED,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Create a cluster or tag, and write its id.

    The definition is checked before anything is sent. The server starts the first computation by itself: `wait` waits for it.

    Example: ta-cluster create whales.yaml --dry-run
    """
    del quiet
    from ..actions import edit
    from ..running import run

    run(edit.create(options, file, tags=tags, dry_run=dry_run, max_repeated=max_repeated, as_json=as_json))


@connected
def update(
    ref: Ref,
    file: DefinitionFile,
    *,
    options: CliOptions,
    tags: OnlyTags = False,
    dry_run: DryRun = False,
    max_repeated: MaxRepeated = _MAX_REPEATED,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Change the definition of a cluster or tag.

    The definition is checked before anything is sent.

    Example: ta-cluster update whales whales.json --dry-run
    """
    del quiet
    from ..actions import edit
    from ..running import run

    run(
        edit.update(
            options, ref, file, tags=tags, dry_run=dry_run, max_repeated=max_repeated, as_json=as_json
        )
    )


@connected
def delete(
    refs: Annotated[
        list[str],
        typer.Argument(
            metavar="REF",
            autocompletion=completed_by("references"),
            help=tr(
                "Clusters and tags: digits are an id, name:971 is a name of digits, everything else a name."
            ),
        ),
    ],
    *,
    options: CliOptions,
    tags: OnlyTags = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=tr("Do not ask for confirmation."))] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Delete clusters and tags, after confirmation.

    Example: ta-cluster delete whales 971 --yes
    """
    del quiet
    from ..actions import edit
    from ..running import run

    run(edit.delete(options, refs, tags=tags, yes=yes, as_json=as_json))
