"""`ta-cluster runs`: what earlier runs came to, as tables, lines of JSON and files."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve

from ta_cluster_async import Outcome, RefreshReport, Status
from ta_cluster_async.batch import Journal
from ta_cluster_async.emulator import TOKEN
from tests.cli.report.samples import HOSTILE, NIGHT, batch, hostile, report_of, write_journal

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

CODES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal of two nights."""
    path = tmp_path / "runs.db"
    nights = [batch(30, seed=day, trouble=0.2, began=NIGHT + timedelta(days=day)) for day in (0, 1)]
    write_journal(path, *nights)
    return path


@pytest.fixture
def names(journal: Path) -> list[str]:
    """The names of its runs, the newest first."""
    return [info.run_id for info in Journal(journal).runs()]


def test_list_shows_each_run_with_its_counts_the_newest_first(
    command: Command, journal: Path, names: list[str]
) -> None:
    ended = command("runs", "list", "--journal", str(journal))
    assert ended.code == 0
    head, *rows = ended.out.splitlines()
    assert head.split()[:2] == ["run", "project"]
    assert [row.split()[0] for row in rows] == names
    succeeded = Journal(journal).runs()[0].counts[Status.SUCCEEDED]
    assert f"{succeeded} succeeded" in rows[0]
    assert "complete" in rows[0]


def test_list_as_json_is_a_line_for_each_run(command: Command, journal: Path, names: list[str]) -> None:
    lines = [
        json.loads(line)
        for line in command("runs", "list", "--json", "--journal", str(journal)).out.splitlines()
    ]
    assert [line["run_id"] for line in lines] == names
    assert sum(lines[0]["counts"].values()) == 30
    assert lines[0]["started_at"] == "2020-01-11T02:00:00+00:00"
    assert (lines[0]["state"], lines[0]["project_id"], lines[0]["max_running"]) == ("complete", 102, 16)


def test_a_journal_beside_the_file_of_a_report_is_refused(
    command: Command, journal: Path, tmp_path: Path
) -> None:
    file = tmp_path / "run.json"
    assert command("runs", "report", "last", "--journal", str(journal), "-o", str(file)).code == 0
    ended = command("runs", "show", str(file), "--journal", str(journal))
    assert (ended.code, "leave out --journal" in ended.err) == (2, True)
    assert command("runs", "show", str(file)).code == 0


