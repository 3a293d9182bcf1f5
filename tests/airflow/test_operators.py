"""Operators and their trigger against the emulator: what is started, what a retry starts, and what Airflow keeps."""

import asyncio
import json
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from ta_cluster_async import Held, NotSent, Released
from ta_cluster_async.airflow import refresh as refresh_file
from ta_cluster_async.airflow.hook import TaClusterHook
from ta_cluster_async.airflow.links import PAGE_KEY, TaPageLink
from ta_cluster_async.airflow.operators import TaPlanOperator, TaRefreshOperator
from ta_cluster_async.airflow.plan_text import check_size, plan_from_text
from ta_cluster_async.airflow.triggers import TaRefreshTrigger
from ta_cluster_async.airflow.versions import AirflowException, AirflowFailException, TaskDeferred, XCom
from ta_cluster_async.emulator import Settings

pytestmark = pytest.mark.ta_emulator(
    capacity=8,
    job_seconds=lambda _, random: 0.2 * random.uniform(0.5, 1.5),
    settings=Settings(evaluate=False),
)


log = logging.getLogger("tests.airflow")
log.setLevel(logging.INFO)


def posts(emulator):
    return Counter(effect.cluster_id for effect in emulator.effects if effect.kind == "refreshed")


def deferred(operator, context):
    """The trigger that a task waits for, made anew from what Airflow keeps of it, as a triggerer does."""
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    path, kwargs = caught.value.trigger.serialize()
    assert path == "ta_cluster_async.airflow.triggers.TaRefreshTrigger"
    return TaRefreshTrigger(**json.loads(json.dumps(kwargs)))


def fired(trigger):
    """What a trigger says at its end, as JSON."""

    async def run():
        return [event.payload async for event in trigger.run()]

    [payload] = asyncio.run(run())
    return json.loads(json.dumps(payload))


@pytest.mark.parametrize("deferrable", [True, False])
def test_all_are_refreshed_once_and_the_value_is_small(ta_emulator, connect, task, deferrable):
    ids = ta_emulator.seed_clusters(20)
    connect(ta_emulator, ui_url="http://ta/#/{project_id}")
    operator = TaRefreshOperator(task_id="refresh", refs=ids, deferrable=deferrable, max_running=8)
    if deferrable:
        summary = operator.execute_complete(task.context(), fired(deferred(operator, task.context())))
    else:
        summary = operator.execute(task.context())
    assert posts(ta_emulator) == dict.fromkeys(ids, 1)
    assert (summary["counts"], summary["failures"], summary["total"]) == ({"succeeded": 20}, [], 20)
    assert task.pushed == {PAGE_KEY: f"http://ta/#/{ta_emulator.project_id}"}
    assert task.store.values == {}


