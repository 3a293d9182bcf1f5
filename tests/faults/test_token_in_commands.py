"""The token never shows on the command line, in the journal, and in reports, however the server echoes it."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ta_cluster_async
from ta_cluster_async.emulator import Fault
from tests.faults.echoes import ECHOES, ENDS, TOKEN
from tests.faults.spellings import leaks

if TYPE_CHECKING:
    import asyncio

    from ta_cluster_async.emulator import Emulator
    from tests.faults.conftest import Command, Ended

COMMANDS = {
    "list": ["list"],
    "list --json": ["list", "--json"],
    "show": ["show", "970"],
    "show --json": ["show", "seeded_1", "--json"],
    "progress": ["progress", "970"],
    "create": ["create", "FOLDER/definition.json"],
    "update": ["update", "970", "FOLDER/definition.json"],
    "delete": ["delete", "970", "--yes"],
    "upload": ["upload", "FOLDER/ids.csv", "--display-name", "ids", "--name", "ids"],
    "upload --replace": ["upload", "FOLDER/ids.csv", "--replace", "970"],
    "refresh": ["refresh", "970", "971", "--timeout", "60"],
    "refresh --json": ["refresh", "970", "971", "--json", "--timeout", "60"],
    "refresh --dry-run": ["refresh", "--all", "--dry-run"],
    "wait": ["wait", "970", "--timeout", "60"],
    "doctor": ["doctor"],
    "doctor --json": ["doctor", "--json"],
}


def shown(ended: Ended, **more: str) -> list[str]:
    """What shows the token of all that came out of a command."""
    environment = json.dumps(dict(os.environ))
    return leaks(TOKEN, *ENDS, stdout=ended.out, stderr=ended.err, environment=environment, **more)


def bytes_of(folder: Path, pattern: str) -> dict[str, str]:
    """The files that fit, byte by byte."""
    return {path.name: path.read_bytes().decode("latin-1") for path in folder.glob(pattern)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a definition and with ids."""
    folder = tmp_path / "work"
    folder.mkdir()
    everybody = {"tableType": "user", "columnName": "#account_id", "comparator": "notNull", "ftv": []}
    definition = {
        "clusterName": "made",
        "displayName": "made",
        "clusterCatalog": "catalog_cluster",
        "clusterType": "cluster_by_static_condition",
        "qp": {"events": [], "filts": [everybody], "relation": "and"},
    }
    folder.joinpath("definition.json").write_text(json.dumps(definition), encoding="utf-8")
    folder.joinpath("ids.csv").write_text("a\nb\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("echo", ["a page of a gateway", "a refusal", "a rejection", "data of wrong types"])
@pytest.mark.parametrize("line", COMMANDS)
def test_no_command_shows_it(line: str, echo: str, server: Emulator, command: Command, folder: Path) -> None:
    server.faults.add(ECHOES[echo], count=None)
    ended = command(*(word.replace("FOLDER", str(folder)) for word in COMMANDS[line]))
    assert ended.code != 0
    assert ended.out or ended.err
    assert shown(ended) == []


@pytest.fixture
def journal(server: Emulator, runner: asyncio.Runner, command: Command, folder: Path) -> dict[str, str]:
    """A journal with a run in which the server echoed the token in many ways; the bytes of its files while it ran and after it."""

    def meets(echo: Fault, cluster: int) -> None:
        server.faults.add(
            echo,
            path="user-cluster-refresh",
            when=lambda record: record.query.get("clusterId") == str(cluster),
        )

    meets(ECHOES["a refusal"], 970)
    meets(ECHOES["an error after the effect"], 971)
    meets(ECHOES["other JSON"], 972)
    meets(Fault.echo_token(as_html=True, status=500), 973)
    for echo in (ECHOES["a page of a gateway"], Fault.echo_token(code=-9)):
        server.faults.add(
            echo, when=lambda record: record.name == "user-cluster-list" and bool(server.effects)
        )
    seen: dict[str, str] = {}

    def look() -> None:
        for name, content in bytes_of(folder, "runs.db*").items():
            seen[f"{name} at {loop.time()}"] = content

    loop = runner.get_loop()
    for seconds in (1.0, 3.0, 6.0):
        loop.call_later(seconds, look)
    ended = command("refresh", *map(str, range(970, 976)), "--journal", str(folder / "runs.db"))
    assert ended.code == 1
    assert "***" in ended.err
    return {**seen, "screen": ended.out + ended.err}


def test_the_journal_holds_none_of_it(journal: dict[str, str], folder: Path) -> None:
    files = bytes_of(folder, "runs.db*")
    assert any("runs.db-wal at" in name for name in journal)
    assert any("***" in content for content in files.values())
    assert leaks(TOKEN, *ENDS, **journal, **files) == []


def test_no_report_shows_it(journal: dict[str, str], command: Command, folder: Path) -> None:
    book = ("--journal", str(folder / "runs.db"))
    outputs = [word for end in ("html", "json", "xml") for word in ("-o", str(folder / f"run.{end}"))]
    assert shown(command("runs", "report", "last", *book, *outputs)) == []
    files = bytes_of(folder, "run.*")
    assert files.keys() == {"run.html", "run.json", "run.xml"}
    assert all("***" in content for content in files.values())
    assert leaks(TOKEN, *ENDS, **files) == []


@pytest.mark.parametrize(
    "words", [["list"], ["list", "--json"], ["show", "last"], ["show", "last", "--json"]]
)
def test_looking_at_runs_does_not_show_it(
    words: list[str], journal: dict[str, str], command: Command, folder: Path
) -> None:
    ended = command("runs", *words, "--journal", str(folder / "runs.db"))
    assert ended.out
    assert shown(ended) == []


@pytest.mark.parametrize("options", [[], ["--json"], ["--journal", "FOLDER/runs.db"]])
def test_the_command_to_go_on_with_and_the_tickets_do_not_show_it(
    options: list[str], server: Emulator, runner: asyncio.Runner, command: Command, folder: Path
) -> None:
    runner.get_loop().call_later(3, os.kill, os.getpid(), signal.SIGINT)
    options = [option.replace("FOLDER", str(folder)) for option in options]
    key = os.environ.pop("TA_TOKEN_FILE")
    ended = command("refresh", "970", "seeded_2", "--token-file", key, *options)
    assert ended.code == 130
    assert "To go on: ta-cluster refresh" in ended.err
    assert f"--token-file {key}" in ended.err
    assert shown(ended) == []


def test_a_fault_of_the_command_itself_does_not_show_a_token_from_a_file(
    server: Emulator, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"http://ta2:8992/open/user-cluster-list?token={TOKEN}")

    monkeypatch.setattr("ta_cluster_async.resources.Clusters.progress", breaks)
    ended = command("progress", "970")
    assert ended.code == 70
    assert "RuntimeError" in ended.err
    assert shown(ended) == []


def test_the_package_starts_no_process_that_could_inherit_it_and_puts_it_into_no_environment() -> None:
    doubtful = re.compile(
        r"^\s*(?:import|from) (?:subprocess|multiprocessing|pty)\b"
        r"|os\.(?:system|exec|spawn|posix_spawn|popen|fork|putenv)|os\.environ\[[^]]*\] *=[^=]|create_subprocess",
        re.MULTILINE,
    )
    for path in Path(ta_cluster_async.__file__).parent.rglob("*.py"):
        assert not doubtful.search(path.read_text(encoding="utf-8")), path
