"""The log that a command writes to stderr."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.cli.output import console, logs
from ta_cluster_async.cli.output.format import LogFormat
from tests.cli.terminal import Terminal

if TYPE_CHECKING:
    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Command

LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (DEBUG|INFO|WARNING) \S.*")


def records(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("arguments", [("-v", "list"), ("list", "--verbose")])
def test_verbose_tells_which_settings_are_used(
    command: Command, settings: Emulator, arguments: tuple[str, ...]
) -> None:
    (line,) = command(*arguments, "-q").err.splitlines()
    assert LINE.fullmatch(line)
    assert line.endswith(
        f"INFO Uses {settings.url} (TA_BASE_URL), project 102 (TA_PROJECT_ID) and the token (TA_TOKEN)."
    )


def test_without_an_option_nothing_is_logged_and_what_one_command_logs_does_not_reach_the_next(
    command: Command, settings: Emulator
) -> None:
    assert command("list", "--debug", "-q").err
    assert command("list", "-q").err == ""


@pytest.mark.parametrize("arguments", [("--debug", "list"), ("list", "--debug")])
def test_debug_tells_of_each_request_without_its_url(
    command: Command, settings: Emulator, arguments: tuple[str, ...]
) -> None:
    first, *requests = command(*arguments, "-q").err.splitlines()
    assert " INFO Uses " in first
    assert requests
    for line in requests:
        assert LINE.fullmatch(line)
        assert re.search(
            r" DEBUG POST list: attempt \d, HTTP 200, return_code 0, \d+ bytes, [\d.]+ ms$", line
        )
        assert "/open/" not in line


def test_as_json_all_of_stderr_is_objects_with_times_in_utc(command: Command, settings: Emulator) -> None:
    found = records(command("show", "nobody", "--log-format", "json", "--debug").err)
    assert {one["level"] for one in found} == {"info", "debug", "error"}
    for one in found:
        moment = datetime.fromisoformat(str(one["time"]))
        assert moment.utcoffset() == timedelta(0)
        assert one["message"]
    assert found[-1]["logger"] == "ta_cluster_async.cli"
    fields = [one["fields"] for one in found if "fields" in one]
    assert {"method", "endpoint", "attempt", "status", "return_code", "bytes", "ms"} in [
        set(one) for one in fields if isinstance(one, dict)
    ]


def test_the_environment_sets_the_log(
    command: Command, settings: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TA_LOG_LEVEL", "debug")
    monkeypatch.setenv("TA_LOG_FORMAT", "json")
    assert {one["level"] for one in records(command("list").err)} == {"info", "debug"}


@pytest.mark.parametrize("variable", ["TA_LOG_LEVEL", "TA_LOG_FORMAT"])
def test_another_value_in_the_environment_is_a_usage_error(
    command: Command, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "loud")
    ended = command("config", "path")
    assert ended.code == 2
    assert f"{variable} must be one of" in ended.err


def test_a_batch_as_json_names_its_run(command: Command, settings: Emulator) -> None:
    created = command("create", "--log-format", "json", "-v", "--help")
    assert created.code == 0
    ended = command("refresh", "nobody", "-v", "--log-format", "json")
    runs = [one["fields"] for one in records(ended.err) if one["logger"] == "ta_cluster_async"]
    names = {one["run_id"] for one in runs if isinstance(one, dict)}
    assert len(names) == 1


def test_warnings_and_sentences_are_lines_of_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_format(LogFormat.JSON)
    try:
        console.print_message("One.")
        console.print_warning("Two.")
        console.print_error("Three\nlines.")
        sys.stderr.write(console.stderr_line("Four."))
        logging.getLogger("ta_cluster_async").warning("Five.")
        logging.getLogger("ta_cluster_async").info("Six.")
    finally:
        logs.end_log()
    console.print_message("Seven.")
    *lines, last = capsys.readouterr().err.splitlines()
    found = [(one["level"], one["message"]) for one in records("\n".join(lines))]
    assert found == [
        ("info", "One."),
        ("warning", "Two."),
        ("error", "Three\nlines."),
        ("info", "Four."),
        ("warning", "Five."),
    ]
    assert last == "Seven."


def test_a_line_that_cannot_be_put_together_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    logs.write_log(logging.INFO)
    try:
        (handler,) = [
            one
            for one in logging.getLogger("ta_cluster_async").handlers
            if not isinstance(one, logging.NullHandler)
        ]
        handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("text",)}))
        handler.handle(logging.makeLogRecord({"msg": "next", "levelname": "INFO"}))
    finally:
        logs.end_log()
    assert capsys.readouterr().err.splitlines()[-1].endswith(" INFO next")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_the_log_stands_above_the_live_display(columns: int) -> None:
    env = {"LC_ALL": "C.UTF-8"}
    with Terminal("-v", "demo", "--clusters", "3", columns=columns, env=env) as terminal:
        terminal.read_until("All ")
        terminal.read_until(lambda screen: any("3 references" in line for line in screen))
        screen = terminal.screen
        bar = next(n for n, line in enumerate(screen) if line.startswith("All "))
        logged = [n for n, line in enumerate(screen) if " INFO Batch " in line]
        assert logged
        assert max(logged) < bar
        assert all(LINE.match(screen[n]) for n in logged)
        assert terminal.read_to_the_end() == 0
        assert not [line for line in terminal.screen if line.startswith("All ")]
