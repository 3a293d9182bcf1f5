"""The replay promise: how often each endpoint is sent and what the server applied, counted on the emulator for each way to fail."""

from typing import Any

import pytest

from ta_cluster_async.emulator import Emulator, Fault, Settings, run
from ta_cluster_async.errors import HttpStatusError, NotJson, OutcomeUnknown, SchemaError, TaError
from ta_cluster_async.protocol.endpoints import (
    CREATE,
    DELETE,
    DELETE_BY_NAME,
    DETAIL,
    ENDPOINTS,
    LIST,
    PROGRESS,
    PROGRESS_BY_NAME,
    REFRESH,
    REFRESH_BY_NAME,
    REPLACE_UPLOAD,
    REPLACE_UPLOAD_BY_NAME,
    UPDATE,
    UPDATE_BY_NAME,
    UPLOAD,
    Replay,
)
from ta_cluster_async.protocol.requests import build
from ta_cluster_async.session import TaSession

EVERYBODY = {"filts": [{"tableType": "user", "columnName": "#account_id", "comparator": "notNull"}]}
BODY = {
    "projectId": 102,
    "clusterName": "made",
    "displayName": "made",
    "clusterCatalog": "catalog_cluster",
    "clusterType": "cluster_by_static_condition",
    "qp": EVERYBODY,
}
LISTING = {
    "projectId": 102,
    "clusterCatalog": "catalog_cluster",
    "clusterTypes": ["cluster_by_static_condition"],
    "pagerHeader": {"pageNum": 1, "pageSize": 10},
}


class Ids:
    """An upload that can be read as often as needed."""

    length = 6
    can_start = True
    failure = None

    async def chunks(self) -> Any:
        yield b"1\r\n2\r\n"


async def prepare(ta: Any, em: Any, endpoint: Any) -> Any:
    """A request to the endpoint that the server takes."""
    (cluster_id,) = em.seed_clusters(1)
    by_id: Any = {"projectId": 102, "clusterId": cluster_id}
    by_name: Any = {"projectId": 102, "clusterName": "seeded_1"}
    new: Any = {"projectId": 102, "displayName": "uploaded", "mainColumnName": "#account_id"}
    match endpoint:
        case _ if endpoint is CREATE:
            return build(CREATE, {}, BODY)
        case _ if endpoint is LIST:
            return build(LIST, {}, LISTING)
        case _ if endpoint is UPDATE:
            return build(UPDATE, {"clusterId": cluster_id}, BODY | {"clusterName": "seeded_1"})
        case _ if endpoint is UPDATE_BY_NAME:
            return build(UPDATE_BY_NAME, by_name, BODY | {"clusterName": "seeded_1"})
        case _ if endpoint is UPLOAD:
            return build(UPLOAD, new, upload=Ids())
        case _ if endpoint in (REPLACE_UPLOAD, REPLACE_UPLOAD_BY_NAME):
            made = await ta.call(build(UPLOAD, new | {"clusterName": "up"}, upload=Ids()), lambda data: data)
            ref: Any = (
                {"clusterId": made["clusterId"]} if endpoint is REPLACE_UPLOAD else {"clusterName": "up"}
            )
            return build(endpoint, {"projectId": 102} | ref, upload=Ids())
        case _ if endpoint in (DETAIL, PROGRESS, REFRESH, DELETE):
            return build(endpoint, by_id)
        case _:
            assert endpoint in (PROGRESS_BY_NAME, REFRESH_BY_NAME, DELETE_BY_NAME)
            return build(endpoint, by_name)


def play(endpoint: Any, fault: Any, **settings: Any) -> Any:
    """One call that meets the fault once: its result or error, how many requests came, and what was applied."""

    async def main() -> Any:
        async with (
            Emulator(settings=Settings(evaluate=False)) as em,
            TaSession(em.url, em.token, **settings) as ta,
        ):
            request = await prepare(ta, em, endpoint)
            requests, effects = len(em.requests), len(em.effects)
            scripted = em.faults.add(fault, path=endpoint.path)
            outcome: tuple[str, Any]
            try:
                outcome = ("done", await ta.call(request, lambda data: data))
            except TaError as problem:
                outcome = ("failed", problem)
            em.faults.clear()
            assert scripted.hits == 1
            return outcome, len(em.requests) - requests, [effect.kind for effect in em.effects[effects:]]

    return run(main())


BEFORE = {
    "reset before": Fault.reset(before=True),
    "closed before": Fault.disconnect(before=True),
    "503 before": Fault.status(503, before=True),
    "504 page before": Fault.html(504, before=True),
    "408 before": Fault.status(408, before=True),
}
AFTER = {
    "reset after": Fault.reset(before=False),
    "closed after": Fault.disconnect(before=False),
    "503 after": Fault.status(503, before=False),
    "504 page after": Fault.html(504, before=False),
    "truncated": Fault.truncated(),
    "500 with an envelope": Fault.return_code(-9, "internal error", status=500, before=False),
}
AFTER_WITHOUT_RETRY = {
    "half an answer": Fault.half(),
    "return_code as text": Fault.return_code_as_text(),
    "a page with status 200": Fault.html(200, before=False),
    "a stall": Fault.stall(before=False),
}
REJECTIONS = {
    "too frequent": Fault.return_code(-1005, "请求频率过快"),
    "429": Fault.status(429),
    "429 with a time": Fault.status(429, retry_after="3"),
    "429 with an envelope": Fault.return_code(-7, "slow down", status=429),
}
AMBIGUOUS = BEFORE | AFTER | AFTER_WITHOUT_RETRY

