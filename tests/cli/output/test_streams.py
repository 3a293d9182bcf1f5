"""Standard output on a full disk, closed by its reader, or not there at all: a sentence and an exit code, and no traceback."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.cli.output.console import print_error, print_message
from tests.cli.conftest import environment_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command, Process

COMMANDS = [
    "list",
    "list --json",
    "show 970",
    "show 970 --json",
    "progress 970",
    "doctor",
    "doctor --json",
    "refresh 970",
    "refresh 970 --json",
    "refresh 970 --dry-run",
    "wait 970",
    "wait 970 --json",
    "--help",
    "list --help",
    "runs --help",
    "--version",
    "completion bash",
]


@pytest.fixture
def full() -> Iterator[TextIO]:
    """A file on a full disk."""
    stream = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closed below, where it may be full
    yield stream
    stream.close()  # what is left in it has been let go


@pytest.fixture
def closed() -> Iterator[TextIO]:
    """A pipe whose reader has ended."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", encoding="utf-8")
    yield stream
    stream.close()


@pytest.fixture
def one(settings: Emulator) -> Emulator:
    settings.seed_clusters(1)
    return settings


@pytest.mark.parametrize("words", COMMANDS)
def test_a_full_disk_is_one_sentence(
    one: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch, full: TextIO, words: str
) -> None:
    monkeypatch.setattr(sys, "stdout", full)
    ended = command(*words.split())
    assert ended.code == 1
    assert ended.err.endswith("Error: The output cannot be written: No space left on device.\n")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "words", ["list", "list --json", "refresh 970 --json", "wait 970", "--help", "--version"]
)
def test_a_reader_that_has_ended_needs_no_explanation(
    one: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch, closed: TextIO, words: str
) -> None:
    monkeypatch.setattr(sys, "stdout", closed)
    ended = command(*words.split())
    assert ended.code == 1
    assert "Error" not in ended.err
    assert "Traceback" not in ended.err


def test_a_batch_that_cannot_write_its_events_says_how_to_continue(
    one: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch, full: TextIO
) -> None:
    monkeypatch.setattr(sys, "stdout", full)
    ended = command("refresh", "970", "--json")
    assert "To continue: ta-cluster refresh --json 970" in ended.err


def test_without_standard_output_a_command_does_its_work(
    one: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert command("refresh", "970", "--json").code == 0
    for stream in (sys.stdout, sys.stderr):
        stream.close()
    assert [effect.kind for effect in one.effects] == ["refreshed"]


def test_messages_that_cannot_be_written_do_not_end_the_work(
    one: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch, full: TextIO
) -> None:
    monkeypatch.setattr(sys, "stderr", full)
    ended = command("refresh", "970")
    assert ended.code == 0
    assert "succeeded" in ended.out
    print_message("once more")


def test_an_error_without_a_file_below_it_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError

    monkeypatch.setattr(sys, "stderr", Broken())
    print_error("of no use")


@pytest.mark.ta_emulator
@pytest.mark.slow
def test_a_process_with_a_full_disk_leaves_with_the_code(ta_emulator: Emulator, process: Process) -> None:
    ta_emulator.seed_clusters(1)
    with Path("/dev/full").open("wb") as full:
        ended = process("list", "--json", env=environment_of(ta_emulator), stdout=full.fileno())
        _, err = ended.communicate(timeout=30)
    # 120 is Python's own, where it cannot write at the very end either.
    assert (ended.returncode, err) == (1, "Error: The output cannot be written: No space left on device.\n")
