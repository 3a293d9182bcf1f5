"""`ta-cluster completion`, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_script_for_each_shell_names_the_command(command: Command, shell: str) -> None:
    ended = command("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert "_TA_CLUSTER_COMPLETE" in ended.out


def test_another_shell_is_refused(command: Command) -> None:
    ended = command("completion", "tcsh")
    assert ended.code == 2
    assert "zsh" in ended.err


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_the_options_of_a_command(tmp_path: Path) -> None:
    program = tmp_path / "ta-cluster"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ta_cluster_async "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = """
eval "$(ta-cluster completion bash)"
COMP_WORDS=(ta-cluster refresh --max-)
COMP_CWORD=2
_ta_cluster_completion ta-cluster
echo "${COMPREPLY[@]}"
"""
    ended = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert ended.stdout.split() == ["--max-running", "--max-failures"]
