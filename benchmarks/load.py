"""Minutes of 500 clients at work, while one request in twenty goes wrong: nothing is lost, nothing is done twice, and memory stays flat.

    python -m benchmarks.load [--minutes 5] [--clients 500] [--faults 0.05]

The clients share this process, and the emulator has one of its own. Each client has a session and clusters of its own, and does one thing
after the other over real sockets: create, update, refresh and wait, detail, progress, list, upload, replace an upload, delete. At the end
the server's account of its effects is compared with what the clients were told:

* lost: a success without its effect, or another state in the end than the client was told
* twice: more creates, uploads or refreshes than were asked for, or another effect that came again although its answer had gone out

An update, a replaced upload or a delete may be sent again when its answer was lost, which changes nothing more. The exit code is 1 when
something was lost or done twice, when a client saw what cannot be right, or when memory grew.
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

    from benchmarks.serving import Account, Applied, Served
    from ta_cluster_async import Clusters

T = TypeVar("T")

POLL = PollPolicy(first=0.1, longest=0.5, settle=0.3, grace=10.0, errors=10.0)
DEFINITION = all_of(user("vip").is_true())
TIMEOUT = 20.0
# Each of them changes something each time that the server takes it. The others leave what is there when they come again.
ONCE = frozenset({"created", "uploaded", "refreshed"})
# Bytes for each client: pools and buffers that one of them happens to have larger than at the first look.
SLACK = 10_000


@frozen
class Said:
    """What a client was told of one change.

    Attributes:
        kind: The effect: created, updated, deleted, refreshed, uploaded or replaced.
        name: The name of the cluster.
        outcome: done; unknown, where it may have been done; or not, where it was certainly not.
        display_name: What the cluster is called after it.
    """

    kind: str
    name: str
    outcome: str
    display_name: str


@define
class Verdict:
    """What is wrong between the clients and the server.

    Attributes:
        lost: One sentence for each loss.
        twice: One sentence for each effect too many.
        repeated: How often an effect that may come again did so after its answer was lost.
    """

    lost: list[str] = field(factory=list)
    twice: list[str] = field(factory=list)
    repeated: int = 0


def judge(told: Iterable[Said], account: Account) -> Verdict:
    """Compare what the clients were told with what the server did."""
    verdict = Verdict()
    outcomes: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    possible: defaultdict[str, set[str | None]] = defaultdict(lambda: {None})
    for said in told:
        outcomes[said.kind, said.name][said.outcome] += 1
        _go_on(possible[said.name], said)
    effects: defaultdict[tuple[str, str], list[Applied]] = defaultdict(list)
    for effect in account.applied:
        effects[effect.kind, effect.name].append(effect)
    for kind, name in {*outcomes, *effects}:
        found = effects[kind, name]
        count = len(found) if kind in ONCE else _without_repeats(found, verdict)
        done, unknown = outcomes[kind, name]["done"], outcomes[kind, name]["unknown"]
        if kind == "deleted" and not (effects["created", name] or effects["uploaded", name]):
            done, unknown = 0, done + unknown  # what was never made is gone without a deletion
        if count < done:
            verdict.lost.append(f"{name} was {kind} {count} times where {done} were told")
        if count > done + unknown:
            verdict.twice.append(f"{name} was {kind} {count} times where {done + unknown} were asked for")
    for name, names in possible.items():
        if (now := account.display_names.get(name)) not in names:
            verdict.lost.append(f"{name} is {now!r} in the end, and not one of {names}")
    return verdict


def _go_on(names: set[str | None], said: Said) -> None:
    """What a cluster may be called after this; None for one that may not be there."""
    if said.outcome == "done":
        names.clear()
    if said.outcome != "not":
        names.add(None if said.kind == "deleted" else said.display_name)


def _without_repeats(effects: Iterable[Applied], verdict: Verdict) -> int:
    """How many effects of different requests there are. One that came again after an answer that had gone out is one too many."""
    answered: dict[str, bool] = {}
    for effect in effects:
        if effect.body in answered:
            verdict.repeated += 1
            if answered[effect.body]:
                verdict.twice.append(f"{effect.name} was {effect.kind} again after its answer had gone out")
        answered[effect.body] = effect.answered
    return len(answered)


@define
class Books:
    """What all clients did and were told. What they were told is in a file, so that memory tells of the library alone.

    Attributes:
        file: A line for each change.
        calls: How many calls there were, by verb.
        errors: How many of them raised, by verb and the error's type.
        wrong: What a client saw that cannot be right.
        slowest: Seconds of the longest call.
    """

    file: IO[str]
    calls: Counter[str] = field(factory=Counter)
    errors: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    slowest: float = 0.0

    def told(self) -> Iterable[Said]:
        """What the clients were told, in order."""
        self.file.flush()
        self.file.seek(0)
        for line in self.file:
            yield Said(*line.rstrip("\n").split("\t"))


class Client:
    """One client: a session, and stories of clusters of its own, one after the other."""

    def __init__(self, number: int, clusters: Clusters, books: Books, pause: float) -> None:
        self._number = number
        self._clusters = clusters
        self._books = books
        self._pause = pause
        self._rng = random.Random(number)
        self._stories = 0
        self._names: set[str] = set()

    async def work(self, until: float) -> None:
        """Live through stories until the loop's clock shows `until`, and finish the last one."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._rng.uniform(0, self._pause))
        while loop.time() < until:
            self._stories += 1
            await self._story(f"c{self._number:03}_{self._stories:05}")

    async def _story(self, name: str) -> None:
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
        except TaError as problem:
            self._note("refreshed", name, _outcome("refreshed", problem), display_name)
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
        except TaError as problem:
            outcome = _outcome(kind, problem)
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
        except TaError as problem:
            self._check(verb, str(problem), right=not isinstance(problem, NotFound))
            return None

    async def _timed(self, verb: str, call: Awaitable[T]) -> T:
        books = self._books
        await asyncio.sleep(self._rng.expovariate(1 / self._pause))
        began = asyncio.get_running_loop().time()
        books.calls[verb] += 1
        try:
            return await call
        except TaError as problem:
            books.errors[f"{verb} {type(problem).__name__}"] += 1
            raise
        finally:
            books.slowest = max(books.slowest, asyncio.get_running_loop().time() - began)

    def _note(self, kind: str, name: str, outcome: str, display_name: str) -> None:
        self._books.file.write(f"{kind}\t{name}\t{outcome}\t{display_name}\n")

    def _check(self, name: str, what: str, *, right: bool) -> None:
        if not right:
            self._books.wrong.append(f"{name}: {what}")


