"""`ta-cluster completion`."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from ..i18n.translate import tr
from ..main import COMPLETE_VARIABLE, PROGRAM
from ..output.console import print_text


class Shell(StrEnum):
    """A shell that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def completion(shell: Annotated[Shell, typer.Argument(help=tr("The shell that the script is for."))]) -> None:
    """Write a script that lets a shell complete commands and options.

    For bash, put the line of the example into ~/.bashrc; for fish, write it to ~/.config/fish/completions/ta-cluster.fish.

    Example: eval "$(ta-cluster completion bash)"
    """
    print_text(get_completion_script(prog_name=PROGRAM, complete_var=COMPLETE_VARIABLE, shell=shell.value))
