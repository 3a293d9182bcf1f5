"""Whatever a server answers, every operation ends with a value or with an error of the library."""

import asyncio
import copy
import json
import pickle
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field, frozen
from hypothesis import example, given
from hypothesis import strategies as st

from ta_cluster_async import (
    PollPolicy,
    Project,
    RefreshReport,
    RefreshTicket,
    RetryPolicy,
    TaSession,
    refresh_all,
)
from ta_cluster_async.client.secret import Secret
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import NotSent, SchemaError, TaError, TransportError
from ta_cluster_async.models import (
    ClusterDetail,
    Page,
    UploadResult,
    structure,
    unstructure,
    update_body,
)
from ta_cluster_async.models.fast_page import read_page
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol import json as wire_json
from ta_cluster_async.protocol.endpoints import UPDATE
from ta_cluster_async.protocol.envelope import decode
from ta_cluster_async.protocol.requests import Request, Response, build
from tests.fuzz.strategies import MANY_EXAMPLES, corrupted_bytes, corrupted_json, json_bytes, json_values

SPEC = Path(__file__).parents[1] / "spec" / "samples.json"
SAMPLES: list[Any] = [
    sample["json"]
    for sample in json.loads(SPEC.read_text("utf-8"))["samples"]
    if sample["kind"] == "response"
]
SAMPLES += [{"return_code": 0, "data": data} for data in (970, None, "", {"progress": 100}, {"progress": 40})]
SAMPLES += [{"return_code": code, "return_message": "no such cluster"} for code in (-1, -1001, -1005, -1008)]
BODIES = [json.dumps(sample, ensure_ascii=False).encode() for sample in SAMPLES]
BODIES += [
    b"",
    b"<html><title>504</title></html>",
    b"upstream failed",
    b'{"return_code": 0, "data": {"progress": 1,}}',
]

DEEP = b'{"return_code":0,"data":' + b"[" * 900 + b"]" * 900 + b"}"
DEEP_DETAIL = (
    b'{"return_code":0,"data":{"id":970,"clusterName":"a","clusterType":"cluster_by_import","displayName":"a","progress":100,'
    b'"projectId":102,"usersNum":1,"userClusterDef":{"x":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}}}"
)

bodies = corrupted_bytes(BODIES) | corrupted_json(SAMPLES).map(json_bytes) | st.binary(max_size=40)
retry_afters = (
    st.none()
    | st.sampled_from(["1", "0", "-1", "9" * 400, "1e9", "Fri, 31 Dec 9999 23:59:59 GMT", "1, 2"])
    | st.text(max_size=30)
)
statuses = (
    st.just(200)
    | st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 408, 429, 500, 503, 504])
    | st.integers(100, 599)
)
responses = st.builds(Response, statuses, bodies, retry_afters)
lost = st.sampled_from([NotSent("no connection.", reason="refused"), OutcomeUnknown("lost.", reason="lost")])


def decoded(response: Response) -> Any:
    """The data or the error, which must have a text and survive copy and pickle."""
    data = decode(response, str, 1e9)
    if isinstance(data, TaError):
        check_error(data)
    return data


def check_error(error: TaError) -> None:
    assert str(error)
    assert repr(error)
    for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert (type(again), str(again)) == (type(error), str(error))


# Decoders


@pytest.mark.slow
@MANY_EXAMPLES
@given(responses)
@example(Response(200, DEEP))
@example(Response(200, b"[" * 200_000))
@example(Response(200, b'{"return_code":' + b"9" * 5_000 + b"}"))
@example(Response(429, b"", "Fri, 31 Dec 9999 23:59:59 GMT"))
def test_an_answer_is_its_data_or_an_error(response: Response) -> None:
    decoded(response)


@MANY_EXAMPLES
@given(st.sampled_from([ClusterDetail, Page, UploadResult]), bodies)
@example(ClusterDetail, DEEP_DETAIL)
@example(UploadResult, DEEP)
def test_data_is_a_model_or_a_schema_error_that_does_not_show_it(kind: Any, body: bytes) -> None:
    data = decoded(Response(200, body))
    if isinstance(data, TaError):
        return
    try:
        model = structure(kind, data)
    except SchemaError as problem:
        check_error(problem)
        return
    assert structure(kind, unstructure(model)) == model, "what is read is sent back without loss"


