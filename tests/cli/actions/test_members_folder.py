"""`ta-cluster refresh --members-to`."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow.parquet import read_table

from ta_cluster_async.batch import Outcome, Status
from ta_cluster_async.batch.events import Finished
from ta_cluster_async.cli.actions import members_folder
from ta_cluster_async.cli.actions.members_folder import file_name
from ta_cluster_async.cli.output.files import replaced_file
from ta_cluster_async.emulator import Fault, JobPlan

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

PATH = "/querySql"


@pytest.fixture
def animals(counting: None, zoo: Emulator) -> Emulator:
    """The server of `zoo`, which has members."""
    del counting
    return zoo


def written(folder: Path) -> dict[str, int]:
    """How many members each file of the folder has."""
    return {path.name: len(path.read_bytes().splitlines()) - 1 for path in sorted(folder.iterdir())}


def test_each_that_succeeds_has_a_file(animals: Emulator, command: Command, tmp_path: Path) -> None:
    animals.plan(971, JobPlan(fails=True))
    folder = tmp_path / "members"
    ended = command("refresh", "--all", "--members-to", str(folder))
    assert ended.code == 1
    assert "not written" not in ended.err
    assert list(written(folder)) == ["cat_1.csv", "whale_1.csv", "whale_tag_1.csv"]
    assert written(folder)["whale_1.csv"] == animals.cluster(970).users_num > 0
    assert (folder / "whale_tag_1.csv").read_text("utf-8").splitlines()[0].endswith(",value")
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_they_are_written_while_the_batch_runs(animals: Emulator, command: Command, tmp_path: Path) -> None:
    animals.plan(971, JobPlan(seconds=600))
    command("refresh", "whale_1", "whale_2", "--members-to", str(tmp_path / "m"), "--members-format", "jsonl")
    paths = [request.path for request in animals.requests]
    assert PATH in paths[: len(paths) - 8]
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["whale_1.jsonl", "whale_2.jsonl"]


def test_lines_of_json_and_parquet(animals: Emulator, command: Command, tmp_path: Path) -> None:
    ended = command("refresh", "970", "--members-to", str(tmp_path), "--members-format", "parquet", "--json")
    assert ended.code == 0
    assert read_table(tmp_path / "whale_1.parquet").num_rows == animals.cluster(970).users_num


def test_what_cannot_be_written_is_told_at_the_end(
    animals: Emulator, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "whale_1.csv").write_bytes(b"before")
    (tmp_path / "whale_2.csv").mkdir()
    animals.plan(970, JobPlan(seconds=1))
    animals.faults.add(Fault.cut_at(80), path=PATH)
    ended = command("refresh", "970", "971", "972", "--members-to", str(tmp_path))
    assert ended.code == 1
    warnings = [line for line in ended.err.splitlines() if line.startswith("Warning: ")]
    assert [line.split(": ")[1] for line in warnings] == ["whale_1", "whale_2"]
    assert "Do not take it for the whole" in warnings[0]
    assert (tmp_path / "whale_1.csv").read_bytes() == b"before"
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"cat_1.csv", "whale_1.csv"}


def test_a_folder_that_cannot_be_written_starts_nothing(
    animals: Emulator, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    ended = command("refresh", "970", "--members-to", str(tmp_path / "file"))
    assert (ended.code, animals.effects) == (2, [])
    assert "cannot be written: File exists." in ended.err


def test_parquet_without_pyarrow_starts_nothing(
    animals: Emulator, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    ended = command("refresh", "970", "--members-to", str(tmp_path), "--members-format", "parquet")
    assert (ended.code, animals.effects) == (2, [])


def test_when_it_is_stopped_no_part_stays_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "m"
    begun: list[str] = []

    async def write(_: object, output: str, **__: object) -> None:
        with replaced_file(folder / output) as file:
            file.write(b"1\r\n")
            begun.append(output)
            await asyncio.Event().wait()

    class _Clusters:
        async def detail(self, ref: object) -> object:
            return ref

    class _Project:
        clusters = _Clusters()

    monkeypatch.setattr(members_folder, "write_members", write)
    monkeypatch.setattr(members_folder, "members_of", lambda *_: None)
    project: Any = _Project()

    async def batch() -> None:
        async with members_folder.members_folder(project, folder, "csv") as found:
            assert found is not None
            for number in (1, 2):
                outcome = Outcome(
                    ref=number, status=Status.SUCCEEDED, cluster_id=number, cluster_name=f"a{number}"
                )
                found.take(Finished(at=0.0, outcome=outcome))

    async def stopped() -> None:
        task = asyncio.create_task(batch())
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(begun) == 2
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stopped())
    assert list(folder.iterdir()) == []
    assert "The members of 2 clusters and tags that succeeded were not written." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whales", "whales"),
        ("Whales", "Whales-7"),
        ("../../etc/passwd", "______etc_passwd-7"),
        ("whales-7", "whales_7-7"),
        ("a\x00b\nc", "a_b_c-7"),
        ("分群", "__-7"),
        ("con", "con-7"),
        (".", "_-7"),
        ("", "7"),
        ("970", "970-7"),
        ("A" * 300, "A" * 40 + "-7"),
        (None, "7"),
    ],
)
def test_names_of_files(name: str | None, expected: str) -> None:
    assert file_name(name, 7) == expected


def test_one_name_for_two_is_told_apart(tmp_path: Path) -> None:
    project: Any = None
    found = members_folder.MembersFolder(project, tmp_path, "csv")
    paths = [
        found._path_of(Outcome(ref=number, status=Status.SUCCEEDED, cluster_id=number, cluster_name="same"))
        for number in (1, 2, 1)
    ]
    assert [path.name for path in paths] == ["same.csv", "same-2.csv", "same.csv"]
