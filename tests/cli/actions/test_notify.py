"""`--notify-command` of `refresh` and `check`, and the recipes of docs/recipes/notify.md."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.cli.actions import notify
from ta_cluster_async.cli.actions.selection import Wanted
from ta_cluster_async.emulator import TOKEN, Fault, JobPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command, Ended

RECIPES = dict(
    re.findall(
        r"```python\n# (\w+)\.py\n(.*?)```",
        (Path(__file__).parents[3] / "docs" / "recipes" / "notify.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
)
SCRIPT = """
import json, os, sys
with open(sys.argv[1], "a", encoding="utf-8") as file:
    file.write(json.dumps([json.load(sys.stdin), dict(os.environ)]) + "\\n")
print("noise")
sys.exit(int(os.environ["CODE"]))
"""


class _Told:
    """The program that is told, and what it was given."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.exit_with(0)
        (folder / "told.py").write_text(SCRIPT, encoding="utf-8")
        self._file = folder / "told file.txt"
        self.command = shlex.join([sys.executable, str(folder / "told.py"), str(self._file)])

    def exit_with(self, code: int) -> None:
        self.monkeypatch.setenv("CODE", str(code))

    def read(self) -> list[tuple[dict[str, Any], dict[str, str]]]:
        if not self._file.exists():
            return []
        return [tuple(json.loads(line)) for line in self._file.read_text("utf-8").splitlines()]

    def statuses(self) -> list[tuple[str, dict[str, str]]]:
        return [(report["notice"]["status"], report["notice"]["off"]) for report, _ in self.read()]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Told:
    return _Told(tmp_path, monkeypatch)


@pytest.fixture
def night(zoo: Emulator, command: Command, tmp_path: Path, told: _Told) -> Callable[..., Ended]:
    """A run of a command with the journal and the program."""
    del zoo

    def run(*arguments: str) -> Ended:
        return command(*arguments, "--journal", str(tmp_path / "runs.db"), "--notify-command", told.command)

    return run


