"""The DAG of docs/recipes/airflow.md, run by Airflow itself: rendered templates, deferral, triggers and XCom."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflow import __version__

from ta_cluster_async.emulator import Settings

PAGE = Path(__file__).parents[2] / "docs" / "recipes" / "airflow.md"
[DAG] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
TOKEN = "token-of-the-page#1"


def airflow(*arguments, env):
    command = [sys.executable, "-W", "ignore", "-m", "airflow", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.ta_emulator(token=TOKEN, settings=Settings(evaluate=False))
def test_the_dag_of_the_page_runs_and_shows_the_token_nowhere(ta_emulator, connect, tmp_path):
    ids = ta_emulator.seed_clusters(3)
    assert ids == [970, 971, 972]
    connect(ta_emulator)
    folder = tmp_path / "dags"
    folder.mkdir()
    code = DAG.replace("airflow.sdk", "airflow.decorators") if __version__.startswith("2.") else DAG
    (folder / "nightly.py").write_text(code, encoding="utf-8")
    env = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    airflow("db", "migrate", env=env)
    said = airflow("dags", "test", "nightly_clusters", "2000-01-02", env=env)
    refreshed = [effect.cluster_id for effect in ta_emulator.effects if effect.kind == "refreshed"]
    assert sorted(refreshed) == ids, said
    assert "state=success" in said
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert TOKEN not in said
    assert not [data for data in kept if TOKEN.encode() in data]
