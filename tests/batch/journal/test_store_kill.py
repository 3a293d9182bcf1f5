"""Real processes are killed at random instants, and what they were promised is in the file."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.report import Status
from ta_cluster_async.emulator.loop import run

if TYPE_CHECKING:
    from pathlib import Path

    from ta_cluster_async.batch.journal.journal import Entry

KILLS = 16

# Imports once, and makes a worker for each line that it reads.
NURSERY = """
import asyncio, os, sys
from datetime import UTC, datetime
from ta_cluster_async.batch.journal.journal import Journal
from ta_cluster_async.batch.report import Outcome, Status
from ta_cluster_async.models import RefreshTicket

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

async def lane(held, ids):
    for cluster_id in ids:
        ticket = RefreshTicket(project_id=102, cluster_id=cluster_id, submitted_at=datetime.now(UTC))
        await held.intend(ticket, cluster_id)
        say("intended", cluster_id)
        held.submitted(cluster_id, ticket)
        if cluster_id % 3:
            held.finished(Outcome(ref=cluster_id, status=Status.SUCCEEDED, cluster_id=cluster_id, run_seconds=1.0, ticket=ticket))
            if cluster_id % 5 == 0:
                await held.flush()
                say("finished", cluster_id)

async def work(first):
    held = await Journal(sys.argv[1]).open(base_url="http://ta2:8992", project_id=102, max_running=4)
    say("resumed" if held.resumed else "begun", held.run_id)
    await asyncio.gather(*(lane(held, range(first + n, first + 1_000_000, 4)) for n in range(4)))

for line in sys.stdin:
    worker = os.fork()
    if worker == 0:
        asyncio.run(work(int(line)))
        os._exit(1)
    say("worker", worker)
    os.waitpid(worker, 0)
    say("killed", worker)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="makes its processes by fork")
def test_after_kill_9_at_any_instant_every_confirmed_intent_and_end_is_there(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    chance = random.Random(4)
    confirmed: dict[str, set[int]] = {"intended": set(), "finished": set()}
    began: list[list[str]] = []
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for turn in range(KILLS):
            print((turn + 1) * 1_000_000, file=nursery.stdin, flush=True)
            worker = int(nursery.stdout.readline().split()[1])
            lines = iter(nursery.stdout.readline, f"killed {worker}\n")
            # Some while they open the file, most while they work.
            told = list(islice(lines, 0 if turn % 4 == 3 else chance.randint(1, 60)))
            time.sleep(chance.uniform(0.0, 0.02))
            os.kill(worker, signal.SIGKILL)
            for line in (*told, *lines):
                what, about = line.split()
                if what in confirmed:
                    confirmed[what].add(int(about))
                else:
                    began.append([what, about])
            raw = sqlite3.connect(path)
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            raw.close()
        nursery.stdin.close()

    async def look() -> tuple[str, dict[int, Entry]]:
        held = await Journal(path).open(base_url="http://ta2:8992", project_id=102, max_running=4)
        entries = await held.entries(sorted(confirmed["intended"]))
        await held.close(complete=True)
        return held.run_id, entries

    run_id, entries = run(look())
    assert len(confirmed["intended"]) > KILLS
    assert confirmed["finished"]
    assert entries.keys() == confirmed["intended"]
    assert {entries[cluster_id].state for cluster_id in confirmed["finished"]} == {"finished"}
    assert all(entry.attempts == 1 for entry in entries.values())
    # Each took over from the dead one before at once, and went on with its run.
    assert began == [["begun", run_id]] + [["resumed", run_id]] * (len(began) - 1)
    (info,) = Journal(path).runs()
    assert info.counts[Status.SUCCEEDED] >= len(confirmed["finished"])
