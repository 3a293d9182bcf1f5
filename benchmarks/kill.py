"""`kill -9` at random instants of a batch in a process of its own, against the emulator in this one, with one journal.

    python -m benchmarks.kill [--kills 200]

Each generation is a batch over all clusters. Its process is killed at random again and again, restarted with the same journal, and
finally left to finish. Then every cluster must have one outcome, and the server must have refreshed it exactly once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.table import Row, show
from ta_cluster_async.batch import Journal, Status, refresh_all
from ta_cluster_async.emulator import Emulator, Settings
from ta_cluster_async.errors import JournalError
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.session import TaSession

if TYPE_CHECKING:
    from ta_cluster_async.batch.journal.rows import RunInfo

CLUSTERS = 40
ROOT = Path(__file__).resolve().parents[1]
# The stale window of the server must be shorter than the grace time.
STALE = 0.3
POLL = PollPolicy(first=0.05, longest=0.3, grace=1.5, settle=0.5)


async def work(url: str, token: str, journal: str, ids: list[int]) -> None:
    """Run one batch, in the process that is killed."""
    async with TaSession(url, token) as ta:
        await refresh_all(ta.project(102), ids, max_running=8, poll=POLL, journal=journal)


class Worker:
    """A process that runs one batch."""

    def __init__(self, emulator: Emulator, journal: Path, ids: list[int]) -> None:
        options = json.dumps(
            {"url": emulator.url, "token": emulator.token, "journal": str(journal), "ids": ids}
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.kill", "--worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(options)
        self.process.stdin.close()

    def kill_after(self, seconds: float) -> bool:
        """Kill the process after `seconds`; return False if it ended before."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._close()
            return True
        return False

    def finish(self) -> None:
        """Wait for the end of the batch."""
        assert self.process.stderr is not None
        problems = self.process.stderr.read()
        code = self.process.wait()
        self._close()
        if code:
            raise RuntimeError(problems)

    def _close(self) -> None:
        assert self.process.stderr is not None
        self.process.stderr.close()


def kills(wanted: int, seed: int = 1, clusters: int = CLUSTERS) -> tuple[int, int, list[str]]:
    """Kill `wanted` processes. Returns the kills, the generations, and everything that was wrong."""
    rng = random.Random(seed)
    done = generations = 0
    wrong: list[str] = []
    settings = Settings(evaluate=False, stale_seconds=STALE)
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(capacity=6, settings=settings, job_seconds=lambda _, r: r.uniform(0.05, 0.4)) as emulator,
    ):
        journal = Path(folder, "runs.db")
        ids = emulator.seed_clusters(clusters)
        began_after = 0.0
        while done < wanted:
            generations += 1
            before = len(emulator.effects)
            last = _newest(journal)
            for _ in range(6):
                worker = Worker(emulator, journal, ids)
                # From the start of the interpreter to about the end of the batch.
                if done >= wanted or not worker.kill_after(rng.uniform(began_after, began_after + 2.5)):
                    worker.finish()
                    break
                done += 1
                if _newest(journal) != last and _is_complete(journal):
                    break  # it was killed after its batch had ended
            else:
                Worker(emulator, journal, ids).finish()
            effects = Counter(effect.cluster_id for effect in emulator.effects[before:])
            wrong += check(ids, journal, effects, generations)
            if generations == 1:
                began_after = _start_up()
    return done, generations, wrong


def check(ids: list[int], journal: Path, effects: Counter[int], generation: int) -> list[str]:
    """Return what is wrong with one generation."""
    outcomes = list(Journal(journal).outcomes(Journal(journal).runs()[0].run_id))
    wrong = []
    seen = Counter(outcome.cluster_id for outcome in outcomes)
    wrong += [f"generation {generation}: {i} has {seen[i]} outcomes" for i in ids if seen[i] != 1]
    wrong += [
        f"generation {generation}: {i} was refreshed {effects[i]} times" for i in ids if effects[i] != 1
    ]
    wrong += [
        f"generation {generation}: {outcome.cluster_id} {outcome.status}: {outcome.message}"
        for outcome in outcomes
        if outcome.status is not Status.SUCCEEDED
    ]
    return wrong


def _newest(journal: Path) -> str | None:
    """Return the latest run, which is that of the previous generation if a worker was killed before it began one."""
    runs = _runs(journal)
    return runs[0].run_id if runs else None


def _is_complete(journal: Path) -> bool:
    """Return whether the latest run has ended."""
    runs = _runs(journal)
    return bool(runs) and runs[0].state == "complete"


def _runs(journal: Path) -> list[RunInfo]:
    """Return the runs in the file, the latest first; none if a worker was killed before it wrote its first."""
    try:
        return Journal(journal).runs()
    except JournalError:
        return []  # a file that stays unreadable is noticed at the end of the generation


def _start_up() -> float:
    """Return roughly how long a process takes to send its first request."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import benchmarks.kill, aiohttp"], cwd=ROOT, check=True)
    return (time.monotonic() - began) * 0.7


def rows(wanted: int = 200) -> list[Row]:
    """Measure all figures."""
    done, generations, wrong = kills(wanted)
    for problem in wrong:
        print(problem)
    return [
        Row("kill -9: kills", float(done), None, float(wanted), least=True),
        Row("kill -9: generations finished", float(generations), None, None),
        Row("kill -9: lost, repeated or wrong", float(len(wrong)), None, 0.0),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        options = json.load(sys.stdin)
        asyncio.run(work(options["url"], options["token"], options["journal"], options["ids"]))
    else:
        show(rows(arguments.kills))
