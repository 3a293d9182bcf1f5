"""The `ta-cluster` command. This file runs without its extra, to say what is missing."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

from .i18n.translate import tr
from .output.streams import OutputError, open_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

_FAILED = 1
_FAULT = 70
_INTERRUPTED = 130

PROGRAM = "ta-cluster"

COMPLETE_VARIABLE = "_TA_CLUSTER_COMPLETE"
"""The environment variable by which a shell asks for completions."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command with `arguments`, or with those of this process; leaves by SystemExit."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    open_missing()
    _never_fail_to_encode()
    if _has_token(arguments):
        _leave(
            tr(
                "Error: The token is not taken from the command line, where other users see it in the process list and the shell keeps it"
                " in its history. Set the environment variable TA_TOKEN, or use --token-file."
            )
        )
    try:
        code = _run(arguments)
    except ImportError as missing:
        if missing.name not in ("rich", "typer"):
            _leave_with_fault()
        _leave(tr('Error: The command needs an extra: python -m pip install "ta-cluster-async[cli]"'))
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    except Exception:  # noqa: BLE001 - the last place that could show a token
        _leave_with_fault()
    raise SystemExit(code)


def _run(arguments: Sequence[str]) -> int:
    import rich  # noqa: F401, PLC0415 - needs the extra
    import typer  # noqa: PLC0415 - needs the extra

    from ..errors import ConfigurationError  # noqa: PLC0415 - as the others
    from .app import app  # noqa: PLC0415 - needs the extra
    from .output import console  # noqa: PLC0415 - needs the extra
    from .output import help as usage  # noqa: PLC0415 - needs the extra
    from .output.logs import end_log, read_environment  # noqa: PLC0415 - needs the extra

    if os.environ.get(COMPLETE_VARIABLE):
        from typer.completion import completion_init  # type: ignore[attr-defined]  # noqa: PLC0415 - only a shell asks for it

        completion_init()
        usage.load_help_screens()
    try:
        read_environment()
        code = app(
            args=arguments,
            obj=tuple(arguments),
            prog_name=PROGRAM,
            complete_var=COMPLETE_VARIABLE,
            standalone_mode=False,
        )
    except typer.Abort:
        console.print_message(tr("Stopped."))
        return _INTERRUPTED
    except OutputError as problem:
        console.print_output_error(problem)
        return _FAILED
    except ConfigurationError as problem:
        console.print_error(problem.message)
        return 2
    except Exception as problem:
        sentence = usage.usage_error_text(problem)
        if sentence is None:
            raise
        if sentence:
            console.print_error(sentence)
        return 2
    finally:
        console.set_quiet(quiet=False)
        end_log()
    return code if isinstance(code, int) else 0


def _never_fail_to_encode() -> None:
    """Let a terminal that cannot show a character show a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _has_token(arguments: Sequence[str]) -> bool:
    """Return whether a token is among the arguments. The emulator's is not a secret."""
    has_token = any(argument == "--token" or argument.startswith("--token=") for argument in arguments)
    return has_token and arguments[0] != "emulator"


def _masked(text: str) -> str:
    from ..client.secret import Secret  # noqa: PLC0415 - only needed when something is broken

    variable = os.environ.get("TA_TOKEN")
    read = getattr(sys.modules.get(f"{__package__}.config.token"), "read", [])
    for token in [Secret(variable), *read] if variable else read:
        text = token.mask(text)
    return text


def _leave_with_fault() -> NoReturn:
    _write(_masked(traceback.format_exc()))
    _leave(
        tr("Internal error. Please report the traceback above."),
        _FAULT,
    )


def _write(text: str) -> None:
    from ..messages import escaped  # noqa: PLC0415 - only needed when something is broken

    with suppress(OSError):
        sys.stderr.write("\n".join(map(escaped, text.rstrip("\n").split("\n"))) + "\n")


def _leave(sentence: str, code: int = 2) -> NoReturn:
    _write(sentence)
    raise SystemExit(code)