def test_two_failing_nights_tell_once_and_so_does_the_recovery(
    zoo: Emulator, night: Callable[..., Ended], told: _Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPY", f"x{TOKEN}y")
    assert night("refresh", "970", "971").code == 0
    assert told.read() == []
    for _ in range(2):
        zoo.plan(970, JobPlan(fails=True))
        assert night("refresh", "970", "971").code == 1
    assert told.statuses() == [("off", {"970": "failed"})]
    assert [night("refresh", "970", "971").code for _ in range(2)] == [0, 0]
    assert told.statuses()[1:] == [("recovered", {})]
    report, environment = told.read()[0]
    assert (report["event"], report["counts"]) == ("report", {"failed": 1, "succeeded": 1})
    assert (report["notice"]["job"], report["notice"]["before"]) == ("refresh 970 971", {})
    assert not {"TA_TOKEN", "COPY"} & environment.keys()
    assert "TA_BASE_URL" in environment
    assert told.read()[1][0]["notice"]["before"] == {"970": "failed"}


def test_a_change_of_what_is_off_is_told(zoo: Emulator, night: Callable[..., Ended], told: _Told) -> None:
    for more in ([], ["--min-users", "999999999"], ["--notify-name", "夜间"]):
        zoo.plan(970, JobPlan(fails=True))
        night("refresh", "970", "971", *more)
    assert told.statuses() == [
        ("off", {"970": "failed"}),
        ("off", {"970": "failed", "971": "size-too-small"}),
        ("off", {"970": "failed"}),
    ]
    assert told.read()[2][0]["notice"]["job"] == "夜间"


def test_a_program_that_fails_is_due_again(zoo: Emulator, night: Callable[..., Ended], told: _Told) -> None:
    zoo.plan(970, JobPlan(fails=True))
    told.exit_with(7)
    ended = night("refresh", "970")
    assert (ended.code, len(told.read())) == (1, 1)
    assert "Warning: The command of --notify-command failed, and is due again: exit code 7." in ended.err
    assert "noise" not in ended.out
    zoo.plan(970, JobPlan(fails=True))
    told.exit_with(0)
    night("refresh", "970")
    told.exit_with(1)
    assert night("refresh", "970").code == 1
    told.exit_with(0)
    assert night("refresh", "970").code == 0
    assert [status for status, _ in told.statuses()] == ["off", "off", "recovered", "recovered"]


def test_a_check_tells_too(zoo: Emulator, night: Callable[..., Ended], told: _Told) -> None:
    del zoo
    assert [night("check", "nobody", "970").code for _ in range(2)] == [1, 1]
    assert told.statuses() == [("off", {"nobody": "no-such-cluster"})]
    assert told.read()[0][0]["event"] == "check"
    assert night("check", "970").code == 0
    assert len(told.read()) == 1
    told.exit_with(1)
    assert night("check", "970", "--min-users", "999999999").code == 1


def test_an_error_without_a_report_is_told(zoo: Emulator, night: Callable[..., Ended], told: _Told) -> None:
    zoo.faults.add(Fault.status(403), path="user-cluster-list", count=None)
    assert [night("check").code for _ in range(2)] == [1, 1]
    ((status, off),) = told.statuses()
    assert (status, list(off)) == ("off", ["*"])
    assert told.read()[0][0]["event"] == "error"


@pytest.mark.parametrize(
    ("command_line", "message"),
    [("", "closed"), ("'a", "closed"), ("a\0b", "closed"), ("true", "--journal")],
)
def test_what_is_no_command_starts_nothing(
    zoo: Emulator, command: Command, command_line: str, message: str
) -> None:
    ended = command("refresh", "970", "--notify-command", command_line)
    assert (ended.code, zoo.requests) == (2, [])
    assert message in ended.err


def test_a_program_that_does_not_end_or_is_not_there(
    zoo: Emulator, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_LONGEST", 0.1)
    for line, reason in (("sleep 60", "it took longer than"), ("/no/such/program", "No such file")):
        zoo.plan(970, JobPlan(fails=True))
        ended = command("refresh", "970", "--journal", str(tmp_path / "a.db"), "--notify-command", line)
        assert ended.code == 1
        assert reason in ended.err


def test_jobs_by_what_was_chosen() -> None:
    wanted = Wanted(
        refs=["a b"], everything=True, from_file="f", failed_in="last", stale_seconds=60.0, exclude=["x"]
    )
    assert notify._job_of("refresh", wanted) == (
        "refresh 'a b' --all --from-file f --failed-in last --stale-older-than 60.0 --exclude x"
    )
    assert notify._job_of("check", Wanted(tags=False)) == "check --clusters"
    assert notify._job_of("check", Wanted(clusters=False)) == "check --tags"


class _Webhook(BaseHTTPRequestHandler):
    answer = b""
    bodies: list[Any] = []  # noqa: RUF012 - replaced by each test

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.bodies.append((self.headers["Content-Type"], json.loads(self.rfile.read(length))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def webhook() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Webhook)
    _Webhook.bodies = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


TEXT = "nightly: off\n970: failed"


@pytest.mark.parametrize(
    ("name", "body", "answers"),
    [
        ("feishu", {"msg_type": "text", "content": {"text": TEXT}}, ('{"code": 0}', '{"code": 19024}')),
        (
            "dingtalk",
            {"msgtype": "text", "text": {"content": TEXT}},
            ('{"errcode": 0}', '{"errcode": 310000}'),
        ),
        ("wecom", {"msgtype": "text", "text": {"content": TEXT}}, ('{"errcode": 0}', '{"errcode": 93000}')),
        ("slack", {"text": TEXT}, ("ok", "no_text")),
    ],
)
def test_the_recipes(
    webhook: HTTPServer, tmp_path: Path, name: str, body: dict[str, Any], answers: tuple[str, str]
) -> None:
    script = tmp_path / f"{name}.py"
    script.write_text(RECIPES[name], encoding="utf-8")
    report = {"notice": {"job": "nightly", "status": "off", "off": {"970": "failed"}, "before": {}}}
    good, bad = answers
    for answer, code in ((good, 0), (bad, 1)):
        _Webhook.answer = answer.encode()
        ended = subprocess.run(
            [sys.executable, str(script)],
            input=json.dumps(report).encode(),
            env={**os.environ, f"{name.upper()}_WEBHOOK": f"http://127.0.0.1:{webhook.server_port}/x"},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, bad.encode() in ended.stderr) == (code, bool(code))
    assert _Webhook.bodies == [("application/json", body)] * 2
