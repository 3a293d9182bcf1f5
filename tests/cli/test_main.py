"""The command as a process: what it loads, what it says without its extras, and what a fault of its own shows."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from ta_cluster_async.cli.app import COMMANDS, app, load_command
from ta_cluster_async.cli.main import main
from ta_cluster_async.emulator import TOKEN

if TYPE_CHECKING:
    from ta_cluster_async.emulator import Emulator
    from tests.cli.conftest import Process


def python(code: str, *, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    hidden = f"import sys; sys.modules.update(dict.fromkeys({without!r}))"
    return subprocess.run(
        [sys.executable, "-c", f"{hidden}\n{code}"], capture_output=True, text=True, timeout=30, check=False
    )


def command(*arguments: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return python(f"from ta_cluster_async.cli.main import main; main({list(arguments)!r})", without=without)


def test_help_names_each_command_and_the_exit_codes() -> None:
    out = CliRunner().invoke(app, ["--help"]).stdout
    for word in ("refresh", "list", "show", "progress", "demo", "emulator", "TA_TOKEN", "Exit codes"):
        assert word in out


def leaves() -> list[tuple[str, Any]]:
    """All commands with their whole names, those of groups too."""

    def below(command: Any, name: str) -> list[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            return [(name, command)]
        return [leaf for word, one in inner.items() for leaf in below(one, f"{name} {word}")]

    return [leaf for name in COMMANDS for leaf in below(load_command(name), name)]


def test_the_commands_are_those_that_are_promised() -> None:
    assert {name.split()[0] for name, _ in leaves()} == {
        "auth",
        "check",
        "completion",
        "config",
        "create",
        "delete",
        "demo",
        "doctor",
        "emulator",
        "list",
        "members",
        "progress",
        "refresh",
        "runs",
        "show",
        "update",
        "upload",
        "wait",
    }


@pytest.mark.parametrize("verb", [name for name, _ in leaves()])
def test_the_help_of_each_command_has_an_example(verb: str) -> None:
    ended = CliRunner().invoke(app, [*verb.split(), "--help"])
    assert ended.exit_code == 0
    assert "Example: " in ended.stdout
    assert f"ta-cluster {verb}" in " ".join(ended.stdout.split("Example: ")[1].split())


def test_the_list_of_commands_says_of_each_what_its_own_help_begins_with() -> None:
    for name in COMMANDS:
        assert COMMANDS[name][2] == " ".join(load_command(name).help.split("\n\n")[0].split())


def test_help_of_any_command_loads_nothing_that_does_work() -> None:
    pages = [[], *([name] for name in COMMANDS), ["runs", "report"]]
    ended = python(
        "import sys\nfrom ta_cluster_async.cli.main import main\n"
        f"for page in {pages!r}:\n    try:\n        main([*page, '--help'])\n    except SystemExit:\n        pass\n"
        "print(*sys.modules)"
    )
    loaded = set(ended.stdout.splitlines()[-1].split())
    assert {"typer", "ta_cluster_async.cli.commands.refresh"} <= loaded
    assert not loaded & {
        "aiohttp",
        "asyncio",
        "attr",
        "cattrs",
        "duckdb",
        "markdown_it",
        "pydantic",
    }
    ours = {name.split(".")[1] for name in loaded if name.startswith("ta_cluster_async.")}
    assert ours <= {"cli", "errors", "messages"}


def test_python_m_is_the_same_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ta_cluster_async", "--version"], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "ta-cluster 0.1.0\n"


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_cli_extra_one_sentence_says_what_to_install(missing: str) -> None:
    ended = command("list", without=(missing,))
    assert ended.returncode == 2
    assert (
        ended.stderr == 'Error: The command needs an extra: python -m pip install "ta-cluster-async[cli]"\n'
    )


def test_without_the_demo_extra_one_sentence_says_what_to_install() -> None:
    ended = command("demo", without=("duckdb",))
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert 'python -m pip install "ta-cluster-async[demo]"' in ended.stderr


def test_a_word_that_is_no_command_is_a_usage_error() -> None:
    ended = CliRunner().invoke(app, ["refrsh"])
    assert ended.exit_code == 2
    assert "Did you mean 'refresh'?" in ended.stderr


def test_a_fault_of_the_command_itself_shows_no_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        local = f"token={TOKEN}"
        raise RuntimeError(f"no {local}")

    monkeypatch.setenv("TA_TOKEN", TOKEN)
    monkeypatch.setattr("ta_cluster_async.cli.app.app", broken)
    with pytest.raises(SystemExit) as ended:
        main(["list"])
    said = capsys.readouterr().err
    assert ended.value.code == 70
    assert "RuntimeError: no token=***" in said
    assert TOKEN not in said


def test_names_that_the_locale_cannot_show_do_not_break_a_command(
    ta_emulator: Emulator, process: Process
) -> None:
    encoding = "gbk"
    ta_emulator.seed_clusters(1, prefix="鲸鱼🐋")
    listing = process(
        "list",
        env={
            "TA_BASE_URL": ta_emulator.url,
            "TA_TOKEN": ta_emulator.token,
            "TA_PROJECT_ID": "102",
            "PYTHONIOENCODING": encoding,
        },
        encoding=encoding,
    )
    out, err = listing.communicate(timeout=60)
    assert (listing.returncode, err) == (0, "")
    assert "970" in out
    assert "鲸鱼?_1".encode(encoding, "replace").decode(encoding) in out