@MANY_EXAMPLES
@given(bodies)
@example(DEEP_DETAIL)
@example(DEEP_DETAIL.replace(b'"projectId":102', b'"projectId":102,"zoneOffset":1e400'))
def test_a_detail_of_any_kind_can_be_sent_back_or_is_refused(body: bytes) -> None:
    data = decoded(Response(200, body))
    with suppress(TaError):
        changed_body = update_body(structure(ClusterDetail, data))
        sent = build(UPDATE, {"clusterId": 970}, changed_body).body
        assert sent is not None
        assert wire_json.loads(sent) == changed_body


PAGES = [
    json.dumps({"return_code": 0, "data": sample["data"]}).encode()
    for sample in SAMPLES
    if "userClusters" in str(sample)
]
PAGES += [
    page.replace(b'"userClusters": [', b'"userClusters": [{"id":1,"clusterName":"one"},') for page in PAGES
]


@MANY_EXAMPLES
@given(corrupted_bytes(PAGES) | corrupted_json([json.loads(page) for page in PAGES]).map(json_bytes))
@example(PAGES[0].replace(b'"progress"', b'"progress":1,"progress"'))
@example(PAGES[0][:-1] + b',"stackMessage":' + b"[" * 900 + b"]" * 900 + b"}")
@example(PAGES[0] + b"\x00")
def test_both_readers_of_a_page_agree(body: bytes) -> None:
    quick = read_page(body)
    if quick is None:
        return
    slow = structure(Page, decoded(Response(200, body)))
    assert quick == slow
    assert repr(quick) == repr(slow), "1 is not True, and a word of a vocabulary is not its text"


# Operations


@frozen
class ReplacedValue:
    """A valid answer in which one key has another value wherever it occurs."""

    key: str
    value: Any

    def apply(self, answer: Any) -> Any:
        if isinstance(answer, list):
            return [self.apply(item) for item in answer]
        if isinstance(answer, dict):
            return {key: self.value if key == self.key else self.apply(item) for key, item in answer.items()}
        return answer


@define(eq=False)
class ScriptedServer:
    """A server with the clusters 970, 971 and 972, which are refreshed at once, and a script of other answers.

    Attributes:
        script: The answers from the first request on; None is a valid one.
        repeats: Whether the script repeats after its end; otherwise all later answers are valid.
        count: How many requests arrived.
    """

    script: list[Response | TransportError | ReplacedValue | None]
    repeats: bool
    count: int = field(default=0)
    refreshed: int = field(default=0)

    async def send(self, request: Request, token: Secret, timeout: float) -> Response | TransportError:
        """Answer a request as the script says."""
        if request.upload is not None:
            async for _ in request.upload.chunks():
                pass
        await asyncio.sleep(0.01)
        place, self.count = self.count, self.count + 1
        assert self.count < 5_000, "the client repeats its requests for ever"
        if self.repeats:
            place %= len(self.script)
        scripted = self.script[place] if place < len(self.script) else None
        if isinstance(scripted, Response | TransportError):
            return copy.copy(scripted)  # the session writes into the errors that it raises
        envelope = {"return_code": 0, "return_message": "success", "data": self.data(request)}
        return Response(200, json_bytes(envelope if scripted is None else scripted.apply(envelope)))

    def data(self, request: Request) -> Any:
        """The data of a valid answer."""
        name = request.endpoint.name
        rows = [self.row(cluster_id) for cluster_id in (970, 971, 972)]
        if name.startswith("refresh"):
            self.refreshed = self.count
        if name == "list":
            return {"pagerResult": {"pageNum": 1, "pageSize": 1000, "totalNum": 3}, "userClusters": rows}
        if name.startswith("progress"):
            return {"progress": rows[0]["progress"]}
        if name == "detail":
            return rows[0] | {"clusterType": "cluster_by_import", "displayName": "d", "projectId": 102}
        return {"clusterId": 970, "uploadNum": 2} if "upload" in name else 970

    def row(self, cluster_id: int) -> dict[str, Any]:
        """A row of a cluster, which runs for some requests after a refresh."""
        runs = 0 < self.refreshed <= self.count <= self.refreshed + 5
        row = {
            "id": cluster_id,
            "clusterName": f"c_{cluster_id}",
            "refreshTime": "2020-01-09 10:51:14",
            "usersNum": 1,
        }
        return row | {
            "progress": 40 if runs else 100,
            "refreshTime": f"2020-01-09 10:51:{14 + bool(self.refreshed)}",
        }

    async def aclose(self) -> None:
        """Do nothing."""


