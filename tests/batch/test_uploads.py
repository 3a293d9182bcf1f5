"""Many uploads: an outcome each, at most so many at a time, and every argument is handed on."""

import asyncio
from typing import Any

import pytest

from ta_cluster_async import Clusters, Tags, TaSession, Upload, upload_many
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.models import UploadResult
from ta_cluster_async.protocol.requests import Response
from tests.uploads.sources import (
    Answering,
    upload,
)


def test_many_uploads_have_an_outcome_each(served):
    async def story(world):
        await upload(world.clusters, ["a"], name="old")
        outcomes = await upload_many(
            world.clusters,
            [
                Upload(
                    source=["a", None],
                    display_name="one",
                    main_column="#account_id",
                    name="one",
                    on_null="skip",
                ),
                Upload(source=[], display_name="empty", main_column="#account_id"),
                Upload(source=b"uid,x\r\n1,2\r\n", replace="old", header=True, column="uid"),
                Upload(source=["a"], display_name="no column"),
                Upload(source=["a"], replace="old", name="new"),
                Upload(source=["a"], display_name="d", main_column="c", value_column="v"),
            ],
            concurrency=2,
        )
        assert [outcome.ok for outcome in outcomes] == [True, False, True, False, False, False]
        first: Any = outcomes[0].value
        assert (first.upload_num, first.skipped_num) == (1, 1)
        assert [outcome.error.code for outcome in outcomes if outcome.error is not None] == [
            "upload-empty",
            "upload-without-names",
            "upload-with-replace-and-name",
            "value-column-of-cluster",
        ]
        assert sorted(world.done) == ["replaced", "uploaded", "uploaded"]

    served(story)


def test_many_uploads_of_tags_take_pairs(served):
    async def story(world):
        common: dict[str, Any] = {"main_column": "#account_id", "on_null": "skip"}
        outcomes = await upload_many(
            world.tags,
            [
                Upload(source=[("a", "x"), (None, "y")], display_name="t", name="t", **common),
                Upload(
                    source=b"v,k\r\n1,a\r\n",
                    display_name="u",
                    header=True,
                    column="k",
                    value_column="v",
                    **common,
                ),
            ],
        )
        assert [outcome.value and outcome.value.upload_num for outcome in outcomes] == [1, 1]
        [again] = await upload_many(world.tags, [Upload(source=[("a", "z")], replace="t")])
        assert again.ok

    served(story)


@pytest.mark.parametrize(("options", "allowed"), [({}, 4), ({"concurrency": 3}, 3)])
def test_no_more_uploads_run_at_a_time_than_may(options, allowed):
    now = most = 0

    class Counting(Answering):
        async def send(self, request, token, timeout):
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(1)
            now -= 1
            return await super().send(request, token, timeout)

    async def main():
        async with TaSession("http://ta2:8992", "token", transport=Counting(b'{"clusterId": 7}')) as ta:
            uploads = (Upload(source=["a"], display_name="d", main_column="c") for _ in range(10))
            return await upload_many(ta.project(1).clusters, uploads, **options)

    assert len(run(main())) == 10
    assert most == allowed


@pytest.mark.parametrize("method", ["upload", "replace_upload"])
@pytest.mark.parametrize("kind", [Clusters, Tags])
def test_all_arguments_of_an_upload_are_passed_on(kind, method, monkeypatch):
    calls: list[tuple[Any, ...]] = []

    async def take(resource, *positional, **named):
        calls.append((*positional, named))
        return UploadResult(7)

    monkeypatch.setattr(kind, method, take)
    rows: dict[str, Any] = {
        "display_name": "shown",
        "main_column": "#account_id",
        "remarks": "a note",
        "column": "id",
        "header": True,
        "on_null": "skip",
        "require_match": 0.5,
        "on_progress": calls.append,
        "timeout": 30.0,
    }
    if kind is Tags:
        rows["value_column"] = "value"
    new: dict[str, Any] = {"name": "n"} if method == "upload" else {}
    old: dict[str, Any] = {"replace": "old"} if method == "replace_upload" else {}

    async def main():
        async with TaSession("http://ta2:8992", "token", transport=Answering(b"{}")) as ta:
            project = ta.project(1)
            resource = project.tags if kind is Tags else project.clusters
            return await upload_many(resource, [Upload(source=b"rows", **rows, **new, **old)])

    [outcome] = run(main())
    assert (outcome.ok, outcome.value.cluster_id) == (True, 7)
    assert calls == [(*old.values(), b"rows", rows | new)]


def test_outcomes_of_many_uploads_come_as_they_end_and_a_failure_may_stop_the_rest():
    outcomes: list[Any] = []

    class OneFails(Answering):
        async def send(self, request, token, timeout):
            if "displayName=slow" in request.query:
                await asyncio.sleep(1)
            if "displayName=wrong" in request.query:
                return Response(200, b'{"return_code": -1, "return_message": "no"}')
            return await super().send(request, token, timeout)

    async def main(names, **options):
        uploads = [Upload(source=["a"], display_name=name, main_column="c") for name in names]
        async with TaSession("http://ta2:8992", "token", transport=OneFails(b'{"clusterId": 7}')) as ta:
            found = await upload_many(ta.project(1).clusters, uploads, on_event=outcomes.append, **options)
        return [(one.item.display_name, one.ok) for one in found]

    assert run(main(["slow", "quick"])) == [("slow", True), ("quick", True)]
    assert run(main(["slow", "quick"], order="completion")) == [("quick", True), ("slow", True)]
    stopped = main(["wrong", "slow", "quick"], concurrency=1, on_error="stop")
    assert run(stopped) == [("wrong", False)]
    assert [one.item.display_name for one in outcomes] == ["quick", "slow"] * 2 + ["wrong"]
