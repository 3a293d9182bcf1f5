"""`ta-cluster members`."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from ta_cluster_async.cli.actions import members
from ta_cluster_async.emulator import Fault

if TYPE_CHECKING:
    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

PATH = "/querySql"


@pytest.fixture
def counted(settings: Emulator, command: Command, tmp_path: Path) -> Emulator:
    """An emulator with the cluster `letter` of two users, and the tag `medal` of one."""
    (tmp_path / "ids.csv").write_text("j77639\r\nh84497\r\n", encoding="utf-8")
    (tmp_path / "pairs.csv").write_text("j77639,金\r\n", encoding="utf-8")
    for file, name, more in (("ids.csv", "letter", ()), ("pairs.csv", "medal", ("--tags",))):
        ended = command("upload", str(tmp_path / file), "--name", name, "--display-name", "x", *more)
        assert ended.code == 0, ended.err
    return settings


@pytest.mark.usefixtures("counting", "counted")
class TestMembers:
    def test_csv_to_standard_output(self, command: Command) -> None:
        ended = command("members", "letter", "--columns", "#account_id")
        assert (ended.code, ended.err) == (0, "2 members written.\n")
        assert sorted(csv.reader(io.StringIO(ended.out))) == [["#account_id"], ["h84497"], ["j77639"]]
        assert command("members", "medal", "--columns", "#account_id", "--no-header").out == "j77639,金\r\n"

    def test_files_by_their_suffix(self, command: Command, tmp_path: Path) -> None:
        def written(name: str, ref: str = "medal") -> Path:
            path = tmp_path / name
            ended = command("members", ref, "-o", str(path), "--columns", "#account_id")
            assert (ended.code, ended.out) == (0, ""), ended.err
            assert ended.err == f"1 member written to {path}.\n"
            assert path.stat().st_mode & 0o777 == 0o600
            return path

        rows = "#account_id,value\r\nj77639,金\r\n"
        assert written("a.csv").read_bytes().decode() == rows
        assert gzip.decompress(written("a.csv.gz").read_bytes()).decode() == rows
        assert json.loads(written("a.JSONL").read_text("utf-8")) == {"#account_id": "j77639", "value": "金"}
        assert pq.read_table(written("a.parquet")).to_pylist() == [{"#account_id": "j77639", "value": "金"}]

    def test_standard_output_on_a_full_disk(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            monkeypatch.setattr(sys, "stdout", full)
            ended = command("members", "letter")
        assert (ended.code, ended.err) == (
            1,
            "Error: The output cannot be written: No space left on device.\n",
        )

    def test_a_file_that_cannot_be_written(self, command: Command, tmp_path: Path) -> None:
        ended = command("members", "letter", "-o", str(tmp_path / "no" / "a.csv"))
        assert (ended.code, "cannot be written: No such file or directory." in ended.err) == (2, True)

    def test_a_format_that_is_not_known(self, command: Command, counted: Emulator, tmp_path: Path) -> None:
        before = len(counted.requests)
        ended = command("members", "letter", "-o", str(tmp_path / "a.xlsx"))
        assert ended.code == 2
        assert "must end in .csv, .csv.gz, .jsonl or .parquet" in ended.err
        assert len(counted.requests) == before

    @pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
    def test_what_was_there_stays_where_not_all_came(
        self, command: Command, counted: Emulator, tmp_path: Path, name: str
    ) -> None:
        path = tmp_path / name
        path.write_bytes(b"before")
        counted.faults.add(Fault.cut_at(80), path=PATH)
        ended = command("members", "letter", "-o", str(path))
        assert ended.code == 1
        assert "Do not take it for the whole" in ended.err
        assert path.read_bytes() == b"before"
        assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_there_is_no_such_cluster(settings: Emulator, command: Command) -> None:
    del settings
    assert command("members", "nobody").code == 3


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, _environ={})
    monkeypatch.setattr(members, "stderr", lambda: console)
    found: Any = SimpleNamespace(count=1)
    with members._display(found, 2) as show:
        show()
    assert "Reading" in screen.getvalue()
    assert "1/2" in screen.getvalue()