KEYS = "return_code data id clusterName progress refreshTime usersNum clusterType userClusters pagerResult totalNum pageSize clusterId"
replaced_values = st.builds(ReplacedValue, st.sampled_from(KEYS.split()), json_values)
scripts = st.lists(st.none() | replaced_values | replaced_values | responses | lost, min_size=1, max_size=10)


NEW = {"clusterName": "made", "clusterType": "cluster_by_static_condition", "displayName": "d", "qp": {}}
UPLOAD: Any = {"display_name": "d", "main_column": "#account_id"}


async def listed(project: Project) -> object:
    count = 0
    async for page in project.clusters.list(page_size=2).pages():
        count += len(page.rows)
        if count > 20:
            break
    return count


async def refreshed(project: Project) -> object:
    refresh = await project.clusters.refresh(970)
    assert RefreshTicket.from_json(refresh.ticket.to_json()) == refresh.ticket
    return await refresh


OPERATIONS: dict[str, Callable[[Project], Awaitable[object]]] = {
    "create": lambda project: project.clusters.create(NEW),
    "delete": lambda project: project.clusters.delete("made"),
    "detail": lambda project: project.tags.detail(970),
    "list": listed,
    "progress": lambda project: project.clusters.progress(970),
    "refresh": refreshed,
    "replace": lambda project: project.tags.replace_upload("made", [("a", "1")]),
    "update": lambda project: project.clusters.update(970, NEW),
    "upload": lambda project: project.clusters.upload(["a", "b"], name="made", **UPLOAD),
}
POLL = PollPolicy(grace=30.0, stall=60.0, errors=30.0, timeout=300.0)


def session(server: ScriptedServer) -> TaSession:
    return TaSession("http://127.0.0.1", "token", transport=server, retry=RetryPolicy(attempts=2), poll=POLL)


@MANY_EXAMPLES
@given(name=st.sampled_from(sorted(OPERATIONS)), script=scripts, repeats=st.booleans())
@example(name="refresh", script=[ReplacedValue("id", 0)], repeats=False)
@example(name="refresh", script=[Response(200, DEEP_DETAIL)], repeats=True)
def test_every_operation_ends_with_a_value_or_an_error(name: str, script: Any, *, repeats: bool) -> None:
    async def main() -> None:
        async with session(ScriptedServer(script, repeats)) as ta, asyncio.timeout(1_000.0):
            try:
                await OPERATIONS[name](ta.project(102))
            except TaError as problem:
                check_error(problem)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


@pytest.mark.slow
@MANY_EXAMPLES
@given(
    refs=st.sampled_from([[970, 971], [970, "c_971", "c_972", 971]]), script=scripts, repeats=st.booleans()
)
@example(refs=[970, 971], script=[ReplacedValue("progress", -2)], repeats=False)
@example(refs=[970, "c_971", "c_972", 971], script=[ReplacedValue("id", 0)], repeats=False)
@example(refs=[970, 971], script=[ReplacedValue("progress", 101)], repeats=True)
def test_a_batch_has_one_outcome_for_each_cluster_whatever_is_answered(
    refs: Any, script: Any, *, repeats: bool
) -> None:
    async def main() -> None:
        async with session(ScriptedServer(script, repeats)) as ta, asyncio.timeout(100_000.0):
            report = await refresh_all(ta.project(102), refs, max_running=2)
        assert {outcome.ref for outcome in report.outcomes} <= set(refs)
        assert report.total >= 1
        assert RefreshReport.from_json(report.to_json()) == report
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())
