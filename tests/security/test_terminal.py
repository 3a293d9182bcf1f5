"""No text of other people is obeyed by a terminal or makes a line of its own, whichever way it takes to get there.

A new surface is a line in `SURFACES`: what it writes of a name, with all of `HOSTILE`.
"""

from __future__ import annotations

import ast
import io
import json
import re
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from rich.text import Text

import ta_cluster_async
from ta_cluster_async import LowerBound, Outcome, RefreshReport, Status
from ta_cluster_async.cli.actions import edit
from ta_cluster_async.cli.output import console, live, records, tables
from ta_cluster_async.cli.output.diff import colored, diff_lines
from ta_cluster_async.cli.output.errors import error_text
from ta_cluster_async.cli.output.format import OutputFormat
from ta_cluster_async.errors import ApiError, InvalidRequest
from ta_cluster_async.messages import UNSEEN, Message
from ta_cluster_async.models import ClusterDetail
from tests.security.names import FORGED, HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ta_cluster_async.emulator import Emulator
    from ta_cluster_async.errors import TaError
    from tests.cli.conftest import Command

PACKAGE = Path(ta_cluster_async.__file__).parent
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
each_name = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)


def detail(name: str) -> ClusterDetail:
    return ClusterDetail(
        id=970,
        cluster_name=name,
        cluster_type="cluster_by_static_condition",
        display_name=name,
        progress=100,
        project_id=1,
        users_num=1,
    )


def outcome(name: str) -> Outcome:
    return Outcome(ref=970, cluster_name=name, message=name, status=Status.FAILED, cluster_id=970)


CSV = records.Form(format=OutputFormat.CSV)
CHOSEN = records.Form(format=OutputFormat.TABLE, fields=("name",))

SURFACES: dict[str, Callable[[str], object]] = {
    "a sentence": lambda name: console.print_message(f"Deleted {name}."),
    "a warning": lambda name: console.print_warning(f"Deleted {name}."),
    "an error": lambda name: console.print_error(f"Deleted {name}."),
    "an error of the library": lambda name: console.print_error(error_text(ApiError(-1, name))),
    "lines": lambda name: console.print_lines([name]),
    "a question": lambda name: console.is_confirmed(f"Delete {name}?"),
    "the question of delete": lambda name: edit._confirm(edit._shown(detail(name))),
    "a table of outcomes": lambda name: console.print_result(tables.outcome_table([outcome(name)])),
    "a table of a run": lambda name: console.print_result(tables.run_table([outcome(name)])),
    "a detail": lambda name: console.print_result(tables.detail_table(detail(name))),
    "a failure": lambda name: console.print_message(live.failure_line(outcome(name))),
    "a diff": lambda name: console.print_result(colored(diff_lines({"a": name}, {"a": 1}, (name, name)))),
    "JSON": lambda name: console.print_json({"name": name}),
    "CSV": lambda name: records.print_records([{"name": name}], CSV, ("name",)),
    "a chosen field": lambda name: records.print_records([{"name": name}], CHOSEN, ("name",)),
    "the name of a field": lambda name: records.print_records(
        [{name: 1}], evolve(CHOSEN, fields=(name,)), ()
    ),
    "a line of the log": lambda name: console.print_log(name, level="info", logger="x", at=0.0),
    "a line of the log as JSON": lambda name: sys.stderr.write(
        console._json_line(name, level="info", logger="x", at=0.0, fields={"name": name})
    ),
    "indented JSON": lambda name: console.print_json({name: [name]}, indent=2),
    "what nobody has escaped": lambda name: console.stdout().print(Text(name.replace("\n", ""))),
}


@each_name
@pytest.mark.parametrize("show", SURFACES.values(), ids=SURFACES)
def test_a_terminal_obeys_nothing_and_no_line_is_forged(
    show: Callable[[str], object],
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Typing(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Typing("n\n" * 3))
    show(name)
    captured = capsys.readouterr()
    written = ESCAPE.sub("", captured.out + captured.err)
    assert written.strip()
    for line in written.split("\n"):
        assert UNSEEN.search(line) is None
        assert not line.startswith(FORGED)


@each_name
def test_json_gives_the_name_back(name: str) -> None:
    text = console.json_text({"name": name, "shown": "付费\u3000玩家"})
    assert UNSEEN.search(text) is None
    assert "付费\u3000玩家" in text
    assert json.loads(text)["name"] == name
    assert "\n" in console.json_text([name], indent=2)


def test_json_is_ascii_where_the_terminal_shows_no_other_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert console.json_text("付费") == r'"\u4ed8\u8d39"'


@each_name
def test_a_report_as_json_has_nothing_that_a_terminal_obeys(name: str) -> None:
    report = RefreshReport.from_json(REPORT.replace('"NAME"', json.dumps(name)))
    assert report.outcomes[0].cluster_name == name
    assert UNSEEN.search(report.to_json()) is None


@each_name
def test_an_error_is_one_line_and_the_servers_own_text_stays_raw(name: str) -> None:
    errors: tuple[TaError, ...] = (
        ApiError(-1, name, endpoint="refresh-by-name", attempts=2),
        InvalidRequest(name),
        InvalidRequest(Message("api", return_code=1, return_message=Message("error", message=name))),
        InvalidRequest(Message("ref-by-id")),
    )
    for error in errors:
        assert UNSEEN.search(str(error)) is None
        assert UNSEEN.search(error.message) is None
    assert ApiError(-1, name).return_message == name


@each_name
def test_a_name_asked_for_on_the_command_line_is_shown_escaped(
    settings: Emulator, command: Command, name: str
) -> None:
    for ended in (command("show", name.replace("\0", "")), command("refresh", name.replace("\0", ""))):
        assert ended.code != 0
        for line in (ended.out + ended.err).split("\n"):
            assert UNSEEN.search(line) is None
            assert not line.startswith(FORGED)


def test_what_is_escaped_is_what_unicode_calls_controls_formats_separators_and_halves() -> None:
    expected = {
        code for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    }
    found = {code for code in range(0x110000) if UNSEEN.match(chr(code))}
    assert expected <= found
    # What a later Unicode has added.
    assert all(unicodedata.category(chr(code)) in {"Cn", "Mn"} for code in found - expected)


def test_nothing_but_the_console_writes_to_a_terminal() -> None:
    door = {
        "output/console.py",
        "main.py",  # runs without the extra
        "running.py",  # the cursor, where the process ends at once
        "app.py",  # the version
        "commands/completion.py",  # the script of a shell
    }
    for path in sorted((PACKAGE / "cli").rglob("*.py")):
        if path.relative_to(PACKAGE / "cli").as_posix() in door:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert called not in {
                "print",
                "input",
                "getpass.getpass",
                "typer.echo",
                "typer.secho",
                "typer.confirm",
                "typer.prompt",
                "sys.stdout.write",
                "sys.stderr.write",
            }, f"{path}:{getattr(node, 'lineno', 0)}"


REPORT = RefreshReport(
    run_id="r",
    project_id=1,
    started_at=datetime(2020, 1, 10, tzinfo=UTC),
    makespan=1.0,
    requests=1,
    max_running=1,
    counts={Status.FAILED: 1},
    lower_bound=LowerBound(work=0.0, longest=0.0),
    outcomes=(outcome("NAME"),),
).to_json()
