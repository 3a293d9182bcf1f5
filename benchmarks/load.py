"""Minutes of 500 clients, with faults in one of twenty requests: nothing is lost, nothing is done twice, and memory stays flat.

    python -m benchmarks.load [--minutes 5] [--clients 500] [--faults 0.05]

The clients share this process, and the emulator has one of its own. Each client has a session and clusters of its own, and does one thing
after the other over real sockets: create, update, refresh and wait, detail, progress, list, upload, replace an upload, delete. At the end
the effects that the server recorded are compared with the changes that were reported to the clients:

* lost: a success without its effect, or a final state other than the reported one
* twice: more creates, uploads or refreshes than were requested, or another effect repeated although its answer had been sent

An update, a replaced upload or a delete may be sent again if its answer was lost, which changes nothing more. The exit code is 1 if
something was lost or done twice, if a client received wrong data, or if memory grew.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import tempfile
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from attrs import define, field, frozen

from benchmarks.process import resident
from benchmarks.serving import PROJECT, serving
from benchmarks.table import Row, show
from ta_cluster_async import (
    ApiError,
    ConditionCluster,
    NotFound,
    PollPolicy,
    TaError,
    TaSession,
    all_of,
    user,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from benchmarks.serving import AppliedEffect, EmulatorProcess, ServerRecords
    from ta_cluster_async import Clusters

T = TypeVar("T")

POLL = PollPolicy(first=0.1, longest=0.5, settle=0.3, grace=10.0, errors=10.0)
DEFINITION = all_of(user("vip").is_true())
TIMEOUT = 20.0
# Effects that change something every time. The others change nothing when repeated.
ONCE = frozenset({"created", "uploaded", "refreshed"})
# Bytes per client: pools and buffers that may be larger than at the first measurement.
SLACK = 10_000


@frozen
class ReportedChange:
    """One change as it was reported to a client.

    Attributes:
        kind: The effect: created, updated, deleted, refreshed, uploaded or replaced.
        name: The name of the cluster.
        outcome: done; unknown, if it may have been done; or not, if it was certainly not.
        display_name: The display name after it.
    """

    kind: str
    name: str
    outcome: str
    display_name: str


@define
class Comparison:
    """The differences between clients and server.

    Attributes:
        lost: One sentence for each loss.
        twice: One sentence for each surplus effect.
        repeated: How often a repeatable effect was repeated after its answer was lost.
    """

    lost: list[str] = field(factory=list)
    twice: list[str] = field(factory=list)
    repeated: int = 0


def compare(changes: Iterable[ReportedChange], records: ServerRecords) -> Comparison:
    """Compare the changes reported to the clients with the effects on the server."""
    comparison = Comparison()
    outcomes: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    possible: defaultdict[str, set[str | None]] = defaultdict(lambda: {None})
    for change in changes:
        outcomes[change.kind, change.name][change.outcome] += 1
        _apply(possible[change.name], change)
    effects: defaultdict[tuple[str, str], list[AppliedEffect]] = defaultdict(list)
    for effect in records.applied:
        effects[effect.kind, effect.name].append(effect)
    for kind, name in {*outcomes, *effects}:
        found = effects[kind, name]
        count = len(found) if kind in ONCE else _without_repeats(found, comparison)
        done, unknown = outcomes[kind, name]["done"], outcomes[kind, name]["unknown"]
        if kind == "deleted" and not (effects["created", name] or effects["uploaded", name]):
            done, unknown = 0, done + unknown  # what was never created needs no deletion
        if count < done:
            comparison.lost.append(f"{name} was {kind} {count} times where {done} were reported")
        if count > done + unknown:
            comparison.twice.append(f"{name} was {kind} {count} times where {done + unknown} were requested")
    for name, names in possible.items():
        if (now := records.display_names.get(name)) not in names:
            comparison.lost.append(f"{name} is {now!r} in the end, not one of {names}")
    return comparison


def _apply(names: set[str | None], change: ReportedChange) -> None:
    """Update the possible display names of a cluster by a change; None stands for no cluster."""
    if change.outcome == "done":
        names.clear()
    if change.outcome != "not":
        names.add(None if change.kind == "deleted" else change.display_name)


def _without_repeats(effects: Iterable[AppliedEffect], comparison: Comparison) -> int:
    """Count the effects of different requests. One repeated after its answer had been sent is a surplus."""
    answered: dict[str, bool] = {}
    for effect in effects:
        if effect.body in answered:
            comparison.repeated += 1
            if answered[effect.body]:
                comparison.twice.append(
                    f"{effect.name} was {effect.kind} again after its answer had been sent"
                )
        answered[effect.body] = effect.answered
    return len(answered)


@define
class ClientLog:
    """The calls of all clients. Their changes are in a file, so that memory is that of the library alone.

    Attributes:
        file: One line for each change.
        calls: How many calls there were, by verb.
        errors: How many of them raised, by verb and type of the error.
        wrong: Answers with wrong data.
        slowest: Seconds of the longest call.
    """

    file: IO[str]
    calls: Counter[str] = field(factory=Counter)
    errors: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    slowest: float = 0.0

    def changes(self) -> Iterable[ReportedChange]:
        """Yield the changes reported to the clients, in order."""
        self.file.flush()
        self.file.seek(0)
        for line in self.file:
            yield ReportedChange(*line.rstrip("\n").split("\t"))


class Client:
    """A client with a session of its own, which works on one cluster after another."""

    def __init__(self, number: int, clusters: Clusters, log: ClientLog, pause: float) -> None:
        self._number = number
        self._clusters = clusters
        self._log = log
        self._pause = pause
        self._rng = random.Random(number)
        self._scenarios = 0
        self._names: set[str] = set()

    async def work(self, until: float) -> None:
        """Run scenarios until the loop's clock shows `until`, and finish the last one."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._rng.uniform(0, self._pause))
        while loop.time() < until:
            self._scenarios += 1
            await self._scenario(f"c{self._number:03}_{self._scenarios:05}")

    async def _scenario(self, name: str) -> None:
        uploaded = self._rng.random() < 0.3
        self._names = {f"{name} 0"}
        if uploaded:
            made = await self._change("uploaded", name, f"{name} 0", self._upload(name))
        else:
            definition = ConditionCluster(name, f"{name} 0", DEFINITION)
            made = await self._change("created", name, f"{name} 0", self._clusters.create(definition))
        if made is not None:
            for step in range(1, self._rng.randrange(2, 10)):
                await self._step(name, made, step, uploaded=uploaded)
        await self._change("deleted", name, "", self._clusters.delete(name), may_be_gone=made is None)

    async def _step(self, name: str, cluster_id: int, step: int, *, uploaded: bool) -> None:
        clusters = self._clusters
        verb = self._rng.choice(["detail", "progress", "list", "change", "change", "refresh"])
        if verb == "detail":
            detail = await self._read(verb, clusters.detail(name if step % 2 else cluster_id))
            if detail is not None:
                self._check(
                    name, "detail", right=detail.id == cluster_id and detail.display_name in self._names
                )
        elif verb == "list":
            rows = await self._read(verb, clusters.list(name=name).collect())
            if rows is not None:
                self._check(name, "list", right=[row.id for row in rows] == [cluster_id])
        elif verb == "progress" or (verb == "refresh" and uploaded):
            await self._read("progress", clusters.progress(cluster_id))
        elif verb == "refresh":
            await self._refresh(name)
        elif uploaded:
            ids = [f"{name}-{step}-{one}" for one in range(self._rng.randrange(1, 200))]
            await self._change(
                "replaced",
                name,
                f"{name} {step}",
                clusters.replace_upload(name, ids, display_name=f"{name} {step}"),
            )
        else:
            definition = ConditionCluster(name, f"{name} {step}", DEFINITION)
            await self._change("updated", name, f"{name} {step}", clusters.update(cluster_id, definition))

    async def _upload(self, name: str) -> int:
        ids = [f"{name}-{one}" for one in range(self._rng.randrange(1, 200))]
        found = await self._clusters.upload(
            ids, name=name, display_name=f"{name} 0", main_column="#account_id"
        )
        return found.cluster_id

    async def _refresh(self, name: str) -> None:
        display_name = next(iter(self._names))
        try:
            handle = await self._timed("refresh", self._clusters.refresh(name, poll=POLL))
        except TaError as error:
            self._note("refreshed", name, _outcome("refreshed", error), display_name)
            return
        if not handle.attached:
            self._note("refreshed", name, "done", display_name)
        result = await self._read("wait", handle.wait(timeout=TIMEOUT))
        if result is not None:
            self._check(name, "refresh", right=result.cluster_id == handle.ticket.cluster_id)

    async def _change(
        self, kind: str, name: str, display_name: str, call: Awaitable[T], *, may_be_gone: bool = False
    ) -> T | None:
        try:
            result = await self._timed(kind, call)
        except NotFound:
            self._check(name, f"{kind}: it is not there", right=may_be_gone)
            self._note(kind, name, "not", display_name)
        except TaError as error:
            outcome = _outcome(kind, error)
            self._note(kind, name, outcome, display_name)
            if outcome == "unknown":
                self._names.add(display_name)
        else:
            self._note(kind, name, "done", display_name)
            self._names = {display_name}
            return result
        return None

    async def _read(self, verb: str, call: Awaitable[T]) -> T | None:
        try:
            return await self._timed(verb, call)
        except TaError as error:
            self._check(verb, str(error), right=not isinstance(error, NotFound))
            return None

    async def _timed(self, verb: str, call: Awaitable[T]) -> T:
        log = self._log
        await asyncio.sleep(self._rng.expovariate(1 / self._pause))
        began = asyncio.get_running_loop().time()
        log.calls[verb] += 1
        try:
            return await call
        except TaError as error:
            log.errors[f"{verb} {type(error).__name__}"] += 1
            raise
        finally:
            log.slowest = max(log.slowest, asyncio.get_running_loop().time() - began)

    def _note(self, kind: str, name: str, outcome: str, display_name: str) -> None:
        self._log.file.write(f"{kind}\t{name}\t{outcome}\t{display_name}\n")

    def _check(self, name: str, what: str, *, right: bool) -> None:
        if not right:
            self._log.wrong.append(f"{name}: {what}")


