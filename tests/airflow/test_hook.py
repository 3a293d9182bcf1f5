"""The hook, the provider and the sensor."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from types import SimpleNamespace

import pytest
from airflow.providers_manager import ProvidersManager

from ta_cluster_async.airflow.fresh import server_time
from ta_cluster_async.airflow.hook import TaClusterHook, TaConnection
from ta_cluster_async.airflow.provider import EXTRA_FIELDS
from ta_cluster_async.airflow.sensors import TaFreshnessSensor
from ta_cluster_async.airflow.triggers import TaFreshnessTrigger
from ta_cluster_async.airflow.versions import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from ta_cluster_async.emulator import Settings

pytestmark = pytest.mark.ta_emulator(settings=Settings(evaluate=False))


def connection(**fields):
    extra = fields.pop("extra", {})
    given = {"conn_id": "ta", "host": "ta2", "port": None, "schema": None, "password": "secret#1"} | fields
    return SimpleNamespace(**given, extra_dejson=extra)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "http://ta2:8992"),
        ({"port": 443}, "https://ta2:443"),
        ({"schema": "https"}, "https://ta2:8992"),
        ({"extra": {"scheme": "https"}, "port": 1}, "https://ta2:1"),
        ({"host": "https://ta.example/te/"}, "https://ta.example/te"),
        ({"host": "http://ta", "port": 99}, "http://ta:99"),
    ],
)
def test_the_base_url_is_found_in_every_form(fields, url):
    assert TaConnection.of(connection(**fields)).base_url == url


def test_extras_may_be_texts_as_forms_give_them():
    extra = {
        "project_id": "102",
        "verify": "False",
        "rate_limit": "2.5",
        "poll_first": "0.1",
        "ui_url": "1",
        "ca_file": "",
        "timezone": "",
    }
    found = TaConnection.of(connection(extra=extra))
    assert (found.project(None), found.project("7"), found.page(1)) == (102, 7, "1")
    assert found.settings["ssl"] is False
    assert found.settings["rate_limit"] == 2.5
    assert found.settings["poll"].first == 0.1
    assert "secret" not in repr(found)
    assert found.session().base_url == "http://ta2:8992"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"host": None}, "has no host"),
        ({"password": ""}, "has no password"),
        ({"extra": {"project_id": "x"}}, "cannot be used"),
        ({"extra": {"poll_first": "often"}}, "cannot be used"),
        ({"extra": {"poll_wrong": 1}}, "cannot be used"),
    ],
)
def test_a_connection_that_cannot_be_used_is_refused_without_its_token(fields, text):
    with pytest.raises(AirflowException, match=text) as caught:
        TaConnection.of(connection(**fields))
    assert "secret" not in str(caught.value)


def test_a_task_without_any_project_is_refused():
    with pytest.raises(AirflowException, match="Give project_id"):
        TaConnection.of(connection()).project("")


def test_the_connection_can_be_tried(ta_emulator, connect):
    ta_emulator.seed_clusters(3)
    connect(ta_emulator)
    works, said = TaClusterHook().test_connection()
    assert works
    assert said == f"The token is accepted; project {ta_emulator.project_id} has 3 clusters."
    connect(ta_emulator, project_id=99999)
    assert TaClusterHook().test_connection()[0] is False


def test_the_connection_is_read_in_an_event_loop(ta_emulator, connect, monkeypatch):
    connect(ta_emulator)
    assert asyncio.run(TaClusterHook().aconnection()).base_url == ta_emulator.url
    # Airflow 2 has no such method, and reads it on another thread.
    monkeypatch.setattr("ta_cluster_async.airflow.hook.BaseHook", object)
    assert asyncio.run(TaClusterHook().aconnection()).base_url == ta_emulator.url


def test_airflow_finds_the_provider_and_its_form():
    [point] = [one for one in entry_points(group="apache_airflow_provider") if "ta_cluster" in one.value]
    info = point.load()()
    [kind] = info["connection-types"]
    assert kind["connection-type"] == TaClusterHook.conn_type
    assert kind["ui-field-behaviour"]["relabeling"]["password"] == "Open API token"
    assert set(kind["conn-fields"]) == set(EXTRA_FIELDS)
    assert TaClusterHook.get_ui_field_behaviour()["hidden_fields"] == ["login", "schema"]

    assert "ta-cluster-async" in ProvidersManager().providers
    assert ProvidersManager().hooks["ta_cluster"].hook_name == TaClusterHook.hook_name


def test_airflow_2_has_widgets(monkeypatch):
    class Made:
        def __init__(self, label="", description="", widget=None):
            self.label = label

    monkeypatch.setattr(
        "ta_cluster_async.airflow.hook.import_module",
        lambda _: SimpleNamespace(StringField=Made, BS3TextFieldWidget=Made),
    )
    assert TaClusterHook.get_connection_form_widgets()["project_id"].label == "Project id"


@pytest.mark.parametrize(
    ("given", "zone", "expected"),
    [
        ("2026-01-01T01:00:00", "", datetime(2026, 1, 1, 1)),  # noqa: DTZ001
        (datetime(2026, 1, 1, 1, tzinfo=UTC), "Asia/Shanghai", datetime(2026, 1, 1, 9)),  # noqa: DTZ001
        ("2026-01-01T01:00:00+00:00", "", "needs the zone of the server"),
        ("2026-01-01T01:00:00+00:00", "Nowhere/Land", "is not a time zone"),
        ("soon", "", "is not a time in ISO 8601"),
    ],
)
def test_times_are_those_of_the_servers_clock(given, zone, expected):
    if isinstance(expected, datetime):
        assert server_time(given, zone) == expected
    else:
        with pytest.raises(AirflowException, match=expected):
            server_time(given, zone)


def waited(sensor, context):
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    path, kwargs = caught.value.trigger.serialize()
    assert path == "ta_cluster_async.airflow.triggers.TaFreshnessTrigger"

    async def run():
        return [event.payload async for event in TaFreshnessTrigger(**json.loads(json.dumps(kwargs))).run()]

    [payload] = asyncio.run(run())
    sensor.execute_complete(context, payload)


def test_a_sensor_succeeds_when_all_are_fresh(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(2)
    connect(ta_emulator)
    sensor = TaFreshnessSensor(task_id="fresh", refs=ids, fresher_than="2000-01-01", poke_interval=0.05)
    waited(sensor, task.context())
    sensor.deferrable = False
    sensor.execute(task.context())


def test_a_sensor_looks_again_and_gives_up_in_its_time(ta_emulator, connect, task):
    ids = ta_emulator.seed_clusters(2)
    connect(ta_emulator)
    sensor = TaFreshnessSensor(
        task_id="fresh", refs=ids, fresher_than="2099-01-01", poke_interval=0.05, timeout=0.3
    )
    with pytest.raises(AirflowSensorTimeout, match="Not all are fresher"):
        waited(sensor, task.context())
    sensor.soft_fail = True
    with pytest.raises(AirflowSkipException):
        waited(sensor, task.context())
    assert sensor.poke(task.context()) is False


def test_a_sensor_fails_for_what_does_not_exist(ta_emulator, connect, task):
    connect(ta_emulator)
    sensor = TaFreshnessSensor(task_id="fresh", refs=["nobody"], fresher_than="2099-01-01")
    with pytest.raises(AirflowException, match="nobody"):
        waited(sensor, task.context())
    with pytest.raises(AirflowException, match="without a result"):
        sensor.execute_complete(task.context(), None)


def test_a_server_that_is_away_counts_as_not_fresh(ta_emulator, connect, task, monkeypatch):
    connect(ta_emulator)
    fields = json.loads(os.environ["AIRFLOW_CONN_TA_DEFAULT"]) | {"host": "http://127.0.0.1:9"}
    fields["extra"]["poll_errors"] = 0.2
    monkeypatch.setenv("AIRFLOW_CONN_TA_DEFAULT", json.dumps(fields))
    sensor = TaFreshnessSensor(
        task_id="fresh", refs=[970], fresher_than="2099-01-01", timeout=timedelta(seconds=1).seconds
    )
    assert sensor.poke(task.context()) is False
