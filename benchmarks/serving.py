"""An emulator in a process of its own, with random faults, which reports its requests and effects at the end."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import frozen

from benchmarks.process import resident
from ta_cluster_async.emulator import Emulator, Fault, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from ta_cluster_async.emulator import RequestRecord

PROJECT = 102


def faults_of(stall: float) -> tuple[Fault, ...]:
    """Return the faults, all equally likely. A stall of `stall` seconds is shorter than any deadline here."""
    return (
        Fault.reset(),
        Fault.reset(before=False),
        Fault.disconnect(),
        Fault.disconnect(before=False),
        Fault.status(429, retry_after=f"{stall / 5:g}"),
        Fault.status(503),
        Fault.status(500, before=False),
        Fault.html(504),
        Fault.html(504, before=False),
        Fault.return_code(-1005, "请求频率过快"),
        Fault.truncated(),
        Fault.half(),
        Fault.stall(stall),
        Fault.stall(stall, before=False),
        Fault.slow(stall / 2),
        Fault.return_code_as_text(),
    )


@frozen
class AppliedEffect:
    """One effect on the server.

    Attributes:
        kind: created, updated, deleted, refreshed, uploaded or replaced.
        name: Of the cluster.
        body: Digest of the request's body; the same for the same request sent again.
        answered: Whether the answer to its request was sent without a fault.
    """

    kind: str
    name: str
    body: str
    answered: bool


@frozen
class ServerRecords:
    """The requests and effects of a server.

    Attributes:
        requests: How many requests arrived.
        faults: How many of them met a fault.
        applied: The effects, in order.
        display_names: The display name of each existing cluster, by its name.
        resident: Resident memory of the process in bytes.
    """

    requests: int
    faults: int
    applied: list[AppliedEffect]
    display_names: dict[str, str]
    resident: int


@frozen
class _Options:
    """The arguments of `serving`."""

    faults: float
    stall: float
    capacity: int
    job_seconds: float
    clusters: int
    seed: int


class EmulatorProcess:
    """An emulator that runs in another process.

    Attributes:
        url: Its base URL.
        token: Its token.
    """

    def __init__(self, url: str, token: str, connection: Connection) -> None:
        self.url = url
        self.token = token
        self._connection = connection

    def records(self) -> ServerRecords:
        """Return the requests and effects so far."""
        self._connection.send("records")
        records: ServerRecords = self._connection.recv()
        return records


@contextmanager
def serving(
    *,
    faults: float = 0.0,
    stall: float = 0.5,
    capacity: int = 4,
    job_seconds: float = 0.05,
    clusters: int = 0,
    seed: int = 1,
) -> Iterator[EmulatorProcess]:
    """Run an emulator until the block ends.

    Args:
        faults: The share of the requests that meet a fault, 0 to 1.
        stall: Seconds for which a stalled request hangs.
        capacity: How many computations run at once at most.
        job_seconds: Seconds of each computation.
        clusters: How many clusters there are at the start, named seeded_1 and so on.
        seed: Decides which requests meet which fault.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    options = _Options(faults, stall, capacity, job_seconds, clusters, seed)
    process = context.Process(target=_serve, args=(there, options), daemon=True)
    process.start()
    there.close()
    try:
        url, token = here.recv()
        yield EmulatorProcess(url, token, here)
        here.send("end")
    finally:
        here.close()
        process.join()
        process.close()


def _serve(connection: Connection, options: _Options) -> None:
    with Emulator(
        capacity=options.capacity,
        job_seconds=options.job_seconds,
        settings=Settings(evaluate=False, while_running="queue"),
    ) as emulator:
        emulator.seed_clusters(options.clusters)
        faults = faults_of(options.stall) if options.faults else ()
        for number, fault in enumerate(faults):
            strikes = _with_probability(options.faults / len(faults), f"{options.seed} {number}")
            emulator.faults.add(fault, count=None, when=strikes)
        connection.send((emulator.url, emulator.token))
        while _receive(connection) == "records":
            connection.send(_records(emulator))


def _receive(connection: Connection) -> str:
    try:
        message: str = connection.recv()
    except EOFError:  # the other process has ended
        return "end"
    return message


def _with_probability(share: float, seed: str) -> Callable[[RequestRecord], bool]:
    rng = random.Random(seed)
    return lambda _record: rng.random() < share


def _records(emulator: Emulator) -> ServerRecords:
    requests = list(emulator.requests)
    applied = []
    for effect in list(emulator.effects):
        record = requests[effect.request - 1]
        body = record.body_sha256 or hashlib.sha256(record.body or b"").hexdigest()
        applied.append(AppliedEffect(effect.kind, effect.cluster_name, body, record.fault is None))
    return ServerRecords(
        requests=len(requests),
        faults=sum(record.fault is not None for record in requests),
        applied=applied,
        display_names={cluster.name: cluster.display_name for cluster in emulator.clusters()},
        resident=resident(),
    )