def _outcome(kind: str, error: TaError) -> str:
    """Return whether a change that raised may have been done."""
    # A repeatable change may have been done by an attempt before the refused one.
    if error.sent == "no" or (kind in ONCE and isinstance(error, ApiError)):
        return "not"
    return "unknown"


async def load(
    server: EmulatorProcess, log: ClientLog, *, clients: int, seconds: float, pause: float
) -> tuple[int, int]:
    """Run the clients. Returns the memory of the process in bytes after a quarter of the time and at the end."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for number in range(clients):
            ta = await stack.enter_async_context(TaSession(server.url, server.token, timeout=TIMEOUT))
            client = Client(number, ta.project(PROJECT).clusters, log, pause)
            group.create_task(client.work(until))
        await asyncio.sleep(seconds / 4)
        early = _resident()
        await asyncio.sleep(max(0.0, until - loop.time()))
        return early, _resident()


def _resident() -> int:
    gc.collect()
    return resident()


def run(
    *,
    minutes: float,
    clients: int,
    faults: float,
    pause: float = 1.0,
    stall: float = 0.5,
    job_seconds: float = 0.8,
) -> list[Row]:
    """Measure for some minutes, with `pause` seconds between two calls of a client. See `serving` for the other arguments."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(folder, "changes").open("w+", encoding="utf-8") as file,
        serving(faults=faults, stall=stall, capacity=clients, job_seconds=job_seconds) as server,
    ):
        log = ClientLog(file)
        early, late = asyncio.run(load(server, log, clients=clients, seconds=minutes * 60, pause=pause))
        records = server.records()
        comparison = compare(log.changes(), records)
    for problem in (*comparison.lost, *comparison.twice, *log.wrong):
        print(problem)
    for what, counter in (("calls", log.calls), ("errors", log.errors)):
        print(what, ", ".join(f"{name} {count:,}" for name, count in sorted(counter.items())))
    calls = log.calls.total()
    return [
        Row(f"{clients} clients: calls", float(calls), None, None),
        Row(f"{clients} clients: calls a second", calls / (minutes * 60), None, None),
        Row("requests at the server", float(records.requests), None, None),
        Row("requests that met a fault", records.faults / records.requests, None, faults / 2, least=True),
        Row("effects on the server", float(len(records.applied)), None, None),
        Row("calls that raised an error of the library", log.errors.total() / calls, None, None),
        Row("effects repeated after a lost answer, to no effect", float(comparison.repeated), None, None),
        Row("lost", float(len(comparison.lost)), None, 0.0),
        Row("done twice", float(len(comparison.twice)), None, 0.0),
        Row("seen and not right", float(len(log.wrong)), None, 0.0),
        Row("longest call", log.slowest, None, None, unit="s"),
        Row("memory of the clients", late / 1e6, None, None, unit="MB"),
        Row(
            "growth of it in the last three quarters",
            (late - early) / 1e6,
            None,
            clients * SLACK / 1e6,
            unit="MB",
        ),
        Row("memory of the server, which keeps its records", records.resident / 1e6, None, None, unit="MB"),
    ]


def rows(*, quick: bool = False) -> list[Row]:
    """Measure five minutes of 500 clients; half a minute of 100 if quick."""
    return run(minutes=0.5, clients=100, faults=0.05) if quick else run(minutes=5, clients=500, faults=0.05)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--faults", type=float, default=0.05, help="the share of requests that go wrong")
    options = parser.parse_args()
    found = run(minutes=options.minutes, clients=options.clients, faults=options.faults)
    show(found)
    sys.exit(any(row.held is False for row in found))
