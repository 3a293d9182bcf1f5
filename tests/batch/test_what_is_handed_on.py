"""What mutants of the batch told apart nobody else did: settings, names and times that are handed on from one part to the next."""

import inspect
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from ta_cluster_async.batch import (
    Attached,
    Journal,
    RefreshBatch,
    Status,
    Submitted,
    refresh_all,
    runner,
)
from ta_cluster_async.batch.options import RefreshOptions
from ta_cluster_async.batch.retry import ends_the_batch, is_refusal, may_pass
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    HttpStatusError,
    MissingParameter,
    NotFound,
    NotJson,
    NotSent,
    RateLimited,
    SchemaError,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.models import RefreshTicket
from ta_cluster_async.models.ticket_errors import OutcomeUnknown, RefreshError
from ta_cluster_async.protocol.refresh import PollPolicy
from ta_cluster_async.session import TaSession


def session(server: Any) -> TaSession:
    return TaSession("http://127.0.0.1", "secret-token", transport=server)


def test_the_function_hands_all_its_settings_to_the_batch(
    kit: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    made: list[dict[str, Any]] = []

    class Noted(RefreshBatch):
        def __init__(self, project: Any, refs: Any, **settings: Any) -> None:
            made.append(settings)
            super().__init__(project, refs, **settings)

    monkeypatch.setattr(runner, "RefreshBatch", Noted)
    settings: Any = {
        "max_running": 3,
        "submit_ahead": 2,
        "order": "longest_first",
        "on_running": "rerun",
        "on_error": "stop",
        "max_failures": 4,
        "cluster_timeout": 5.0,
        "timeout": 6.0,
        "poll": PollPolicy(first=7.0),
        "journal": tmp_path / "runs.db",
        "keep_successes": False,
    }

    async def main() -> None:
        async with session(kit.Deployment()) as ta:
            await refresh_all(ta.project(1), [], **settings)
            await refresh_all(ta.project(1), [])

    run(main())
    assert made == [settings, {}]
    parameters = inspect.signature(RefreshBatch).parameters
    assert list(RefreshOptions.__annotations__) == list(settings) == list(parameters)[2:]


# What is joined


def test_what_is_joined_is_known_by_its_name_and_since_when(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=50.0)

    def refs() -> Any:
        server.begin(server.cluster(1))
        return [1]

    told = kit.tell(server, refs)
    (event,) = told.of(Attached)
    assert told[1].ticket == event.ticket
    assert event.ticket.cluster_name == "c_1"
    assert 0 <= event.at < 1


@pytest.mark.parametrize("on_running", ["attach", "rerun"])
def test_what_is_joined_is_in_the_journal_unless_it_is_only_waited_out(
    kit: Any, tmp_path: Any, on_running: str
) -> None:
    path = tmp_path / "runs.db"
    server = kit.Deployment()
    server.add(1, seconds=50.0)

    def refs() -> Any:
        server.begin(server.cluster(1))
        return [1]

    told = kit.tell(
        server, refs, on_running=on_running, journal=path, at={20.0: lambda batch: batch.cancel()}
    )
    assert told[1].status is Status.CANCELLED
    entries = kit.known(path, ids=[1])
    assert {key: entry.state for key, entry in entries.items()} == (
        {1: "submitted"} if on_running == "attach" else {}
    )


@pytest.mark.parametrize(("age", "within"), [(1_000, (0, 20)), (0, (290, 330))])
def test_an_intent_is_waited_for_from_when_it_was_written_on(
    kit: Any, tmp_path: Any, age: int, within: tuple[int, int]
) -> None:
    path = tmp_path / "runs.db"
    server = kit.Deployment()
    server.add(1, seconds=5.0)
    before = RefreshTicket(
        project_id=1,
        cluster_id=1,
        cluster_name="c_1",
        baseline_progress=100,
        baseline_refresh_time=datetime(2025, 12, 31),  # noqa: DTZ001
        submitted_at=datetime.now(UTC),
    )

    async def main() -> None:
        held = await Journal(path).open(base_url="http://127.0.0.1", project_id=1, max_running=16)
        await held.intend(before, 1)
        await held.close(complete=False)

    run(main())
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE refreshes SET intended_at = intended_at - ?", (age,))
        other.commit()
    told = kit.tell(server, [1], journal=path)
    assert told[1].ok
    (attached,) = told.of(Attached)
    assert attached.ticket == before
    (submitted,) = told.of(Submitted)
    assert within[0] <= submitted.at <= within[1]


# What is told of a failure


def test_a_refusal_to_show_a_cluster_is_no_failure_on_the_way(kit: Any) -> None:
    server = kit.Deployment()
    server.add(2)
    server.add(1, listed=False)
    refused = kit.refusal(-3007, "not for you")
    server.rule = lambda ask: refused if ask.name == "detail" and ask.cluster.id == 3 else None
    told = kit.tell(server, [1, 2, 3])
    assert told[3].status is Status.REJECTED
    assert isinstance(told[3].error, ApiError)
    assert told[3].error.return_code == -3007


def test_the_error_of_a_refresh_is_of_that_endpoint_and_has_its_progress(kit: Any) -> None:
    server = kit.Deployment()
    server.add(1, seconds=5_000.0, shows=lambda _: 40)
    told = kit.tell(server, [1], poll=PollPolicy(stall=100.0))
    assert told[1].status is Status.STALLED
    assert isinstance(told[1].error, RefreshError)
    assert (told[1].error.endpoint, told[1].error.progress) == ("refresh", 40)


@pytest.mark.parametrize("unknown", [99, "c_99"])
@pytest.mark.parametrize("others", [0, 5], ids=["by its detail", "by the list"])
def test_what_is_not_there_is_called_so_however_that_was_found(kit: Any, unknown: Any, others: int) -> None:
    server = kit.Deployment()
    refs = server.add(others) if others else []
    told = kit.tell(server, [*refs, unknown])
    assert told[unknown].status is Status.REJECTED
    assert told[unknown].message == f"There is no cluster or tag {unknown!r} in this project."


@pytest.mark.parametrize(
    ("wrong", "name"), [(1.5, "float"), (None, "NoneType"), (True, "bool"), ([1], "list")]
)
def test_what_cannot_be_a_reference_is_told_by_its_kind(kit: Any, wrong: Any, name: str) -> None:
    told = kit.tell(kit.Deployment(), [wrong])
    assert [(outcome.ref, outcome.status) for outcome in told.report.outcomes] == [(name, Status.REJECTED)]


def test_a_batch_whose_time_is_over_says_so(kit: Any) -> None:
    server = kit.Deployment()
    server.add(3, seconds=100.0)
    told = kit.tell(server, [1, 2, 3], max_running=1, timeout=50.0)
    assert told.report.stopped == "The time for the batch is over."
    assert told.report.counts == {Status.TIMED_OUT: 3}


@pytest.mark.parametrize(
    ("error", "means"),
    [  # it may pass, it is a refusal, it ends the batch
        (NotSent("", reason="refused"), (True, False, False)),
        (NotSent("", reason="tls"), (False, False, False)),
        (NotSent("", reason="closed"), (False, False, True)),
        (OutcomeUnknown("", reason="lost"), (True, False, False)),
        (OutcomeUnknown("", reason="closed"), (False, False, True)),
        (ConfigurationError(""), (False, False, True)),
        (NotJson(""), (True, False, False)),
        (SchemaError(""), (False, False, False)),
        (HttpStatusError("", status=500), (True, False, False)),
        (HttpStatusError("", status=499), (False, False, False)),
        (HttpStatusError("", status=408), (True, False, False)),
        (HttpStatusError("", status=429), (True, False, False)),
        (RateLimited(-1005, ""), (True, False, False)),
        (ApiError(-1, "", status=429), (True, False, False)),
        (ApiError(-1, "", status=500), (True, False, False)),
        (ApiError(-1, "", status=499), (False, True, False)),
        (ApiError(-1, ""), (False, True, False)),
        (NotFound(-1, "", status=500), (False, True, False)),
        (MissingParameter(-1008, "", status=500), (False, True, False)),
        (TokenRejected(-1001, "", status=500), (False, False, False)),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.reason}" if isinstance(value, TransportError) else None,
)
def test_what_the_failure_of_a_request_means(error: Any, means: tuple[bool, bool, bool]) -> None:
    assert (may_pass(error), is_refusal(error), ends_the_batch(error)) == means
