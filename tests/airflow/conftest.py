"""Tests of the provider: they need Airflow, which `nox -s airflow` installs. Without it they are not collected."""

import json
import os
import tempfile
from importlib.util import find_spec

import pytest

HAS_AIRFLOW = find_spec("airflow") is not None
collect_ignore_glob = [] if HAS_AIRFLOW else ["test_*.py"]

if HAS_AIRFLOW:
    # Airflow reads these when it is imported, and writes its configuration there.
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-of-tests-")
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
    os.environ["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] = "False"

QUICK = {"poll_first": 0.05, "poll_longest": 0.2, "poll_settle": 0.2, "poll_grace": 5}


class Store:
    """The state store of a task, from Airflow 3.3 on."""

    def __init__(self):
        self.values = {}

    def get(self, key):
        return self.values.get(key)

    def set(self, key, value):
        json.dumps(value)
        self.values[key] = value

    def delete(self, key):
        self.values.pop(key, None)


class Task:
    """A task instance, as far as operators ask it."""

    def __init__(self):
        self.try_number = 1
        self.pushed = {}
        self.store = Store()

    def xcom_push(self, key, value):
        self.pushed[key] = value

    def context(self, *, stores=True):
        return {"ti": self, "task_state_store": self.store} if stores else {"ti": self}


@pytest.fixture
def task():
    return Task()


@pytest.fixture
def connect(monkeypatch):
    """`connect(emulator, **extra)` makes the connection `ta_default`; fields of the connection may be given as `host=` and the like."""

    def make(emulator, **extra):
        fields = {
            "conn_type": "ta_cluster",
            "host": emulator.url,
            "password": emulator.token,
            "extra": {"project_id": emulator.project_id, **QUICK, **extra},
        }
        monkeypatch.setenv("AIRFLOW_CONN_TA_DEFAULT", json.dumps(fields))

    return make