def _outcome(kind: str, problem: TaError) -> str:
    """Whether a change that raised may have been done."""
    # What may be sent again may have been done by an earlier try than the one that was refused.
    if problem.sent == "no" or (kind in ONCE and isinstance(problem, ApiError)):
        return "not"
    return "unknown"


async def load(
    served: Served, books: Books, *, clients: int, seconds: float, pause: float
) -> tuple[int, int]:
    """Let the clients work. Returns the bytes that the process has after a quarter of the time and at the end."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for number in range(clients):
            ta = await stack.enter_async_context(TaSession(served.url, served.token, timeout=TIMEOUT))
            client = Client(number, ta.project(PROJECT).clusters, books, pause)
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
    """The figures of so many minutes, where a client waits for `pause` seconds between two calls. See `serving` for the others."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Path(folder, "told").open("w+", encoding="utf-8") as file,
        serving(faults=faults, stall=stall, capacity=clients, job_seconds=job_seconds) as served,
    ):
        books = Books(file)
        early, late = asyncio.run(load(served, books, clients=clients, seconds=minutes * 60, pause=pause))
        account = served.account()
        verdict = judge(books.told(), account)
    for problem in (*verdict.lost, *verdict.twice, *books.wrong):
        print(problem)
    for what, counter in (("calls", books.calls), ("errors", books.errors)):
        print(what, ", ".join(f"{name} {count:,}" for name, count in sorted(counter.items())))
    calls = books.calls.total()
    return [
        Row(f"{clients} clients: calls", float(calls), None, None),
        Row(f"{clients} clients: calls a second", calls / (minutes * 60), None, None),
        Row("requests at the server", float(account.requests), None, None),
        Row("requests that met a fault", account.faults / account.requests, None, faults / 2, least=True),
        Row("effects on the server", float(len(account.applied)), None, None),
        Row("calls that raised an error of the library", books.errors.total() / calls, None, None),
        Row("effects repeated after a lost answer, to no effect", float(verdict.repeated), None, None),
        Row("lost", float(len(verdict.lost)), None, 0.0),
        Row("done twice", float(len(verdict.twice)), None, 0.0),
        Row("seen and not right", float(len(books.wrong)), None, 0.0),
        Row("longest call", books.slowest, None, None, unit="s"),
        Row("memory of the clients", late / 1e6, None, None, unit="MB"),
        Row(
            "growth of it in the last three quarters",
            (late - early) / 1e6,
            None,
            clients * SLACK / 1e6,
            unit="MB",
        ),
        Row("memory of the server, which keeps its records", account.resident / 1e6, None, None, unit="MB"),
    ]


def rows(*, quick: bool = False) -> list[Row]:
    """Five minutes of 500 clients; half a minute of 100 when quick."""
    return run(minutes=0.5, clients=100, faults=0.05) if quick else run(minutes=5, clients=500, faults=0.05)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--faults", type=float, default=0.05, help="the share of requests that go wrong")
    given = parser.parse_args()
    found = run(minutes=given.minutes, clients=given.clients, faults=given.faults)
    show(found)
    sys.exit(any(row.held is False for row in found))
