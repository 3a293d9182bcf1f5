"""Journals that earlier versions have written: they are read as they were, and their interrupted run is gone on with."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from attrs import astuple

from ta_cluster_async import Attached, Finished, Journal, RefreshReport, Status, TaSession, refresh_all
from ta_cluster_async.emulator import JobPlan, run
from tests.contract import journal_scene as scene
from tests.contract.commands import Ended, commands_in_turn, is_within
from tests.contract.record import expected_of, journals

if TYPE_CHECKING:
    from collections.abc import Callable

    from ta_cluster_async import Event
    from ta_cluster_async.emulator import Emulator

# The process that wrote them has given no sign of life for so long, and an hour later the run is still gone on with.
LATER = 3_600.0


def expected(stored: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(expected_of(stored).read_text(encoding="utf-8"))
    return runs


@pytest.fixture(params=journals(), ids=lambda path: path.stem)
def stored(request: pytest.FixtureRequest) -> Path:
    """The file of one version."""
    path: Path = request.param
    return path


@pytest.fixture
def path(stored: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(stored, tmp_path / "runs.db"))


def some_time_later(path: Path, runs: list[dict[str, Any]]) -> Journal:
    """The journal as it is an hour after its last run began."""
    now = datetime.fromisoformat(runs[0]["started_at"]).timestamp() + LATER
    return Journal(path, clock=lambda: now)


def test_there_is_a_journal_of_each_version() -> None:
    versions = [scene.version_of(path) for path in journals()]
    assert versions == list(range(1, len(versions) + 1))
    assert len(versions) >= 3


def test_the_newest_stored_journal_is_of_the_version_that_is_written_today(tmp_path: Path) -> None:
    async def write() -> None:
        async with scene.emulator() as em, TaSession(em.url, em.token) as session:
            await refresh_all(session.project(em.project_id), [scene.SHORT], journal=tmp_path / "runs.db")

    run(write())
    assert scene.version_of(tmp_path / "runs.db") == scene.version_of(journals()[-1])


def test_a_journal_has_all_ways_to_end(stored: Path) -> None:
    runs = expected(stored)
    ended = {outcome["status"] for one in runs for outcome in one["outcomes"]}
    assert ended == {status.value for status in Status}
    assert [one["state"] for one in runs] == ["running", *["complete"] * (len(runs) - 1)]
    assert runs[0]["unfinished"] == 2


def test_an_old_journal_is_read_as_it_was(stored: Path, path: Path) -> None:
    runs = expected(stored)
    assert is_within(runs, scene.told(some_time_later(path, runs)))
    assert path.read_bytes() == stored.read_bytes()


def test_the_interrupted_run_of_an_old_journal_is_gone_on_with(stored: Path, path: Path) -> None:
    runs = expected(stored)
    journal = some_time_later(path, runs)
    seen: list[Event] = []

    async def resume() -> tuple[RefreshReport, Counter[str]]:
        async with scene.emulator() as em, TaSession(em.url, em.token) as session:
            scene.move_to(path, em.url)
            project = session.project(em.project_id)
            em.plan(scene.SUBMITTED, JobPlan(seconds=60.0))
            await project.clusters.refresh(scene.SUBMITTED)  # as the process did that died
            await asyncio.sleep(10)
            before = len(em.requests)
            report = await refresh_all(
                project,
                scene.INTERRUPTED_REFS,
                max_running=2,
                poll=scene.POLL,
                journal=journal,
                on_event=seen.append,
            )
            return report, started(em, before)

    report, posts = run(resume())
    assert report.run_id == runs[0]["run_id"]
    assert posts == Counter(map(str, (scene.INTENDED, *scene.NOT_BEGUN)))
    outcomes = {outcome.ref: outcome for outcome in report.outcomes}
    assert set(outcomes) == set(scene.INTERRUPTED_REFS)
    assert outcomes.pop(scene.UNKNOWN).status is Status.REJECTED
    assert {outcome.status for outcome in outcomes.values()} == {Status.SUCCEEDED}
    done = outcomes[scene.FINISHED]
    (before,) = [one for one in runs[0]["outcomes"] if one["ref"] == scene.FINISHED]
    assert is_within(before, done.to_dict())
    attached = {event.cluster_id for event in seen if isinstance(event, Attached)}
    assert attached == {scene.SUBMITTED, scene.INTENDED}
    assert outcomes[scene.SUBMITTED_NAME].attempts == 1
    assert outcomes[scene.INTENDED].attempts == 2
    assert len([event for event in seen if isinstance(event, Finished)]) == len(scene.INTERRUPTED_REFS)
    told = scene.told(journal)
    assert (told[0]["state"], told[0]["unfinished"]) == ("complete", 0)
    earlier = [{key: value for key, value in one.items() if key != "base_url"} for one in runs[1:]]
    assert is_within(earlier, told[1:])


def started(em: Emulator, first: int) -> Counter[str]:
    """How many requests there were to refresh each, by the reference that they gave."""
    return Counter(
        reference
        for record in em.requests[first:]
        if "refresh" in record.name
        for key, reference in record.query.items()
        if key.startswith("cluster")
    )


def test_a_run_that_was_silent_for_too_long_is_given_up(stored: Path, path: Path) -> None:
    runs = expected(stored)
    now = datetime.fromisoformat(runs[0]["started_at"]).timestamp() + 7 * LATER

    async def begin() -> RefreshReport:
        async with scene.emulator() as em, TaSession(em.url, em.token) as session:
            scene.move_to(path, em.url)
            journal = Journal(path, clock=lambda: now)
            return await refresh_all(session.project(em.project_id), [scene.SHORT], journal=journal)

    report = run(begin())
    told = scene.told(Journal(path))
    assert [one["state"] for one in told[:2]] == ["complete", "abandoned"]
    assert (told[0]["run_id"], told[1]["run_id"]) == (report.run_id, runs[0]["run_id"])


def test_the_durations_of_an_old_journal_decide_what_begins_first(stored: Path, path: Path) -> None:
    now = datetime.fromisoformat(expected(stored)[0]["started_at"]).timestamp() + 7 * LATER

    async def begin() -> list[str]:
        async with scene.emulator() as em, TaSession(em.url, em.token) as session:
            scene.move_to(path, em.url)
            await refresh_all(
                session.project(em.project_id),
                [scene.SHORT, scene.LONG],
                max_running=1,
                order="longest_first",
                journal=Journal(path, clock=lambda: now),
            )
            return list(started(em, 0))

    assert run(begin()) == [str(scene.LONG), str(scene.SHORT)]


def test_pruning_leaves_the_newest_runs_of_an_old_journal(stored: Path, path: Path) -> None:
    runs = expected(stored)
    journal = some_time_later(path, runs)
    assert journal.prune(2) == len(runs) - 2
    assert is_within(runs[:2], scene.told(journal))


# The command


@pytest.fixture(scope="module")
def said(once: Callable[[str, Callable[[], Any]], Any]) -> dict[tuple[str, str], Ended]:
    """What the command says of each journal, by its name and what was asked."""
    asked: dict[tuple[str, str], tuple[list[str], dict[str, str]]] = {}
    for one in journals():
        where = {"TA_JOURNAL": str(one)}
        largest = max(expected(one), key=lambda run: len(run["outcomes"]))["run_id"]
        asked[one.stem, "list"] = (["runs", "list", "--json"], where)
        asked[one.stem, "largest"] = (["runs", "show", largest, "--json"], where)
        asked[one.stem, "last"] = (["runs", "show", "last", "--json"], where)
        asked[one.stem, "none"] = (["runs", "show", "1999", "--json"], where)
        asked[one.stem, "people"] = (["runs", "show", largest], where)
    ended = once("contract-runs", lambda: [astuple(one) for one in commands_in_turn(asked.values())])
    return {key: Ended(*one) for key, one in zip(asked, ended, strict=True)}


def test_runs_list_writes_what_it_wrote(said: dict[tuple[str, str], Ended], stored: Path) -> None:
    ended = said[stored.stem, "list"]
    runs = [{key: value for key, value in one.items() if key != "outcomes"} for one in expected(stored)]
    assert ended.code == 0
    assert is_within(runs, ended.lines)


def test_runs_show_writes_what_it_wrote(said: dict[tuple[str, str], Ended], stored: Path) -> None:
    runs = expected(stored)
    largest = max(runs, key=lambda run: len(run["outcomes"]))
    for name, one in (("largest", largest), ("last", runs[0])):
        assert said[stored.stem, name].code == 0
        assert is_within(one["outcomes"], said[stored.stem, name].lines)
    for outcome in largest["outcomes"]:
        assert str(outcome["cluster_id"] or outcome["ref"]) in said[stored.stem, "people"].out


def test_a_run_that_is_not_in_the_journal_has_its_exit_code(
    said: dict[tuple[str, str], Ended], stored: Path
) -> None:
    assert said[stored.stem, "none"].code == 3


def test_messages_with_codes_are_chinese_and_those_without_are_shown_as_they_were_written() -> None:
    by_version = {scene.version_of(path): path for path in journals()}
    for journal, is_translated in ((by_version[3], False), (by_version[4], True), (journals()[-1], True)):
        runs = expected(journal)
        outcomes = [outcome for one in runs for outcome in one["outcomes"] if outcome["message"]]
        texts = {
            outcome["message"].removeprefix("refresh: ").partition(":")[0].partition(". ")[0]
            for outcome in outcomes
            # The code of a class of errors stands for a plain text, which has no translation.
            if not is_translated or "message" not in outcome["params"]
        }
        assert len(texts) > 10
        settings = {"TA_JOURNAL": str(journal), "COLUMNS": "1000"}
        asked = [(["runs", "show", one["run_id"]], settings) for one in runs]
        out = "\n".join(ended.out for ended in commands_in_turn(asked, LC_ALL="zh_CN.UTF-8"))
        assert {text for text in texts if text in out} == (set() if is_translated else texts)


def test_a_report_of_an_old_journal_is_written_as_it_was(tmp_path: Path) -> None:
    oldest = journals()[0]
    one = max(expected(oldest), key=lambda run: len(run["outcomes"]))
    as_json, as_xml = tmp_path / "run.json", tmp_path / "run.xml"
    arguments = ["runs", "report", one["run_id"], "-o", str(as_json), "-o", str(as_xml)]
    (ended,) = commands_in_turn([(arguments, {"TA_JOURNAL": str(oldest)})])
    assert ended.code == 0
    report = json.loads(as_json.read_text(encoding="utf-8"))
    for key in ("run_id", "project_id", "started_at", "makespan", "requests", "max_running", "counts"):
        assert report[key] == one[key]
    assert is_within(one["outcomes"], report["outcomes"])
    assert RefreshReport.from_json(as_json.read_text(encoding="utf-8")).total == len(one["outcomes"])
    (suite,) = ET.fromstring(as_xml.read_text(encoding="utf-8")).iter("testsuite")
    assert int(suite.attrib["tests"]) == len(list(suite.iter("testcase"))) == len(one["outcomes"])
    assert re.fullmatch(r"\d+", suite.attrib["failures"])
