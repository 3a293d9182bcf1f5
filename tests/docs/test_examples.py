"""The programs of docs/examples run against an emulator with clusters of those that `ta-cluster emulator` has."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import time
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ta_cluster_async import RefreshTicket, TaSession
from ta_cluster_async.cli import app
from ta_cluster_async.cli.actions.demo_data import definitions
from ta_cluster_async.cli.actions.sample_server import create_all
from ta_cluster_async.emulator import Emulator, JobPlan
from tests.docs.test_web import aiohttp_with, ask, until, uvicorn_with

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))

pytestmark = pytest.mark.slow


def fill(emulator):
    """Give an emulator the clusters of the command."""

    async def create():
        async with TaSession(emulator.url, emulator.token) as ta:
            await create_all(emulator, ta.project(emulator.project_id), definitions(4))

    asyncio.run(create())
    # Refresh times are whole seconds, and those of the creation must be earlier.
    time.sleep(1.1)


@pytest.fixture(scope="module")
def running():
    with Emulator(job_seconds=1.2) as emulator:
        fill(emulator)
        yield emulator


@pytest.fixture
def emulator(running, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    running.effects.clear()
    return running


def load(name, *emulators):
    """What a program defines, with the addresses of these emulators in place of its own."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    for number, one in enumerate(emulators):
        assert f"http://127.0.0.1:{8992 + number}" in text
        text = text.replace(f"http://127.0.0.1:{8992 + number}", one.url)
    names = {"__name__": name.removesuffix(".py")}
    exec(compile(text, name, "exec"), names)
    return names


def test_a_night_of_two_deployments_tells_what_failed_and_one_does_not_stop_the_other(emulator, capsys):
    with Emulator(job_seconds=1.2) as abroad:
        fill(abroad)
        names = load("nightly_two_deployments.py", emulator, abroad)
        abroad.plan("whales", JobPlan(seconds=1.2, fails=True))
        assert asyncio.run(names["main"]()) == 1
    said = capsys.readouterr().out
    assert re.match(r"home: 4 succeeded in .*\nabroad: 3 succeeded, 1 failed in .*\n  whales: failed: ", said)
    assert {path.name for path in Path().glob("*.db")} == {"home.db", "abroad.db"}
    assert {effect.kind for effect in emulator.effects} == {"refreshed"}


def events_of(answer):
    for line in answer:
        if line.startswith(b"event: "):
            kind = line.split()[1].decode()
            yield kind, json.loads(next(answer).partition(b" ")[2])


def test_fastapi_sends_the_progress_of_a_ticket_as_it_was_given(emulator):
    with uvicorn_with(load("fastapi_progress.py", emulator)["api"]) as url:
        status, ticket = ask(f"{url}/clusters/payers_7_days/refresh", method="POST")
        assert status == 202
        body = json.dumps(ticket)
        assert RefreshTicket.from_json(body).cluster_name == "payers_7_days"
        with urllib.request.urlopen(f"{url}/progress", body.encode(), timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            *progress, (last, data) = events_of(answer)
        assert {kind for kind, _ in progress} == {"progress"}
        assert progress[-1][1] == {"percent": 100}
        assert (last, data.keys()) == ("done", {"users"})
        assert ask(f"{url}/progress", "{}")[0] == 422
        assert ask(f"{url}/clusters/nobody/refresh", method="POST")[0] == 404
    assert [effect.kind for effect in emulator.effects] == ["refreshed"]


def test_aiohttp_runs_a_batch_in_the_background(emulator):
    with aiohttp_with(load("aiohttp_batches.py", emulator)["make_app"]()) as url:
        assert ask(f"{url}/batches", '["payers_7_days", "whales", "nobody"]') == (202, {"batch": 1})
        until(lambda: "ok" in ask(f"{url}/batches/1")[1])
        shown = ask(f"{url}/batches/1")[1]
        assert (shown["total"], shown["done"], shown["ok"]) == (3, 3, False)
        assert [one["ref"] for one in shown["failed"]] == ["nobody"]
        assert ask(f"{url}/batches/2")[0] == 404
        assert ask(f"{url}/batches", "[1.5]")[0] == 400


def test_a_frame_of_polars_becomes_a_tag(emulator, capsys):
    asyncio.run(load("upload_tag.py", emulator)["main"]())
    assert re.fullmatch(r"Tag \d+: 2 users, 67% matched, 1 without an id\.\n", capsys.readouterr().out)
    assert [effect.kind for effect in emulator.effects] == ["uploaded"]


def test_the_members_are_in_a_parquet_file(emulator, capsys):
    asyncio.run(load("members_to_parquet.py", emulator)["main"]())
    rows = pq.read_table("members.parquet").num_rows
    assert rows > 10
    assert capsys.readouterr().out.startswith(f"{rows} members of payers_7_days as of ")
    assert not Path("members.part").exists()


def test_code_that_is_not_async_uses_one_session(emulator, capsys):
    load("from_sync_code.py", emulator)["main"]()
    assert re.fullmatch(r"all succeeded\n(\d+) users before, \1 after\.\n", capsys.readouterr().out)


def test_each_program_says_how_to_start_it_and_is_on_the_page():
    page = (FOLDER.parent / "recipes" / "examples.md").read_text(encoding="utf-8")
    assert len(EXAMPLES) >= 6
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        assert f"../examples/{path.name}" in page
        assert path.stem in text.split('"""')[1]
        for line in re.findall(r"ta-cluster emulator[^&\n]*", text):
            words = [word for word in shlex.split(line) if word.startswith("-")]
            assert set(words) <= {name for one in app.load_command("emulator").params for name in one.opts}
