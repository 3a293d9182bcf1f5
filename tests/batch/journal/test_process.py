"""Which process holds a run, and whether it still lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.batch.journal import process
from ta_cluster_async.batch.journal.process import Process
from tests.batch.journal.journals import linux


def test_this_process_lives() -> None:
    assert not Process.this().is_dead()


def test_a_process_that_is_gone_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert evolve(Process.this(), pid=child.pid).is_dead()


@linux
def test_a_later_process_with_the_same_number_is_not_taken_for_the_one_before() -> None:
    assert evolve(Process.this(), start="1").is_dead()


@pytest.mark.parametrize("where", [{"host": "another"}, {"machine": "another boot"}])
def test_a_process_elsewhere_cannot_be_told_dead(where: Any) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not evolve(Process.this(), pid=child.pid, **where).is_dead()


def test_on_a_system_that_tells_little_only_the_number_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_PROC", tmp_path)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    here = Process.this()
    assert (here.machine, here.start) == ("", "")
    assert not here.is_dead()
    assert evolve(here, pid=child.pid).is_dead()


@linux
def test_numbers_of_processes_belong_to_one_boot_and_one_namespace() -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    here = Process.this()
    assert here.machine == f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    assert here.start == Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    assert str(here) == f"{os.uname().nodename}:{os.getpid()}"


@pytest.mark.skipif(sys.platform == "win32", reason="there, no process can be told dead")
@pytest.mark.parametrize(
    ("state", "is_dead"),
    [("R", False), ("S", False), ("D", False), ("Z", True), ("X", True), ("x", True)],
)
def test_a_process_that_only_waits_to_be_buried_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, *, is_dead: bool
) -> None:
    fields = " ".join(map(str, range(4, 53)))
    (tmp_path / str(os.getpid())).mkdir()
    stat = tmp_path / str(os.getpid()) / "stat"
    monkeypatch.setattr(process, "_PROC", tmp_path)
    stat.write_text(f"{os.getpid()} (a name (with) all ) S 7 (of it) S {fields}\n")
    here = Process.this()
    assert here.start == "22"
    stat.write_text(f"{os.getpid()} (python) {state} {fields}\n")
    assert here.is_dead() is is_dead


@linux
def test_a_process_of_somebody_else_lives() -> None:
    # Number 1 belongs to root, and if this is root, then it may be asked about it anyway.
    first = Path("/proc/1/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    assert not evolve(Process.this(), pid=1, start=first).is_dead()
