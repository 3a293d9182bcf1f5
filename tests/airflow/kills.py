"""A whole Airflow 3 whose triggerer is killed again and again. `nox -s airflow_kills` runs it; it takes about ten minutes."""

import os
import time
import urllib.parse
from collections import Counter
from functools import partial
from typing import Any

import pytest

from ta_cluster_async.emulator import Emulator, Settings
from tests.airflow.stack import Airflow, until

TOKEN = "token-of-the-stack#1"
CLUSTERS = 200
IDS = range(970, 970 + CLUSTERS)

DAGS = f"""
import datetime

from airflow.sdk import DAG

from ta_cluster_async.airflow.operators import TaPlanOperator, TaRefreshOperator

IDS = list(range({IDS.start}, {IDS.stop}))
again = {{"retries": 1, "retry_delay": datetime.timedelta(seconds=1)}}
for name, arguments in (("once", {{}}), ("planned", again)):
    with DAG(name, schedule=None):
        plan = TaPlanOperator(task_id="plan", refs=IDS)
        TaRefreshOperator(task_id="refresh", plan=plan.output, max_running=48, **arguments)
with DAG("stored", schedule=None):
    TaRefreshOperator(task_id="refresh", refs=IDS, max_running=48, **again)
"""

# A refresh that is started twice runs twice.
SITUATIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "a queue": (16, {"queued_shows": "zero"}),
    "capacity below max_running": (8, {"queued_shows": "previous"}),
    "5 s of stale answers": (64, {"stale_seconds": 5.0}),
}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    with Airflow(tmp_path_factory.mktemp("airflow"), DAGS) as whole:
        yield whole


@pytest.fixture
def say(capsys):
    def write(*words):
        with capsys.disabled():
            os.write(1, (" ".join(map(str, words)) + "\n").encode())

    return write


def server(capacity=64, seconds=4.0, **settings):
    given = Settings(evaluate=False, while_running="queue", **settings)
    return Emulator(
        token=TOKEN,
        capacity=capacity,
        job_seconds=lambda _, random: seconds * random.uniform(0.5, 1.5),
        settings=given,
    )


def posts(emulator):
    """Requests that start a refresh, by cluster, whatever became of them."""
    return Counter(one.query["clusterId"] for one in emulator.requests if one.name == "user-cluster-refresh")


def has_posts(emulator, least):
    return len(posts(emulator)) >= least


def has_more_requests(emulator, known):
    return len(emulator.requests) > known


def one_run(airflow, name, kills):
    """Run the DAG once on a server of its own, and return seconds, requests and takeovers."""
    capacity, settings = SITUATIONS[name]
    with server(capacity, **settings) as emulator:
        assert emulator.seed_clusters(CLUSTERS) == list(IDS)
        airflow.connect(emulator)
        began = time.monotonic()
        run = airflow.run("once")
        gaps = []
        for number, share in enumerate(kills):
            until(partial(has_posts, emulator, share * CLUSTERS), within=300, every=0.1)
            # Once only the process that keeps the others, as a system that is out of memory may.
            airflow.kill_triggerer(alone=number == 1)
            at = time.monotonic()
            airflow.start("triggerer")
            # What the one that was killed had sent already.
            time.sleep(2)
            until(partial(has_more_requests, emulator, len(emulator.requests)), within=120, every=0.1)
            gaps.append(round(time.monotonic() - at, 1))
        state = run.ended(within=900)
        seconds = time.monotonic() - began
        assert state == "success", run.log()
        assert posts(emulator) == dict.fromkeys(map(str, IDS), 1)
        assert all(emulator.cluster(one).progress == 100 for one in IDS)
        summary = run.value("return_value")
        assert (summary["counts"], summary["failures"]) == ({"succeeded": CLUSTERS}, [])
        assert f"{CLUSTERS} of {CLUSTERS} refreshes have ended" in run.log()
        return seconds, len(emulator.requests), gaps


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_triggerer_that_is_killed_three_times_loses_and_repeats_nothing(airflow, say, name):
    seconds, requests, _ = one_run(airflow, name, ())
    killed_seconds, killed_requests, gaps = one_run(airflow, name, (0.25, 0.5, 0.75))
    say(
        f"\n{name}: {seconds:.0f} s and {requests} requests undisturbed; {killed_seconds:.0f} s and {killed_requests} requests",
        f"({killed_requests / requests:.2f} times) with three kills; seconds without a request after them: {gaps}",
    )
    assert killed_requests <= 1.2 * requests
    assert killed_seconds <= seconds + 60


@pytest.mark.parametrize("dag", ["planned", "stored"])
def test_a_retry_and_a_clear_start_only_what_failed(airflow, say, dag):
    with server(seconds=1.0, failure_rate=0.1) as emulator:
        emulator.seed_clusters(CLUSTERS)
        airflow.connect(emulator, ui_url="http://ta.example/#/{project_id}")
        run = airflow.run(dag)
        run.ended(within=300)
        first = Counter(job.cluster_id for job in emulator.jobs)
        emulator.settings = Settings(evaluate=False, while_running="queue", failure_rate=0.0)
        before = posts(emulator)
        failed = [one for one in IDS if emulator.cluster(one).progress == -1]
        assert run.task()["try_number"] == 2
        assert before.total() == CLUSTERS + sum(count == 2 for count in before.values())
        run.clear()
        until(lambda: run.task()["try_number"] == 3, within=60)
        assert run.ended(within=300) == "success"
        after = posts(emulator)
        say(
            f"\n{dag}: {before.total() - CLUSTERS} of {CLUSTERS} in the retry, {after.total() - before.total()} after the clear; jobs {first.total()}"
        )
        assert sorted((after - before).elements()) == sorted(map(str, failed))
        assert run.links() == {"TA": f"http://ta.example/#/{emulator.project_id}"}


def test_what_goes_on_is_told_when_a_task_is_marked_as_failed(airflow, say):
    with server(seconds=60.0) as emulator:
        emulator.seed_clusters(CLUSTERS)
        airflow.connect(emulator)
        run = airflow.run("once")
        until(partial(has_posts, emulator, 48), within=120)
        run.mark("failed")
        assert run.ended(within=60) == "failed"
        until(lambda: "TA cannot cancel a refresh" in run.log(), within=60)
        known = posts(emulator).total()
        time.sleep(5)
        assert posts(emulator).total() == known
        say("\n" + "\n".join(line for line in run.log().splitlines() if "TA cannot" in line))


def test_the_token_is_in_no_file_and_no_database_row(airflow):
    kept = {path: path.read_bytes() for path in airflow.home.rglob("*") if path.is_file()}
    assert len(kept) > 20
    assert any(path.suffix == ".db" and b"ta_default" in data for path, data in kept.items())
    written = (TOKEN.encode(), urllib.parse.quote(TOKEN).encode())
    assert not [path for path, data in kept.items() if any(one in data for one in written)]
