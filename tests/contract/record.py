"""Writes what the tests in this folder compare with, anew and by the code of today::

    python -m tests.contract.record            everything but journals that are there
    python -m tests.contract.record names ...  only some: names, commands, tickets, reports, errors, json, journal

Do so when a version adds to the contract, and look at the diff: lines that go or change are a break of it. What is stored of tickets and
reports by earlier versions is kept, and what is new comes on top.

A journal is never written again, as it stands for what its version wrote: there is one for each version of the tables, and `journal` writes
one only where the version of today has none. `journal-v3.db` was written so. `journal-v2.db` was written by the library as it stood at the
commit 31458f3, which played the same story (`journal_scene.py`): `PYTHONPATH=FOLDER python -P tests/contract/record.py journal`. Tables of version 1 are older than the repository: `journal-v1.db` is
`journal-v2.db` without the table of durations, which is the only thing that version 2 has added.
"""

# ruff: noqa: PLC0415 - each part loads what it needs, so that an earlier version of the library can write a journal

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"


def load(name: str) -> Any:
    """What is stored under this name."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def journals() -> list[Path]:
    """The stored journals of all versions."""
    return sorted(DATA.glob("journal-v*.db"))


def expected_of(journal: Path) -> Path:
    """What a stored journal tells."""
    return journal.with_suffix(".json")


def _save(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=True, indent=1) + "\n", encoding="utf-8")


def _names() -> None:
    from tests.contract.surface import instance_attributes, surface

    lines = []
    for room, names in {**surface(), "instances": instance_attributes()}.items():
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(said)}" for name, said in names.items())
        lines.append(f" {json.dumps(room)}: {{\n{rows}\n }}")
    (DATA / "public_names.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _commands() -> None:
    from tests.contract.helps import helps

    _save(DATA / "commands.json", helps())


def _tickets() -> None:
    from tests.contract.samples import tickets

    _keep_and_add("tickets", {name: ticket.to_json() for name, ticket in tickets().items()})


def _reports() -> None:
    from tests.contract.samples import reports

    _keep_and_add("reports", {name: report.to_json() for name, report in reports().items()})


def _errors() -> None:
    from tests.contract.samples import error_facts, errors

    _keep_and_add("errors", {type(error).__name__: error_facts(error) for error in errors()})


def _keep_and_add(name: str, today: dict[str, Any]) -> None:
    stored = load(name) if (DATA / f"{name}.json").exists() else {}
    _save(DATA / f"{name}.json", {**today, **stored})


def _json() -> None:
    from tests.contract.commands import run_scenes, shapes

    with tempfile.TemporaryDirectory() as folder:
        _save(DATA / "json_lines.json", shapes(run_scenes(Path(folder))))


def _journal() -> None:
    from ta_cluster_async import Journal
    from tests.contract.journal_scene import told, version_of, write_journal

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.db"
        write_journal(made, Path(folder) / "runs.db")
        path = DATA / f"journal-v{version_of(made)}.db"
        if path.exists():
            print(f"{path.name} is there, and stays as it is.")  # noqa: T201
            return
        path.write_bytes(made.read_bytes())
        _save(expected_of(path), told(Journal(path)))


PARTS: dict[str, Callable[[], None]] = {
    "names": _names,
    "commands": _commands,
    "tickets": _tickets,
    "reports": _reports,
    "errors": _errors,
    "json": _json,
    "journal": _journal,
}


if __name__ == "__main__":
    # Behind what PYTHONPATH says, so that an earlier version of the library can be had to write a journal.
    sys.path.append(str(Path(__file__).parents[2]))
    DATA.mkdir(exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
