"""The report as JSON: what was written is read back, and nothing else is."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.batch import (
    LowerBound,
    Outcome,
    OutcomeWarning,
    RefreshReport,
    Status,
)
from ta_cluster_async.errors import ApiError, InvalidRequest
from ta_cluster_async.models import Catalog, RefreshTicket

# Half of a character is a str as well: a server may send one, and a name may hold one.
texts = st.text(st.characters(), max_size=20) | st.text(max_size=20) | st.sampled_from(["\ud800", "分群", ""])
seconds = st.floats(0, allow_nan=False, allow_infinity=False)
params = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.integers() | texts | seconds,
        lambda inner: st.dictionaries(texts, inner, max_size=2),
        max_leaves=3,
    ),
    max_size=3,
)
server_times = st.datetimes()
moments = st.datetimes(timezones=st.just(UTC))
tickets = st.builds(
    RefreshTicket,
    project_id=st.integers(1),
    cluster_id=st.integers(1),
    cluster_name=st.none() | texts,
    catalog=st.none() | st.sampled_from(Catalog),
    baseline_refresh_time=st.none() | server_times.map(lambda time: time.replace(microsecond=0)),
    baseline_progress=st.none() | st.integers(-1, 100),
    submitted_at=moments,
    attached=st.booleans(),
    seen_running=st.booleans(),
)
outcomes = st.builds(
    Outcome,
    ref=st.integers() | texts,
    status=st.sampled_from(Status),
    cluster_id=st.none() | st.integers(),
    cluster_name=st.none() | texts,
    error=st.none() | st.builds(ApiError, st.integers(), texts),
    message=texts,
    baseline_refresh_time=st.none() | server_times,
    refresh_time=st.none() | server_times,
    users_num=st.none() | st.integers(),
    warnings=st.lists(st.builds(OutcomeWarning, message=texts, code=texts, params=params), max_size=2).map(
        tuple
    ),
    progress=st.none() | st.integers(-1, 100),
    queue_seconds=st.none() | seconds,
    run_seconds=st.none() | seconds,
    detect_seconds=st.none() | seconds,
    attempts=st.integers(0),
    ticket=st.none() | tickets,
    resumed=st.booleans(),
    settled_at=st.none() | moments,
    code=texts,
    params=params,
    depends_on=st.lists(st.integers() | texts, max_size=2).map(tuple),
)
reports = st.builds(
    RefreshReport,
    run_id=texts,
    project_id=st.integers(1),
    started_at=moments,
    makespan=seconds,
    requests=st.integers(0),
    max_running=st.integers(1),
    counts=st.dictionaries(st.sampled_from(Status), st.integers(1)),
    lower_bound=st.builds(LowerBound, rate=seconds, work=seconds, longest=seconds),
    outcomes=st.lists(outcomes, max_size=3).map(tuple),
    stopped=texts,
    stop_code=texts,
    stop_params=params,
)

TICKET = RefreshTicket(project_id=1, cluster_id=5, submitted_at=datetime(2026, 1, 1, tzinfo=UTC))
OUTCOME = Outcome(
    ref="c_5",
    status=Status.STALLED,
    cluster_id=5,
    cluster_name="c_5",
    error=ApiError(-1, "no"),
    message="no",
    baseline_refresh_time=datetime(2026, 1, 1, 3),  # noqa: DTZ001 - server times have no zone
    refresh_time=datetime(2026, 1, 1, 4),  # noqa: DTZ001 - server times have no zone
    users_num=7,
    progress=40,
    queue_seconds=1.0,
    run_seconds=2.5,
    detect_seconds=0.5,
    attempts=1,
    ticket=TICKET,
    settled_at=datetime(2026, 1, 1, 3, 0, 12, 500_000, tzinfo=UTC),
    code="api",
    params={"return_code": -1, "return_message": "no"},
    depends_on=(4, "gone"),
)
REPORT = RefreshReport(
    run_id="abc",
    project_id=1,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
    makespan=12.5,
    requests=30,
    max_running=16,
    counts={Status.STALLED: 1},
    lower_bound=LowerBound(work=2.0),
    outcomes=(OUTCOME,),
)


@given(reports)
def test_a_report_is_read_back_as_it_was_written(report: RefreshReport) -> None:
    text = report.to_json()
    rerun = RefreshReport.from_json(text)
    assert rerun == report
    assert all(outcome.error is None for outcome in rerun.outcomes)
    assert RefreshReport.from_json(text.encode()) == report
    assert rerun.to_json() == text


@given(outcomes)
def test_an_outcome_is_read_back_as_it_was_written(outcome: Outcome) -> None:
    assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome


@given(st.binary() | st.text())
def test_anything_else_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidRequest):
        RefreshReport.from_json(text)


@given(reports, st.data())
def test_a_spoilt_report_is_a_report_or_refused(report: RefreshReport, data: st.DataObject) -> None:
    raw = bytearray(report.to_json().encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        rerun = RefreshReport.from_json(bytes(raw))
    except InvalidRequest:
        return
    assert RefreshReport.from_json(rerun.to_json()) == rerun


WRONG: dict[str, list[Any]] = {
    "int": [True, 1.0, "1", None, [], {}],
    "count": [-1, True, 1.0, "1", None],
    "int or null": [False, 1.5, "1", [], {}],
    "str": [1, None, True, [], {}],
    "str or null": [1, True, [], {}],
    "seconds": [-0.5, True, "1", None, float("nan"), float("inf"), 10**400],
    "seconds or null": [-0.5, True, "1", float("nan"), float("-inf")],
    "bool": [0, 1, "true", None],
    "ref": [None, True, 1.5, [], {}],
    "status": ["done", "", None, 1, "SUCCEEDED"],
    "server time or null": [
        0,
        True,
        "",
        "2026-01-01",
        "2026-01-01 03:00",
        "2026-01-01T03:00:00",
        "2026-01-01 03:00:00+00:00",
    ],
    "moment": [None, 5, "2026-01-01", "2026-01-01T03:00:00", "2026-01-01 03:00:00+00:00"],
    "moment or null": [5, "2026-01-01", "2026-01-01T03:00:00", "2026-01-01 03:00:00+00:00"],
    "ticket or null": [1, "x", [], {}, {"version": 1}, {"version": 2}],
    "object": [None, 1, [], "x"],
    "array": [None, 1, {}, "x", [None], [1], [{}]],
    "warnings": [None, 1, {}, "x", [None], [{}], [{"message": "a", "code": 1, "params": {}}]],
    "refs": [None, 1, {}, "x", [None], [{}], [True], [1.5], [[1]]],
    "version": [0, 2, 1.0, True, "1", None],
    "counts": [None, [], {"done": 1}, {"failed": -1}, {"failed": True}, {"failed": 1.0}, {"failed": None}],
}
OF_OUTCOME = {
    "ref": "ref",
    "status": "status",
    "cluster_id": "int or null",
    "cluster_name": "str or null",
    "message": "str",
    "baseline_refresh_time": "server time or null",
    "refresh_time": "server time or null",
    "users_num": "int or null",
    "progress": "int or null",
    "queue_seconds": "seconds or null",
    "run_seconds": "seconds or null",
    "detect_seconds": "seconds or null",
    "attempts": "count",
    "ticket": "ticket or null",
    "resumed": "bool",
    "settled_at": "moment or null",
    "code": "str",
    "params": "object",
    "warnings": "warnings",
    "depends_on": "refs",
}
LATER: dict[str, Any] = {"settled_at": None, "code": "", "params": {}, "warnings": (), "depends_on": ()}
"""What the first reports of this version did not have."""
OF_REPORT = {
    "version": "version",
    "run_id": "str",
    "project_id": "int",
    "started_at": "moment",
    "makespan": "seconds",
    "requests": "count",
    "max_running": "count",
    "counts": "counts",
    "lower_bound": "object",
    "stopped": "str",
    "stop_code": "str",
    "stop_params": "object",
    "outcomes": "array",
}


@pytest.mark.parametrize(("key", "kind"), OF_OUTCOME.items())
def test_an_outcome_with_a_wrong_type_is_refused_by_its_key(key: str, kind: str) -> None:
    said = OUTCOME.to_dict()
    assert said.keys() == OF_OUTCOME.keys()
    assert Outcome.from_dict(said) == OUTCOME
    for wrong in WRONG[kind]:
        with pytest.raises(InvalidRequest, match="version 2" if wrong == {"version": 2} else key):
            Outcome.from_dict(said | {key: wrong})
    del said[key]
    if key in LATER:
        assert Outcome.from_dict(said) == evolve(OUTCOME, **{key: LATER[key]})
        return
    with pytest.raises(InvalidRequest, match=f"{key} must be .*, not absent"):
        Outcome.from_dict(said)


@pytest.mark.parametrize(("key", "kind"), OF_REPORT.items())
def test_a_report_with_a_wrong_type_is_refused(key: str, kind: str) -> None:
    said = json.loads(REPORT.to_json())
    assert said.keys() == OF_REPORT.keys()
    for wrong in WRONG[kind]:
        with pytest.raises(InvalidRequest):
            RefreshReport.from_json(json.dumps(said | {key: wrong}))
    del said[key]
    if key.startswith("stop_"):
        assert RefreshReport.from_json(json.dumps(said)) == REPORT
        return
    with pytest.raises(InvalidRequest, match=f"{key} must be .*, not absent"):
        RefreshReport.from_json(json.dumps(said))


@pytest.mark.parametrize("key", ["rate", "work", "longest"])
def test_a_lower_bound_with_a_wrong_type_is_refused(key: str) -> None:
    said = json.loads(REPORT.to_json())
    for wrong in WRONG["seconds"]:
        bound = said["lower_bound"] | {key: wrong}
        with pytest.raises(InvalidRequest):
            RefreshReport.from_json(json.dumps(said | {"lower_bound": bound}))


@pytest.mark.parametrize("wrong", [None, [], 1, "x"])
def test_an_outcome_is_an_object(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="must be an object"):
        Outcome.from_dict(wrong)


@pytest.mark.parametrize("wrong", [None, 1, Path("x"), b"\xff\xfe", "[" * 100_000, "1" * 10_000])
def test_what_is_no_text_of_an_object_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest):
        RefreshReport.from_json(wrong)


def test_a_refusal_shows_nothing_of_the_text() -> None:
    said = json.loads(REPORT.to_json())
    secret = "s3cret"
    for spoilt in (
        said | {"project_id": secret},
        said | {"started_at": secret},
        said | {"counts": {secret: 1}},
        said | {"outcomes": [OUTCOME.to_dict() | {"status": secret}]},
        said | {"outcomes": [OUTCOME.to_dict() | {"ticket": {"version": secret}}]},
    ):
        with pytest.raises(InvalidRequest) as caught:
            RefreshReport.from_json(json.dumps(spoilt))
        assert secret not in str(caught.value)
        assert caught.value.__context__ is None
    with pytest.raises(InvalidRequest) as caught:
        RefreshReport.from_json(f"{secret} is no JSON")
    assert secret not in str(caught.value)


def test_keys_of_a_later_version_of_the_same_format_are_left_out() -> None:
    said = json.loads(REPORT.to_json())
    said["outcomes"][0]["colour"] = said["colour"] = "blue"
    assert RefreshReport.from_json(json.dumps(said)) == REPORT


def test_a_report_says_what_did_not_succeed() -> None:
    assert REPORT.failures == (OUTCOME,)
    assert REPORT.total == 1
    assert not REPORT.ok
    fine = evolve(REPORT, counts={Status.SUCCEEDED: 3, Status.SKIPPED: 1}, outcomes=())
    assert (fine.ok, fine.total) == (True, 4)
    assert not evolve(fine, stopped="The time for the batch is over.").ok, "it has not tried all"
    assert evolve(REPORT, lower_bound=LowerBound(rate=1.0, work=3.0, longest=2.0)).lower_bound.seconds == 3.0