RECONCILE = [endpoint for endpoint in ENDPOINTS if endpoint.replay is Replay.RECONCILE]
REPLAYABLE = [endpoint for endpoint in ENDPOINTS if endpoint.replay is Replay.REPLAYABLE]
READS = [endpoint for endpoint in ENDPOINTS if endpoint.replay is Replay.READ]
EFFECT = {
    CREATE: "created",
    UPDATE: "updated",
    UPDATE_BY_NAME: "updated",
    DELETE: "deleted",
    DELETE_BY_NAME: "deleted",
    REFRESH: "refreshed",
    REFRESH_BY_NAME: "refreshed",
    UPLOAD: "uploaded",
    REPLACE_UPLOAD: "replaced",
    REPLACE_UPLOAD_BY_NAME: "replaced",
}


def each(endpoints: Any) -> Any:
    return pytest.mark.parametrize("endpoint", endpoints, ids=lambda endpoint: endpoint.name)


@each(RECONCILE)
@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_create_upload_and_refresh_are_never_sent_twice_after_an_ambiguous_failure(
    endpoint: Any, fault: Any
) -> None:
    (kind, error), requests, effects = play(endpoint, AMBIGUOUS[fault])
    assert (kind, requests) == ("failed", 1)
    assert effects == ([] if fault in BEFORE else [EFFECT[endpoint]])
    assert not error.safe_to_retry
    assert error.sent != "no"
    assert error.attempts == 1


@each(REPLAYABLE)
@pytest.mark.parametrize("fault", BEFORE)
def test_update_delete_and_replace_are_sent_again_after_a_failure_before_the_effect(
    endpoint: Any, fault: Any
) -> None:
    (kind, _), requests, effects = play(endpoint, BEFORE[fault])
    assert (kind, requests, effects) == ("done", 2, [EFFECT[endpoint]])


@each(REPLAYABLE)
@pytest.mark.parametrize("fault", AFTER)
def test_update_delete_and_replace_are_sent_again_after_a_failure_after_the_effect(
    endpoint: Any, fault: Any
) -> None:
    (kind, _), requests, effects = play(endpoint, AFTER[fault])
    assert (kind, requests) == ("done", 2)
    # The second delete finds nothing, which means that the first one was applied.
    assert effects == [EFFECT[endpoint]] * (1 if endpoint.absent_is_done else 2)


@each([*REPLAYABLE, *READS])
@pytest.mark.parametrize("fault", AFTER_WITHOUT_RETRY)
def test_an_answer_that_is_garbage_or_never_comes_ends_the_call_and_says_that_it_is_safe_to_call_again(
    endpoint: Any, fault: Any
) -> None:
    (kind, error), requests, effects = play(endpoint, AFTER_WITHOUT_RETRY[fault])
    assert (kind, requests) == ("failed", 1)
    assert type(error) in (OutcomeUnknown, NotJson, SchemaError)
    assert error.safe_to_retry
    assert len(effects) == (1 if endpoint in REPLAYABLE else 0)


@each(READS)
@pytest.mark.parametrize("fault", BEFORE | AFTER)
def test_reads_are_sent_again(endpoint: Any, fault: Any) -> None:
    (kind, data), requests, effects = play(endpoint, (BEFORE | AFTER)[fault])
    assert (kind, requests, effects) == ("done", 2, [])
    assert data


@each(ENDPOINTS)
@pytest.mark.parametrize("fault", REJECTIONS)
def test_a_rejected_request_is_sent_again_by_every_endpoint(endpoint: Any, fault: Any) -> None:
    (kind, _), requests, effects = play(endpoint, REJECTIONS[fault])
    assert (kind, requests) == ("done", 2)
    assert effects == ([EFFECT[endpoint]] if endpoint in EFFECT else [])


@each(RECONCILE)
@pytest.mark.parametrize("status", [400, 404, 405, 413])
def test_a_refusal_by_a_gateway_is_not_sent_again_and_is_safe_to_call_again(
    endpoint: Any, status: Any
) -> None:
    (kind, error), requests, effects = play(endpoint, Fault.html(status))
    assert (kind, type(error), requests, effects) == ("failed", HttpStatusError, 1, [])
    assert error.safe_to_retry


def test_the_faults_are_real() -> None:
    # Without a fault each endpoint is done by one request.
    async def main(endpoint: Any) -> Any:
        async with Emulator(settings=Settings(evaluate=False)) as em, TaSession(em.url, em.token) as ta:
            request = await prepare(ta, em, endpoint)
            requests = len(em.requests)
            await ta.call(request, lambda data: data)
            return len(em.requests) - requests

    assert {run(main(endpoint)) for endpoint in ENDPOINTS} == {1}
