"""An emulator in a process of its own, which goes wrong now and then, and tells at the end what it was asked and what it did."""

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
    """What goes wrong, each as likely as the others. A stall of so many seconds is shorter than any deadline here."""
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
class Applied:
    """One effect on the server.

    Attributes:
        kind: created, updated, deleted, refreshed, uploaded or replaced.
        name: Of the cluster.
        body: Digest of the request's body; the same for the same request sent again.
        answered: The answer to its request went out as it should.
    """

    kind: str
    name: str
    body: str
    answered: bool


@frozen
class Account:
    """What a server was asked and what it did.

    Attributes:
        requests: How many requests there were.
        faults: How many of them met a fault.
        applied: What they did, in order.
        display_names: The display name of each cluster that is there now, by its name.
        resident: Bytes of memory of its process.
    """

    requests: int
    faults: int
    applied: list[Applied]
    display_names: dict[str, str]
    resident: int


@frozen
class _Orders:
    """See `serving`."""

    faults: float
    stall: float
    capacity: int
    job_seconds: float
    clusters: int
    seed: int


class Served:
    """A server that runs in another process.

    Attributes:
        url: Its base URL.
        token: Its token.
    """

    def __init__(self, url: str, token: str, connection: Connection) -> None:
        self.url = url
        self.token = token
        self._connection = connection

    def account(self) -> Account:
        """What it was asked and what it did up to now."""
        self._connection.send("account")
        account: Account = self._connection.recv()
        return account


@contextmanager
def serving(
    *,
    faults: float = 0.0,
    stall: float = 0.5,
    capacity: int = 4,
    job_seconds: float = 0.05,
    clusters: int = 0,
    seed: int = 1,
) -> Iterator[Served]:
    """Serve until the block ends.

    Args:
        faults: The share of the requests that meet a fault, 0 to 1.
        stall: Seconds for which a request hangs that meets a stall.
        capacity: Most computations at once.
        job_seconds: How long each takes.
        clusters: How many there are from the start, named seeded_1 and so on.
        seed: Decides which requests meet which fault.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    orders = _Orders(faults, stall, capacity, job_seconds, clusters, seed)
    process = context.Process(target=_serve, args=(there, orders), daemon=True)
    process.start()
    there.close()
    try:
        url, token = here.recv()
        yield Served(url, token, here)
        here.send("end")
    finally:
        here.close()
        process.join()
        process.close()


def _serve(connection: Connection, orders: _Orders) -> None:
    with Emulator(
        capacity=orders.capacity,
        job_seconds=orders.job_seconds,
        settings=Settings(evaluate=False, while_running="queue"),
    ) as emulator:
        emulator.seed_clusters(orders.clusters)
        faults = faults_of(orders.stall) if orders.faults else ()
        for number, fault in enumerate(faults):
            strikes = _now_and_then(orders.faults / len(faults), f"{orders.seed} {number}")
            emulator.faults.add(fault, count=None, when=strikes)
        connection.send((emulator.url, emulator.token))
        while _next(connection) == "account":
            connection.send(_account(emulator))


def _next(connection: Connection) -> str:
    try:
        word: str = connection.recv()
    except EOFError:  # whoever asked has gone
        return "end"
    return word


def _now_and_then(share: float, seed: str) -> Callable[[RequestRecord], bool]:
    rng = random.Random(seed)
    return lambda _record: rng.random() < share


def _account(emulator: Emulator) -> Account:
    requests = list(emulator.requests)
    applied = []
    for effect in list(emulator.effects):
        record = requests[effect.request - 1]
        body = record.body_sha256 or hashlib.sha256(record.body or b"").hexdigest()
        applied.append(Applied(effect.kind, effect.cluster_name, body, record.fault is None))
    return Account(
        requests=len(requests),
        faults=sum(record.fault is not None for record in requests),
        applied=applied,
        display_names={cluster.name: cluster.display_name for cluster in emulator.clusters()},
        resident=resident(),
    )
