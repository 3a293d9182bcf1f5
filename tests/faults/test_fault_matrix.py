"""The fault matrix: the outcome of each operation under each fault, as one table that can be checked by eye.

A column is a kind of operation (`operations.py` says which belong to it):

    read     detail, list and progress              refresh  until the server has taken it
    update   update                                 create   create, and upload under a name
    replace  replace_upload                         unnamed  upload without a name
    delete   delete                                 call     create, refresh and upload by `TaSession.call`, which looks nothing up

A cell is the result, `sent` of an error (`?` for "unknown"), how many requests to the operation's own endpoint arrived, and how many
effects they had. `1+4` is one such request and four look-ups of its outcome. The look-up that precedes a refresh and a named upload is
not counted.

    ok       the result                             rate     RateLimited
    unsent   NotSent                                token    TokenRejected
    unknown  OutcomeUnknown                         notjson  NotJson
    status   HttpStatusError                        schema   SchemaError
    api      ApiError

A fault strikes the first request to the operation's own endpoint, or all of them "for good". "Before" means before the effect.
"""

from __future__ import annotations

import asyncio
import pickle
import traceback
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

from ta_cluster_async.emulator import (
    TOKEN,
    Emulator,
    Fault,
    Settings,
    run,
)
from ta_cluster_async.errors import (
    ApiError,
    HttpStatusError,
    NotJson,
    NotSent,
    RateLimited,
    SchemaError,
    TaError,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import ENDPOINTS, Replay
from ta_cluster_async.session import TaSession
from tests.faults.fault_cases import FAULTS, NEVER_APPLIED, REASONS, FaultCase
from tests.faults.leaks import leaks
from tests.faults.network import Network
from tests.faults.operations import (
    OPERATIONS,
    PROJECT,
    SECONDS,
    SEEDED,
    marks_of,
    operations_as_parameters,
    prepare,
)

if TYPE_CHECKING:
    from tests.faults.operations import Operation

ONCE = frozenset({"refresh", "create", "unnamed", "call"})
"""Kinds that must not be sent again if they may have been applied."""

TABLE = """
fault                          | read            | update          | replace         | delete          | refresh           | create            | unnamed         | call

refused                        | unsent no 0 0   | unsent no 0 0   | unsent no 0 0   | unsent no 0 0   | unsent no 0 0     | unsent no 0 0     | unsent no 0 0   | unsent no 0 0
refused once                   | ok 1 0          | ok 1 1          | ok 1 1          | ok 1 1          | ok 1 1            | ok 1 1            | ok 1 1          | ok 1 1
unknown to the name service    | unsent no 0 0   | unsent no 0 0   | unsent no 0 0   | unsent no 0 0   | unsent no 0 0     | unsent no 0 0     | unsent no 0 0   | unsent no 0 0
TLS with an unknown CA         | unsent no 0 0   | unsent no 0 0   | unsent no 0 0   | unsent no 0 0   | unsent no 0 0     | unsent no 0 0     | unsent no 0 0   | unsent no 0 0
no connection in time          | unsent no 0 0   | unsent no 0 0   | unsent no 0 0   | unsent no 0 0   | unsent no 0 0     | unsent no 0 0     | unsent no 0 0   | unsent no 0 0

cut before the request         | ok 1 0          | ok 1 1          | ok 1 1          | ok 1 1          | unknown ? 0+4 0   | unknown ? 0+4 0   | unknown ? 0 0   | unknown ? 0 0
stale keep-alive               | ok 1 0          | ok 1 1          | ok 1 1          | ok 1 1          | unknown ? 0+4 0   | unknown ? 0+4 0   | unknown ? 0 0   | unknown ? 0 0
reset before                   | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | unknown ? 1+4 0   | unknown ? 1+4 0   | unknown ? 1 0   | unknown ? 1 0
closed before                  | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | unknown ? 1+4 0   | unknown ? 1+4 0   | unknown ? 1 0   | unknown ? 1 0
reset after                    | ok 2 0          | ok 2 2          | ok 2 2          | ok 2 1          | ok 1+1 1          | ok 1+1 1          | unknown ? 1 1   | unknown ? 1 1
closed after                   | ok 2 0          | ok 2 2          | ok 2 2          | ok 2 1          | ok 1+1 1          | ok 1+1 1          | unknown ? 1 1   | unknown ? 1 1
closed after half the answer   | ok 2 0          | ok 2 2          | ok 2 2          | ok 2 1          | ok 1+1 1          | ok 1+1 1          | unknown ? 1 1   | unknown ? 1 1
reset after half the answer    | ok 2 0          | ok 2 2          | ok 2 2          | ok 2 1          | ok 1+1 1          | ok 1+1 1          | unknown ? 1 1   | unknown ? 1 1
reset before, for good         | unknown ? 4 0   | unknown ? 4 0   | unknown ? 4 0   | unknown ? 4 0   | unknown ? 1+4 0   | unknown ? 1+4 0   | unknown ? 1 0   | unknown ? 1 0
reset after, for good          | unknown ? 4 0   | unknown ? 4 4   | unknown ? 4 4   | unknown ? 4 1   | ok 1+1 1          | ok 1+1 1          | unknown ? 1 1   | unknown ? 1 1

stall before                   | unknown ? 1 0   | unknown ? 1 0   | unknown ? 1 0   | unknown ? 1 0   | unknown ? 1+4 0   | unknown ? 1+4 0   | unknown ? 1 0   | unknown ? 1 0
stall after                    | unknown ? 1 0   | unknown ? 1 1   | unknown ? 1 1   | unknown ? 1 1   | ok 1+1 1          | ok 1+1 1          | unknown ? 1 1   | unknown ? 1 1
stall inside the answer        | unknown ? 1 0   | unknown ? 1 1   | unknown ? 1 1   | unknown ? 1 1   | ok 1+1 1          | ok 1+1 1          | unknown ? 1 1   | unknown ? 1 1

429                            | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | ok 2 1            | ok 2 1            | ok 2 1          | ok 2 1
429 with seconds               | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | ok 2 1            | ok 2 1            | ok 2 1          | ok 2 1
429 with a date                | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | ok 2 1            | ok 2 1            | ok 2 1          | ok 2 1
429 with a past date           | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | ok 2 1            | ok 2 1            | ok 2 1          | ok 2 1
429 with negative seconds      | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | ok 2 1            | ok 2 1            | ok 2 1          | ok 2 1
429 with garbage               | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | ok 2 1            | ok 2 1            | ok 2 1          | ok 2 1
429 with huge seconds          | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0    | status yes 1 0    | status yes 1 0  | status yes 1 0
429 with absurd seconds        | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0    | status yes 1 0    | status yes 1 0  | status yes 1 0
429 with an envelope           | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | ok 2 1            | ok 2 1            | ok 2 1          | ok 2 1
429, for good                  | status yes 4 0  | status yes 4 0  | status yes 4 0  | status yes 4 0  | status yes 4 0    | status yes 4 0    | status yes 4 0  | status yes 4 0

500 before                     | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | unknown yes 1+4 0 | unknown yes 1+4 0 | unknown yes 1 0 | status yes 1 0
502 before                     | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | unknown yes 1+4 0 | unknown yes 1+4 0 | unknown yes 1 0 | status yes 1 0
503 before                     | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | unknown yes 1+4 0 | unknown yes 1+4 0 | unknown yes 1 0 | status yes 1 0
HTML 504 before                | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | unknown yes 1+4 0 | unknown yes 1+4 0 | unknown yes 1 0 | status yes 1 0
408 before                     | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | unknown yes 1+4 0 | unknown yes 1+4 0 | unknown yes 1 0 | status yes 1 0
500 after                      | ok 2 0          | ok 2 2          | ok 2 2          | ok 2 1          | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | status yes 1 1
502 after                      | ok 2 0          | ok 2 2          | ok 2 2          | ok 2 1          | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | status yes 1 1
503 after                      | ok 2 0          | ok 2 2          | ok 2 2          | ok 2 1          | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | status yes 1 1
HTML 504 after                 | ok 2 0          | ok 2 2          | ok 2 2          | ok 2 1          | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | status yes 1 1
500 with a return_code after   | ok 2 0          | ok 2 2          | ok 2 2          | ok 2 1          | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | api yes 1 1
503 before, for good           | status yes 4 0  | status yes 4 0  | status yes 4 0  | status yes 4 0  | unknown yes 1+4 0 | unknown yes 1+4 0 | unknown yes 1 0 | status yes 1 0
503 after, for good            | status yes 4 0  | status yes 4 4  | status yes 4 4  | status yes 4 1  | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | status yes 1 1
HTML 400                       | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0    | status yes 1 0    | status yes 1 0  | status yes 1 0
HTML 404                       | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0    | status yes 1 0    | status yes 1 0  | status yes 1 0
HTML 405                       | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0    | status yes 1 0    | status yes 1 0  | status yes 1 0
HTML 413                       | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0  | status yes 1 0    | status yes 1 0    | status yes 1 0  | status yes 1 0

-1005                          | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | ok 2 1            | ok 2 1            | ok 2 1          | ok 2 1
-1005, for good                | rate yes 4 0    | rate yes 4 0    | rate yes 4 0    | rate yes 4 0    | rate yes 4 0      | rate yes 4 0      | rate yes 4 0    | rate yes 4 0
-1001                          | ok 2 0          | ok 2 1          | ok 2 1          | ok 2 1          | ok 2 1            | ok 2 1            | ok 2 1          | ok 2 1
-1001, for good                | token yes 2 0   | token yes 2 0   | token yes 2 0   | token yes 2 0   | token yes 2 0     | token yes 2 0     | token yes 2 0   | token yes 2 0

truncated JSON                 | notjson yes 1 0 | notjson yes 1 1 | notjson yes 1 1 | notjson yes 1 1 | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | notjson yes 1 1
no body                        | notjson yes 1 0 | notjson yes 1 1 | notjson yes 1 1 | notjson yes 1 1 | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | notjson yes 1 1
HTML 200                       | notjson yes 1 0 | notjson yes 1 1 | notjson yes 1 1 | notjson yes 1 1 | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | notjson yes 1 1
not UTF-8                      | notjson yes 1 0 | notjson yes 1 1 | notjson yes 1 1 | notjson yes 1 1 | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | notjson yes 1 1
deeply nested                  | notjson yes 1 0 | notjson yes 1 1 | notjson yes 1 1 | notjson yes 1 1 | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | notjson yes 1 1
a list in place of an envelope | schema yes 1 0  | schema yes 1 1  | schema yes 1 1  | schema yes 1 1  | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | schema yes 1 1
return_code as text            | schema yes 1 0  | schema yes 1 1  | schema yes 1 1  | schema yes 1 1  | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | schema yes 1 1
return_code null               | schema yes 1 0  | schema yes 1 1  | schema yes 1 1  | schema yes 1 1  | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | schema yes 1 1
data of wrong types            | schema yes 1 0  | ok 1 1          | schema yes 1 1  | ok 1 1          | ok 1 1            | ok 1+1 1          | unknown yes 1 1 | ok 1 1
60 KB                          | ok 1 0          | ok 1 1          | ok 1 1          | ok 1 1          | ok 1 1            | ok 1 1            | ok 1 1          | ok 1 1
10 MB                          | notjson yes 1 0 | notjson yes 1 1 | notjson yes 1 1 | notjson yes 1 1 | ok 1+1 1          | ok 1+1 1          | unknown yes 1 1 | notjson yes 1 1
60 KB of refusal               | api yes 1 0     | api yes 1 0     | api yes 1 0     | api yes 1 0     | api yes 1+1 0     | api yes 1 0       | api yes 1 0     | api yes 1 0
a key twice, the last is good  | ok 1 0          | ok 1 1          | ok 1 1          | ok 1 1          | ok 1 1            | ok 1 1            | ok 1 1          | ok 1 1
a key twice, the last is bad   | api yes 1 0     | api yes 1 1     | api yes 1 1     | api yes 1 1     | ok 1+1 1          | api yes 1 1       | api yes 1 1     | api yes 1 1
success with status 500        | ok 1 0          | ok 1 1          | ok 1 1          | ok 1 1          | ok 1 1            | ok 1 1            | ok 1 1          | ok 1 1
"""


SECONDS_WAITED = {
    "429": (0, 0.25),
    "429 with seconds": (3, 3),
    "429 with a date": (12, 20),
    "429 with a past date": (0, 0.25),
    "429 with negative seconds": (0, 0.25),
    "429 with garbage": (0, 0.25),
    "429 with huge seconds": (0, 0),
    "429 with absurd seconds": (0, 0),
}

RESULTS: dict[type[TaError], str] = {
    NotSent: "unsent",
    OutcomeUnknown: "unknown",
    HttpStatusError: "status",
    NotJson: "notjson",
    SchemaError: "schema",
    RateLimited: "rate",
    TokenRejected: "token",
    ApiError: "api",
}


def rows() -> dict[str, dict[str, str]]:
    """The table by fault and kind of operation."""
    head, *body = ([cell.strip() for cell in line.split("|")] for line in TABLE.splitlines() if line)
    return {fault: dict(zip(head[1:], cells, strict=True)) for fault, *cells in body}


ROWS = rows()


@frozen
class Outcome:
    """The outcome of an operation."""

    error: TaError | None
    attempts: int
    own: int
    lookups: int
    effects: int
    seconds: float

    @property
    def cell(self) -> str:
        """The cell of the table."""
        lookups = f"+{self.lookups}" if self.lookups else ""
        result = "ok"
        if self.error is not None:
            result = f"{RESULTS[type(self.error)]} {self.error.sent.replace('unknown', '?')}"
        return f"{result} {self.own}{lookups} {self.effects}"


async def run_operation(operation: Operation, case: FaultCase) -> Outcome:
    """Run an operation under a fault in a session of its own."""
    async with AsyncExitStack() as stack:
        em = Emulator(settings=Settings(evaluate=False), ssl=case.server_tls)
        await stack.enter_async_context(em)
        em.seed_clusters(1)
        await prepare(em, operation)
        network = Network(em.url) if case.connect is None else await case.connect(stack, em, operation)
        ta = TaSession(network.url, em.token, client_session=network.client)
        await stack.enter_async_context(ta)
        if network.is_warm:
            await ta.project(PROJECT).clusters.detail(SEEDED)
        if case.fault is not None:
            em.faults.add(case.fault, path=operation.endpoint.path, count=None if case.lasts else 1)
        clock = asyncio.get_running_loop()
        requests, effects, began = len(em.requests) + operation.before, len(em.effects), clock.time()
        error: TaError | None = None
        try:
            await operation.act(ta)
        except TaError as problem:
            error = problem
        seconds = clock.time() - began
        struck = [record for record in em.requests if record.fault] or network.swallowed or network.cut
        assert struck, "the fault did not strike"
        seen = [record.path for record in em.requests[requests:]]
        own = seen.count(operation.endpoint.path)
        return Outcome(
            error, own + network.swallowed, own, len(seen) - own, len(em.effects) - effects, seconds
        )


def each_cell() -> Any:
    return [
        pytest.param(fault, operation, id=f"{fault} | {operation.name}", marks=marks_of(operation))
        for fault in FAULTS
        for operation in OPERATIONS
    ]


@pytest.mark.parametrize(("fault", "operation"), each_cell())
def test_a_cell_of_the_matrix(fault: str, operation: Operation) -> None:
    outcome = run(run_operation(operation, FAULTS[fault]()))
    assert outcome.cell == ROWS[fault][operation.kind]
    least, most = SECONDS_WAITED.get(fault, (0, SECONDS))
    assert least <= outcome.seconds <= most + 0.001
    error = outcome.error
    if error is not None:
        assert error.attempts == outcome.attempts
        assert error.endpoint == operation.endpoint.name
        assert not isinstance(error, TransportError) or error.reason in REASONS.get(fault, {"lost"})
        assert error.safe_to_retry == (operation.kind not in ONCE or fault in NEVER_APPLIED)
        assert not (error.safe_to_retry and operation.kind in ONCE and outcome.effects)
        locals_too = traceback.TracebackException.from_exception(error, capture_locals=True).format()
        assert not leaks(
            TOKEN,
            message=str(error) + repr(error),
            traceback="".join(locals_too),
            pickle=pickle.dumps(error).decode("latin-1"),
        )


def test_the_table_has_a_row_for_each_fault_and_a_column_for_each_kind() -> None:
    assert list(ROWS) == list(FAULTS)
    assert all(row.keys() == {operation.kind for operation in OPERATIONS} for row in ROWS.values())


def test_the_operations_are_all_endpoints() -> None:
    assert {operation.endpoint for operation in OPERATIONS if operation.kind != "call"} == set(ENDPOINTS)
    once = {endpoint for endpoint in ENDPOINTS if endpoint.replay is Replay.RECONCILE}
    assert {operation.endpoint for operation in OPERATIONS if operation.kind in ONCE} == once


@pytest.mark.parametrize("operation", operations_as_parameters())
def test_without_a_fault_each_operation_is_one_request(operation: Operation) -> None:
    harmless = FaultCase(Fault.slow(0.0))
    assert run(run_operation(operation, harmless)).cell == (
        "ok 1 0" if operation.kind == "read" else "ok 1 1"
    )
