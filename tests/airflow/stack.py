"""A whole Airflow 3 on this machine: API server, scheduler, DAG processor and triggerer as processes of their own, on SQLite."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from cryptography.fernet import Fernet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ta_cluster_async.emulator import Emulator

CONNECTION = "ta_default"
# How soon a dead triggerer is missed. See docs/recipes/airflow.md.
HEARTBEAT = 2
THRESHOLD = 10

_PARTS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}


def until(what: Callable[[], Any], *, within: float = 120.0, every: float = 0.25) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + within
    while not (found := what()):
        assert time.monotonic() < end, f"not within {within} s"
        time.sleep(every)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Airflow:
    """The processes, and what is asked of them over Airflow's API."""

    def __init__(self, home: Path, dags: str) -> None:
        self.home = home
        folder = home / "dags"
        folder.mkdir()
        (folder / "dags.py").write_text(dags, encoding="utf-8")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.token = ""
        settings = {
            "API__BASE_URL": self.url,
            "API__HOST": "127.0.0.1",
            "API__PORT": self.url.rpartition(":")[2],
            "API__SECRET_KEY": secrets.token_hex(32),
            "API__WORKERS": 1,
            "API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "CORE__DAGS_FOLDER": folder,
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "CORE__LOAD_EXAMPLES": False,
            "CORE__PARALLELISM": 2,
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
            "TRIGGERER__JOB_HEARTBEAT_SEC": HEARTBEAT,
            "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": THRESHOLD,
            "USAGE_DATA_COLLECTION__ENABLED": False,
        }
        self.env = os.environ | {f"AIRFLOW__{key}": str(value) for key, value in settings.items()}
        self.env |= {"AIRFLOW_HOME": str(home), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def __enter__(self) -> Self:
        command = [sys.executable, "-W", "ignore", "-m", "airflow", "db", "migrate"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        try:
            for part in _PARTS:
                self.start(part)
            until(self._is_up, within=240.0, every=1.0)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def start(self, part: str) -> None:
        """Start a part as a group of processes of its own; what it says is kept in Airflow's folder, where the token is looked for."""
        command = [sys.executable, "-W", "ignore", "-m", "airflow", part, *_PARTS[part]]
        with (self.home / f"{part}.out").open("ab") as out:
            self.processes[part] = subprocess.Popen(
                command, env=self.env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def kill_triggerer(self, *, alone: bool = False) -> None:
        """Kill the triggerer as a whole, or only the process that keeps the others, as a system without memory may."""
        process = self.processes.pop("triggerer")
        (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
        process.wait(10)

    def _is_up(self) -> bool:
        for part, process in self.processes.items():
            assert process.poll() is None, (
                f"{part} has ended: {(self.home / f'{part}.out').read_text()[-3000:]}"
            )
        try:
            self.token = self.call("GET", "/auth/token")["access_token"]
            health = self.call("GET", "/api/v2/monitor/health")
        except OSError:
            return False
        errors = self.call("GET", "/api/v2/importErrors")["import_errors"]
        assert not errors, errors
        are_up = all(
            health[part]["status"] == "healthy" for part in ("scheduler", "triggerer", "dag_processor")
        )
        return are_up and self.call("GET", "/api/v2/dags")["total_entries"] > 0

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Ask Airflow's API."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"}
            | ({"Authorization": f"Bearer {self.token}"} if self.token else {}),
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def connect(self, emulator: Emulator, **extra: object) -> None:
        """Make the connection anew, in Airflow's database."""
        path = "/api/v2/connections"
        with contextlib.suppress(urllib.error.HTTPError):
            self.call("DELETE", f"{path}/{CONNECTION}")
        fields = {"connection_id": CONNECTION, "conn_type": "ta_cluster", "host": emulator.url}
        extra = {"project_id": emulator.project_id} | extra
        self.call("POST", path, fields | {"password": emulator.token, "extra": json.dumps(extra)})

    def run(self, dag: str) -> Run:
        """Start a run of a DAG."""
        made = self.call("POST", f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None})
        return Run(self, dag, made["dag_run_id"])


class Run:
    """A run of a DAG."""

    def __init__(self, airflow: Airflow, dag: str, name: str) -> None:
        self.airflow = airflow
        self.dag = dag
        self.path = f"/api/v2/dags/{dag}/dagRuns/{name}"

    def ask(self) -> Any:
        return self.airflow.call("GET", self.path)

    def ended(self, *, within: float) -> str:
        """Wait for its end, and return its state."""
        until(lambda: self.ask()["state"] in {"success", "failed"}, within=within, every=0.5)
        return str(self.ask()["state"])

    def task(self, task: str = "refresh") -> Any:
        return self.airflow.call("GET", f"{self.path}/taskInstances/{task}")

    def mark(self, state: str, task: str = "refresh") -> None:
        self.airflow.call("PATCH", f"{self.path}/taskInstances/{task}", {"new_state": state})

    def clear(self, task: str = "refresh") -> None:
        body = {
            "dry_run": False,
            "only_failed": False,
            "task_ids": [task],
            "dag_run_id": self.path.rpartition("/")[2],
        }
        self.airflow.call("POST", f"/api/v2/dags/{self.dag}/clearTaskInstances", body)

    def value(self, key: str, task: str = "refresh") -> Any:
        return self.airflow.call("GET", f"{self.path}/taskInstances/{task}/xcomEntries/{key}")["value"]

    def links(self, task: str = "refresh") -> Any:
        return self.airflow.call("GET", f"{self.path}/taskInstances/{task}/links")["extra_links"]

    def log(self, attempt: int = 1, task: str = "refresh") -> str:
        found = self.airflow.call("GET", f"{self.path}/taskInstances/{task}/logs/{attempt}?full_content=true")
        return "\n".join(line if isinstance(line, str) else str(line["event"]) for line in found["content"])
