"""Everything that opens a journal, with every journal that is meant to harm.

A new surface is a line in `SURFACES`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.batch.journal.history import read_history
from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.journal.schema import connect, connect_to_read
from ta_cluster_async.errors import JournalError
from tests.batch.journal.journals import use
from tests.security.journals import HOSTILE_JOURNALS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

SECONDS = 5.0

SURFACES: dict[str, Callable[[Path], object]] = {
    "to write": connect,
    "to read": connect_to_read,
    "a run": use,
    "the runs": lambda path: Journal(path).runs(),
    "the outcomes of a run": lambda path: list(Journal(path).outcomes("monday")),
    "the history of a run": lambda path: read_history(path, "monday"),
    "prune": lambda path: Journal(path).prune(keep=1),
}

COMMANDS = {
    "refresh": ("refresh", "970"),
    "a forecast": ("refresh", "970", "--dry-run"),
    "what failed": ("refresh", "--failed-in", "last"),
    "list": ("runs", "list"),
    "show": ("runs", "show", "last"),
    "report": ("runs", "report", "last", "-o", "run.json"),
    "prune": ("runs", "prune", "--keep", "1"),
}

each_journal = pytest.mark.parametrize("plant", HOSTILE_JOURNALS.values(), ids=HOSTILE_JOURNALS)


def state(folder: Path) -> dict[str, object]:
    """What stands in a folder."""
    return {
        path.name: (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in folder.iterdir()
    }


@each_journal
@pytest.mark.parametrize("open_it", SURFACES.values(), ids=SURFACES)
def test_a_planted_journal_is_refused_and_left_as_it_is(
    tmp_path: Path, plant: Callable[[Path], None], open_it: Callable[[Path], object]
) -> None:
    path = tmp_path / "runs.db"
    plant(path)
    before, began = state(tmp_path), time.process_time()
    with pytest.raises(JournalError, match=r"runs\.db"):
        open_it(path)
    assert state(tmp_path) == before
    assert time.process_time() - began < SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_command_refuses_every_planted_journal_with_a_sentence_and_starts_nothing(
    settings: Emulator,
    command: Command,
    tmp_path: Path,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.seed_clusters(1)
    for name, plant in HOSTILE_JOURNALS.items():
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        plant(folder / "runs.db")
        before = state(folder)
        ended = command(*arguments, "--journal", "runs.db")
        if "--dry-run" in arguments:  # what it cannot read it does without
            assert ended.code == 0, (name, ended)
        else:
            assert ended.code == 2, (name, ended)
            assert ended.err.startswith("Error: The journal "), (name, ended)
        assert state(folder) == before, name
    assert [request for request in settings.requests if request.method == "POST"] == []
