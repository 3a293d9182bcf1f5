"""Runs the command of `--notify-command` when something has gone off, has changed, or is well again."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from ...batch.journal.notices import read_notice, write_notice
from ...batch.report import explain
from ...batch.stored_messages import plain
from ...errors import ConfigurationError, InvalidRequest, JournalError, TaError
from ..i18n.translate import tr
from ..output.console import print_warning

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ...batch import Journal, RefreshReport
    from ...resources import Project
    from .selection import Wanted

_LONGEST = 30.0
"""Seconds that the command may take."""

_SECRETS = ("TA_TOKEN", "TA_TOKEN_FILE")
_NO_REPORT = "*"
"""What is off where a command ended without a report."""


@frozen(kw_only=True)
class Notifier:
    """Tells of changes by a command, and keeps in the journal what it has told.

    Attributes:
        command: The program and its arguments.
        path: The journal.
        job: What is told apart in it: the command and its selection, or the name that was given.
    """

    command: Sequence[str]
    path: Path
    job: str

    async def tell(self, project: Project, off: Mapping[str, str], report: Mapping[str, object]) -> bool:
        """Run the command where something else is off than when it was run last. False where that failed; then it is due again.

        Args:
            project: The project.
            off: What is off, by id or name, and in what way.
            report: What the command is given, beside the key `notice`.

        Raises:
            JournalError: What was told cannot be read or kept.
        """
        place = (self.path, project.session.base_url, project.id, self.job)
        before = await asyncio.to_thread(read_notice, *place)
        if off == before:
            return True
        notice = {"job": self.job, "status": "off" if off else "recovered", "off": off, "before": before}
        text = json.dumps({**report, "notice": notice}, ensure_ascii=False)
        if reason := await asyncio.to_thread(self._run, text.encode("utf-8", "replace")):
            print_warning(
                tr("The command of --notify-command failed, and is due again: {reason}", reason=reason)
            )
            return False
        await asyncio.to_thread(write_notice, *place, off, told_at=time.time())
        return True

    def _run(self, report: bytes) -> str:
        """Run the command, and return why it failed; "" where it did not."""
        try:
            # What it writes is not part of the output of this command. Its errors go where those of this one go.
            ended = subprocess.run(  # noqa: S603 - the user's own, and no shell
                self.command,
                input=report,
                stdout=subprocess.DEVNULL,
                env=_environment(),
                timeout=_LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return tr("it took longer than {seconds} s.", seconds=int(_LONGEST))
        except OSError as problem:
            return problem.strerror or type(problem).__name__
        return tr("exit code {code}.", code=ended.returncode) if ended.returncode else ""


def notifier_of(
    command: str | None, job: str | None, book: Journal | None, verb: str, wanted: Wanted
) -> Notifier | None:
    """Return what tells of changes; None where nothing is to be told. Raises InvalidRequest."""
    if command is None:
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words or "\0" in command:
        raise InvalidRequest(
            tr("--notify-command must be a program and its arguments, with quotes that are closed.")
        )
    if book is None:
        raise InvalidRequest(
            tr(
                "--notify-command keeps what it has told in a journal: name it with --journal FILE or TA_JOURNAL."
            )
        )
    return Notifier(command=words, path=book.path, job=job or _job_of(verb, wanted))


@asynccontextmanager
async def failures_told(notifier: Notifier | None, project: Project) -> AsyncIterator[None]:
    """Tell of an error that leaves no report, such as that of a server that cannot be reached."""
    try:
        yield
    except (ConfigurationError, InvalidRequest, JournalError):
        raise  # the person at the terminal can do something about it
    except TaError as problem:
        if notifier is not None:
            why = explain(problem)
            report = {
                "event": "error",
                "version": 1,
                "project_id": project.id,
                "code": why["code"],
                "message": why["message"],
                "params": plain(why["params"]),
            }
            await notifier.tell(project, {_NO_REPORT: why["code"]}, report)
        raise


def off_in(report: RefreshReport) -> dict[str, str]:
    """Return what is off in a report: the status of each failure, and the codes of each warning."""
    failed = {str(one.cluster_id or one.ref): one.status.value for one in report.failures}
    flagged = {
        str(one.cluster_id or one.ref): ", ".join(each.code for each in one.warnings)
        for one in report.flagged
    }
    return {**flagged, **failed}


def _job_of(verb: str, wanted: Wanted) -> str:
    """Return the name of a job that was given none: what it was asked for."""
    words = [verb, *wanted.refs]
    if wanted.everything:
        words.append("--all")
    for option, value in (("--from-file", wanted.from_file), ("--failed-in", wanted.failed_in)):
        if value is not None:
            words += [option, value]
    if wanted.stale_seconds is not None:
        words += ["--stale-older-than", str(wanted.stale_seconds)]
    for one in wanted.exclude:
        words += ["--exclude", one]
    if not wanted.tags:
        words.append("--clusters")
    if not wanted.clusters:
        words.append("--tags")
    return shlex.join(words)


def _environment() -> dict[str, str]:
    """Return the environment without the token, under whatever name."""
    token = os.environ.get("TA_TOKEN")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _SECRETS and not (token and token in value)
    }