def test_a_trigger_that_died_is_run_again_without_a_second_post(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(30)
    connect(ta_emulator)
    operator = TaRefreshOperator(task_id="refresh", refs=ids, max_running=8)
    trigger = deferred(operator, task.context())

    async def killed():
        run = asyncio.create_task(anext(trigger.run()))
        while len(posts(ta_emulator)) < 12:  # noqa: ASYNC110 - the emulator is on another thread
            await asyncio.sleep(0.02)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(killed())
    path, kwargs = trigger.serialize()
    assert path
    payload = fired(TaRefreshTrigger(**kwargs))
    assert payload["summary"]["counts"] == {"succeeded": 30}
    assert posts(ta_emulator) == dict.fromkeys(ids, 1)


@pytest.mark.ta_emulator(job_seconds=0.1, settings=Settings(evaluate=False, failure_rate=0.5))
def test_a_retry_starts_only_what_failed(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(12)
    connect(ta_emulator)
    operator = TaRefreshOperator(task_id="refresh", refs=ids)
    with pytest.raises(AirflowException, match="of 12 refreshes did not succeed") as caught:
        operator.execute_complete(task.context(), fired(deferred(operator, task.context())))
    assert not isinstance(caught.value, AirflowFailException)
    failed = [one["cluster_id"] for one in task.pushed["summary"]["failures"]]
    assert 0 < len(failed) < 12
    assert f"{failed[0]}: failed: " in str(caught.value)
    before = posts(ta_emulator)
    task.try_number = 2
    operator.allow_failures = 12
    operator.execute_complete(task.context(), fired(deferred(operator, task.context())))
    assert sorted((posts(ta_emulator) - before).elements()) == sorted(failed)


@pytest.mark.ta_emulator(job_seconds=0.1, settings=Settings(evaluate=False, failure_rate=0.5))
def test_an_attempt_whose_result_is_lost_is_known_by_what_the_server_shows(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(12)
    connect(ta_emulator)
    operator = TaRefreshOperator(task_id="refresh", refs=ids, allow_failures=12)
    operator.execute_complete(task.context(), fired(deferred(operator, task.context())))
    task.try_number = 2
    lost = fired(deferred(operator, task.context()))["summary"]
    before = posts(ta_emulator)
    task.try_number = 3
    operator.execute_complete(task.context(), fired(deferred(operator, task.context())))
    failed = [one["cluster_id"] for one in lost["failures"]]
    assert sorted((posts(ta_emulator) - before).elements()) == sorted(failed)


@pytest.mark.ta_emulator(job_seconds=0.1, settings=Settings(evaluate=False, failure_rate=0.5))
def test_without_a_store_a_retry_by_a_plan_starts_only_what_failed(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(12)
    connect(ta_emulator)
    plan = TaPlanOperator(task_id="plan", refs=str(ids)).execute(task.context())
    assert posts(ta_emulator) == {}
    operator = TaRefreshOperator(task_id="refresh", plan=plan, deferrable=False, allow_failures=12)
    first = operator.execute(task.context(stores=False))
    failed = [one["cluster_id"] for one in first["failures"]]
    before = posts(ta_emulator)
    task.try_number = 2
    operator.execute(task.context(stores=False))
    assert sorted((posts(ta_emulator) - before).elements()) == sorted(failed) != []


def test_a_task_whose_arguments_were_changed_plans_anew(ta_emulator, connect, task):
    first, second = ta_emulator.seed_clusters(2)
    connect(ta_emulator)
    deferred(TaRefreshOperator(task_id="refresh", refs=[first]), task.context())
    task.try_number = 2
    trigger = deferred(TaRefreshOperator(task_id="refresh", refs=[second]), task.context())
    assert plan_from_text(trigger.arguments["plan"]).refs == [second]


def test_clusters_are_found_by_a_part_of_their_name(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(3)
    connect(ta_emulator)
    name = next(one.name for one in ta_emulator.clusters() if one.id == ids[1])
    plan = plan_from_text(TaPlanOperator(task_id="plan", name=name).execute(task.context()))
    assert plan.refs == [ids[1]]


def test_the_end_of_a_batch_is_a_time_and_counts_the_execution_timeout(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(2)
    connect(ta_emulator)
    late = datetime.now(UTC) - timedelta(hours=1)
    operator = TaRefreshOperator(
        task_id="refresh", refs=ids, end_time=late.isoformat(), execution_timeout=timedelta(hours=1)
    )
    trigger = deferred(operator, task.context())
    assert trigger.settings.end_time == late
    operator.end_time = None
    end = deferred(operator, task.context()).settings.end_time
    assert timedelta(minutes=59) < end - datetime.now(UTC) <= timedelta(hours=1)


def test_the_report_goes_where_it_is_asked_for(ta_emulator, connect, task, tmp_path):
    [one] = ta_emulator.seed_clusters(1)
    connect(ta_emulator)
    path = str(tmp_path / "report.json")
    operator = TaRefreshOperator(task_id="refresh", refs=[one], deferrable=False, report_path=path)
    assert operator.execute(task.context())["report"] == path
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["counts"] == {"succeeded": 1}


def test_a_rejected_token_fails_the_task_and_is_not_shown(ta_emulator, connect, task, monkeypatch, caplog):
    ids = ta_emulator.seed_clusters(2)
    connect(ta_emulator)
    trigger = deferred(TaRefreshOperator(task_id="refresh", refs=ids), task.context())
    monkeypatch.setenv(
        "AIRFLOW_CONN_TA_DEFAULT",
        json.dumps(
            {
                "conn_type": "ta_cluster",
                "host": ta_emulator.url,
                "password": "wrong-secret",
                "extra": {"poll_errors": 1},
            }
        ),
    )
    payload = fired(trigger)
    assert not posts(ta_emulator)
    with pytest.raises(AirflowException):
        TaRefreshOperator(task_id="refresh", refs=ids).execute_complete(task.context(), payload)
    assert "wrong-secret" not in json.dumps(payload) + caplog.text


def test_the_log_says_how_far_the_batch_is(ta_emulator, connect, task, monkeypatch, caplog):
    ids = ta_emulator.seed_clusters(16)
    connect(ta_emulator)
    monkeypatch.setattr(refresh_file, "LOG_SECONDS", 0.05)
    operator = TaRefreshOperator(task_id="refresh", refs=ids, max_running=4)
    trigger = deferred(operator, task.context())
    plan = plan_from_text(trigger.arguments["plan"])
    session = TaClusterHook("ta_default").get_conn()
    asyncio.run(refresh_file.run_batch(session, plan, trigger.settings, log))
    lines = caplog.messages
    assert len(lines) > 2
    assert lines[-1] == "16 of 16 refreshes have ended, 0 without success; 0 are on the server."


def test_a_server_that_refuses_everything_is_told(caplog):
    error = NotSent("x")
    refresh_file.tell(Held(at=1.0, failing="requests", seconds=5.0, limit=9.0, error=error), log)
    refresh_file.tell(Released(at=2.0, seconds=6.0), log)
    assert caplog.messages == [
        f"The server refuses every request, for 5 s now: {error}",
        "The server answers again after 6 s.",
    ]


def test_a_plan_larger_than_mysql_holds_is_refused(ta_emulator, connect, task, monkeypatch):
    check_size({"plan": "x" * 100_000}, "postgresql://db")
    check_size({"plan": "x" * 40_000}, "mysql://db")
    with pytest.raises(AirflowFailException, match=r"MySQL holds 65,535\. Split the references over 4 tasks"):
        check_size({"plan": "x" * 100_000}, "mysql+mysqldb://db")


@pytest.mark.parametrize("given", [{}, {"refs": [1], "name": "x"}, {"name": "x", "plan": "y"}])
def test_exactly_one_of_refs_name_and_plan_is_needed(given):
    with pytest.raises(AirflowException, match="exactly one of refs, name, plan"):
        TaRefreshOperator(task_id="refresh", **given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"refs": "970, whales"}, "refs must be a list"),
        ({"refs": "970"}, "refs must be a list"),
        ({"refs": [1], "project_id": "x"}, "project_id must be an integer"),
        ({"plan": "no plan"}, "it is no plan"),
        ({"plan": "bm8gcGxhbg=="}, "The plan cannot be used"),
        ({"refs": [1], "end_time": "soon"}, "end_time must be a time with an offset"),
        ({"refs": [1], "end_time": datetime(2026, 1, 1)}, "end_time must be a time with an offset"),  # noqa: DTZ001
        ({"refs": [[]]}, ""),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_sent(ta_emulator, connect, task, given, text):
    ta_emulator.seed_clusters(1)
    connect(ta_emulator)
    operator = TaRefreshOperator(task_id="refresh", **given)
    with pytest.raises(AirflowException, match=text):
        operator.execute(task.context()) if text else operator.execute_complete(task.context(), None)
    assert not posts(ta_emulator)


def test_a_server_that_is_not_there_fails_the_attempt_but_not_the_task(ta_emulator, connect, task):
    connect(ta_emulator)
    ta_emulator.seed_clusters(1)
    operator = TaPlanOperator(task_id="plan", refs=[970], project_id=-1)
    with pytest.raises(AirflowFailException):
        operator.execute(task.context())


def test_a_plan_is_shown_by_its_counts(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(3)
    connect(ta_emulator)
    trigger = deferred(TaRefreshOperator(task_id="refresh", refs=ids), task.context())
    assert "<RefreshPlan of 3 " in repr(trigger)


def test_what_goes_on_is_told_when_the_task_is_killed(caplog, monkeypatch):
    monkeypatch.setattr(TaRefreshOperator, "log", log)
    TaRefreshOperator(task_id="refresh", refs=[1]).on_kill()
    assert "TA cannot cancel" in caplog.text


def test_what_goes_on_is_named_when_the_trigger_is_ended():
    progress = refresh_file.BatchProgress(30)
    assert progress.names() == ""
    progress.running.update(("whales", 970))
    assert progress.names() == ": 970, whales"
    progress.running.update(range(1, 20))
    assert progress.names().count(",") == 20
    assert progress.names().endswith(", ...")


def test_the_link_is_the_page_that_the_task_left(monkeypatch):
    left = {PAGE_KEY: "http://ta/"}
    monkeypatch.setattr(XCom, "get_value", lambda ti_key, key: left.get(key))
    assert TaPageLink().get_link(None, ti_key=None) == "http://ta/"
    left.clear()
    assert TaPageLink().get_link(None, ti_key=None) == ""


@pytest.mark.ta_emulator(job_seconds=4, settings=Settings(evaluate=False))
def test_the_next_attempt_watches_what_the_end_of_the_last_one_left_running(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(2)
    connect(ta_emulator)
    soon = datetime.now(UTC) + timedelta(seconds=2)
    operator = TaRefreshOperator(task_id="refresh", refs=ids, deferrable=False, end_time=soon)
    with pytest.raises(AirflowException, match="timed_out"):
        operator.execute(task.context())
    operator.end_time = None
    task.try_number = 2
    assert operator.execute(task.context())["counts"] == {"succeeded": 2}
    assert posts(ta_emulator) == dict.fromkeys(ids, 1)


def test_a_setting_that_cannot_be_right_fails_the_task_for_good(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(1)
    connect(ta_emulator)
    operator = TaRefreshOperator(task_id="refresh", refs=ids, max_running=0)
    with pytest.raises(AirflowFailException, match="max_running"):
        operator.execute_complete(task.context(), fired(deferred(operator, task.context())))
    assert not posts(ta_emulator)


def test_without_a_store_a_success_has_nothing_to_forget(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(1)
    connect(ta_emulator)
    operator = TaRefreshOperator(task_id="refresh", refs=ids, deferrable=False)
    assert operator.execute(task.context(stores=False))["counts"] == {"succeeded": 1}