def test_credentials_in_an_address_are_never_shown(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    write_journal(path, batch(3), url="https://user:s3cret@ta2:8992/x?token=s3cret")
    for more in ((), ("--json",)):
        out = command("runs", "list", "--journal", str(path), *more).out
        assert "https://ta2:8992/x" in out
        assert "s3cret" not in out


def test_the_journal_may_be_named_by_the_environment(
    command: Command, journal: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TA_JOURNAL", str(journal))
    assert names[0] in command("runs", "list").out


@pytest.mark.parametrize("width", [50, 80, 120])
def test_tables_fit_the_terminal(
    command: Command, journal: Path, names: list[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    for arguments in (("list",), ("show", "last")):
        out = CODES.sub("", command("runs", *arguments, "--journal", str(journal)).out)
        assert names[0] in out
        assert max(map(len, out.splitlines())) <= width


def test_show_has_the_facts_and_the_reason_of_each_failure(
    command: Command, journal: Path, names: list[str]
) -> None:
    ended = command("runs", "show", names[1][:9], "--journal", str(journal))
    assert ended.code == 0
    assert names[1] in ended.out
    assert "2020-01-10 02:00:00 UTC" in ended.out
    for outcome in Journal(journal).outcomes(names[1]):
        assert str(outcome.cluster_id) in ended.out
        assert outcome.message in ended.out


def test_show_on_a_terminal_leaves_the_successes_of_a_large_run_to_json(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.json"
    report = batch(400)
    file.write_text(report.to_json())
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("FORCE_COLOR", "1")
    ended = command("runs", "show", str(file))
    assert CODES.sub("", ended.out).count("\n") < 4 * len(report.failures) + 12
    assert f"And {400 - len(report.failures)} that succeeded" in CODES.sub("", ended.err)


def test_show_as_json_is_a_line_for_each_outcome(command: Command, journal: Path, names: list[str]) -> None:
    lines = command("runs", "show", "last", "--json", "--journal", str(journal)).out.splitlines()
    outcomes = [Outcome.from_dict(json.loads(line)) for line in lines]
    assert outcomes == list(Journal(journal).outcomes(names[0]))


def test_show_obeys_no_name(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(hostile().to_json())
    out = command("runs", "show", str(file)).out
    assert HOSTILE in out
    assert "\x1b" not in out


def test_an_interrupted_run_says_that_it_is_not_complete(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    write_journal(path, batch(5), complete=False)
    assert "interrupted" in command("runs", "list", "--journal", str(path)).out
    assert "not complete" in command("runs", "show", "last", "--journal", str(path)).out


def test_report_writes_a_page_json_and_junit(
    command: Command, journal: Path, names: list[str], tmp_path: Path
) -> None:
    files = [tmp_path / f"run.{kind}" for kind in ("html", "json", "xml")]
    outputs = [word for file in files for word in ("-o", str(file))]
    ended = command("runs", "report", "last", "--journal", str(journal), *outputs)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.count("Wrote ") == 3
    page, text, xml = (file.read_bytes() for file in files)
    assert page.startswith(b"<!DOCTYPE html>")
    assert names[0].encode() in page
    assert RefreshReport.from_json(text).run_id == names[0]
    assert len(ET.fromstring(xml).findall("testsuite/testcase")) == 30


def test_report_compares_with_the_earlier_runs_of_the_journal(
    command: Command, journal: Path, tmp_path: Path
) -> None:
    file = tmp_path / "run.html"
    command("runs", "report", "last", "--journal", str(journal), "-o", str(file))
    assert "earlier runs (" in file.read_text("utf-8")


def test_report_reads_the_file_of_a_report_and_needs_no_journal(command: Command, tmp_path: Path) -> None:
    source, file = tmp_path / "night.json", tmp_path / "run.HTML"
    source.write_text(batch(5).to_json())
    assert command("runs", "report", str(source), "--output", str(file), "--quiet").err == ""
    assert b"Refreshes of project 102" in file.read_bytes()


def test_the_report_of_a_real_batch_holds_no_token_and_no_address(
    command: Command, settings: Emulator, tmp_path: Path
) -> None:
    journal = tmp_path / "runs.db"
    command("refresh", "970", f"no{TOKEN[:18]}", "nix", "--journal", str(journal))
    files = [tmp_path / f"run.{kind}" for kind in ("html", "json", "xml")]
    outputs = [word for file in files for word in ("-o", str(file))]
    assert command("runs", "report", "last", "--journal", str(journal), *outputs).code == 0
    for file in files:
        text = file.read_text("utf-8")
        assert "nix" in text
        assert settings.token not in text
        assert settings.url not in text


def test_prune_deletes_all_but_the_newest(command: Command, journal: Path, names: list[str]) -> None:
    ended = command("runs", "prune", "--keep", "1", "--journal", str(journal))
    assert (ended.code, ended.out, ended.err) == (0, "", "Runs deleted: 1.\n")
    assert [info.run_id for info in Journal(journal).runs()] == names[:1]
    assert command("runs", "prune", "--keep", "1", "--journal", str(journal), "--quiet").err == ""


@pytest.mark.parametrize("keep", [(), ("--keep", "0"), ("--keep", "-1"), ("--keep", "all")])
def test_prune_without_a_number_deletes_nothing(
    command: Command, journal: Path, names: list[str], keep: tuple[str, ...]
) -> None:
    assert command("runs", "prune", *keep, "--journal", str(journal)).code == 2
    assert [info.run_id for info in Journal(journal).runs()] == names


@pytest.mark.parametrize("verb", [("show",), ("report", "-o", "run.html")])
def test_an_unknown_run_is_nothing_that_matches(
    command: Command, journal: Path, verb: tuple[str, ...]
) -> None:
    ended = command("runs", verb[0], "nix", *verb[1:], "--journal", str(journal))
    assert (ended.code, ended.out) == (3, "")
    assert (
        ended.err
        == f"Error: The journal {journal} has no run 'nix': `ta-cluster runs list` shows which it has.\n"
    )


@pytest.mark.parametrize(
    "arguments", [("list",), ("show", "last"), ("report", "last", "-o", "run.xml"), ("prune", "--keep", "1")]
)
def test_without_a_journal_file_the_settings_are_wrong(
    command: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = command("runs", *arguments, "--journal", str(tmp_path / "nix.db"))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Error: There is no journal at ")
    assert not (tmp_path / "nix.db").exists()


def test_without_a_journal_the_command_asks_for_one(command: Command) -> None:
    ended = command("runs", "list")
    assert ended.code == 2
    assert "--journal FILE or TA_JOURNAL" in ended.err


def test_a_file_that_is_no_journal_is_told(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("x" * 5000)
    ended = command("runs", "list", "--journal", str(file))
    assert ended.code == 2
    assert "is not a journal" in ended.err


@pytest.mark.parametrize("name", ["run.pdf", "run"])
def test_a_file_of_another_kind_is_refused_before_anything_is_read(
    command: Command, tmp_path: Path, name: str
) -> None:
    ended = command("runs", "report", "last", "--journal", "nix.db", "-o", str(tmp_path / name))
    assert ended.code == 2
    assert ".html, .json or .xml" in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="there, files have no such mode")
@pytest.mark.parametrize("suffix", [".html", ".json", ".xml"])
def test_a_report_is_a_new_file_for_its_owner_alone_where_a_link_was(
    command: Command, journal: Path, tmp_path: Path, suffix: str
) -> None:
    mine, path = tmp_path / "mine", tmp_path / f"run{suffix}"
    mine.write_text("export PATH")
    path.symlink_to(mine)
    assert command("runs", "report", "last", "--journal", str(journal), "-o", str(path)).code == 0
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert path.is_file()
    assert not path.is_symlink()
    assert mine.read_text() == "export PATH"


def test_a_folder_that_does_not_exist_is_told(command: Command, journal: Path, tmp_path: Path) -> None:
    ended = command(
        "runs", "report", "last", "--journal", str(journal), "-o", str(tmp_path / "nix" / "run.xml")
    )
    assert ended.code == 2
    assert ended.err.endswith("cannot be written: No such file or directory.\n")


@pytest.mark.parametrize("name", ["nix.json", "broken.json"])
def test_a_report_that_cannot_be_read_is_told(command: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.json").write_text("{")
    ended = command("runs", "show", str(tmp_path / name))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Error: ")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("missing", ["jinja2", "markupsafe"])
def test_without_the_extra_one_sentence_says_what_to_install(
    command: Command, monkeypatch: pytest.MonkeyPatch, journal: Path, tmp_path: Path, missing: str
) -> None:
    for loaded in [name for name in sys.modules if name.startswith(f"{missing}.")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.delitem(sys.modules, "ta_cluster_async.cli.report.page", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    file = tmp_path / "run.html"
    ended = command("runs", "report", "last", "--journal", str(journal), "-o", str(file))
    assert ended.code == 2
    assert ended.err == 'Error: The page needs an extra: python -m pip install "ta-cluster-async[report]"\n'
    assert not file.exists()


def test_help_loads_no_templates() -> None:
    code = (
        "import sys\nfrom ta_cluster_async.cli.main import main\n"
        "try:\n    main(['runs', '--help'])\nfinally:\n    print(sorted({'jinja2', 'aiohttp'} & sys.modules.keys()))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert ended.stdout.endswith("\n[]\n")


@pytest.mark.parametrize("verb", ["list", "show", "report"])
def test_the_help_of_each_command_has_an_example(command: Command, verb: str) -> None:
    ended = command("runs", verb, "--help")
    assert ended.code == 0
    assert f"Example: ta-cluster runs {verb}" in ended.out


def test_a_stopped_batch_says_why(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(evolve(report_of([]), stopped="3 refreshes did not succeed.").to_json())
    assert "3 refreshes did not succeed." in command("runs", "show", str(file)).out
