"""What an upload tells: how much matched, how far it is, what was skipped; and what a named one of unknown outcome adopts."""

import asyncio
import copy
import pickle
from itertools import pairwise
from typing import Any

import pytest

from ta_cluster_async import (
    Clusters,
    MatchTooLow,
    Tags,
    TaSession,
    Upload,
    upload_many,
)
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.messages import Message
from ta_cluster_async.models import UploadResult
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.requests import Response
from tests.world import refused

UPLOAD = "import-id-cluster-add"
DETAIL = "user-cluster-detail"
EVERYBODY = {
    "clusterName": "everybody",
    "displayName": "e",
    "qp": {"filts": [{"tableType": "user", "columnName": "#account_id", "comparator": "notNull"}]},
}


def upload(resource, source, **arguments):
    return resource.upload(source, display_name="ids", main_column="#account_id", **arguments)


async def accounts(world, number):
    """Ids of so many users of the emulator."""
    everybody = await world.clusters.create(EVERYBODY)
    await asyncio.sleep(10)
    return sorted(world.em.members(everybody))[:number]


# Rates and require_match


def test_a_result_has_rates():
    result = UploadResult(1, upload_num=8, unmatched_num=2, tag_value_null_num=1)
    assert (result.match_rate, result.tag_value_null_rate) == (0.75, 0.125)
    assert UploadResult(1).match_rate is None
    assert UploadResult(1, upload_num=0, unmatched_num=0).match_rate is None


def test_an_upload_that_matches_enough_returns_its_result(served):
    async def story(world):
        known = await accounts(world, 19)
        result = await upload(world.clusters, [*known, "nobody"], require_match=0.95)
        assert result.match_rate == pytest.approx(0.95)

    served(story, settings=Settings())


def test_an_upload_that_matches_too_little_raises_with_the_counts_and_the_id(served):
    async def story(world):
        known = await accounts(world, 3)
        with refused(MatchTooLow, "match-rate-too-low", rate=0.75, records=4, required=0.95) as caught:
            await upload(world.clusters, [*known, "nobody"], name="some", require_match=0.95)
        error = caught.value
        assert (error.upload_num, error.user_num, error.unmatched_num, error.match_rate) == (4, 3, 1, 0.75)
        assert error.cluster_id == world.em.cluster("some").id
        assert (error.required, error.sent, error.safe_to_retry) == (0.95, "yes", False)
        for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert (str(twin), twin.cluster_id) == (str(error), error.cluster_id)
        assert world.sent.count(UPLOAD) == 1, "what was taken is not looked up as if it were unknown"

    served(story, settings=Settings())


def test_a_replacement_that_matches_too_little_raises_too(served):
    async def story(world):
        known = await accounts(world, 2)
        made = await upload(world.clusters, known, name="some")
        with pytest.raises(MatchTooLow) as caught:
            await world.clusters.replace_upload("some", [*known, "nobody"], require_match=0.9)
        assert caught.value.cluster_id == made.cluster_id

    served(story, settings=Settings(modify_answers="counters"))


class Answering:
    """A transport that reads an upload and gives an answer."""

    def __init__(self, data):
        self._data = data

    async def send(self, request, token, timeout):
        async for _ in request.upload.chunks():
            pass
        return Response(200, b'{"return_code": 0, "data": %b}' % self._data)

    async def aclose(self):
        pass


@pytest.mark.parametrize(("users", "holds"), [(3, True), (2, False)])
def test_without_counts_as_many_records_match_as_there_are_users_at_least(users, holds):
    async def main():
        transport = Answering(b'{"clusterId": 7, "userNum": %d}' % users)
        async with TaSession("http://ta2:8992", "token", transport=transport) as ta:
            return await upload(ta.project(1).clusters, b"a\r\nb\r\nc\r\nd", require_match=0.75)

    if holds:
        assert run(main()).cluster_id == 7
    else:
        with refused(MatchTooLow, "match-rate-unknown", records=4, matched=2) as caught:
            run(main())
        assert (caught.value.match_rate, caught.value.upload_num) == (None, None)


@pytest.mark.parametrize("wrong", [1.5, -0.1, True, "0.9", float("nan")])
def test_a_share_that_is_none_is_refused(served, wrong):
    async def story(world):
        with refused(InvalidRequest, "require-match-invalid"):
            await upload(world.clusters, ["a"], require_match=wrong)
        assert world.sent == []

    served(story)


@pytest.mark.parametrize(
    "wrong", [{"on_null": "drop"}, {"header": 1}, {"column": 3}, {"column": ""}, {"on_progress": 3}], ids=str
)
def test_wrong_arguments_of_a_source_are_refused(served, wrong):
    async def story(world):
        with pytest.raises(InvalidRequest, match=next(iter(wrong))):
            await upload(world.clusters, b"a\r\n", **wrong)
        assert world.sent == []

    served(story)


# Progress


class Slow(Answering):
    """Takes a tenth of a second for each part."""

    def __init__(self):
        super().__init__(b'{"clusterId": 7}')

    async def send(self, request, token, timeout):
        async for _ in request.upload.chunks():
            await asyncio.sleep(0.03)
        return Response(200, b'{"return_code": 0, "data": {"clusterId": 7}}')


LINE = b"user_%043d\r\n"
NUMBER = 200_000
SOURCES = {
    "path": lambda folder: folder / "ids.csv",
    "bytes": lambda folder: (folder / "ids.csv").read_bytes(),
    "rows": lambda folder: (folder / "ids.csv").read_text().split(),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_progress_is_told_in_bytes_and_rows_at_most_ten_times_a_second(make, tmp_path):
    (tmp_path / "ids.csv").write_bytes(b"".join(LINE % number for number in range(NUMBER)))
    source = make(tmp_path)
    told: list[Any] = []

    async def main():
        loop = asyncio.get_running_loop()
        async with TaSession("http://ta2:8992", "token", transport=Slow()) as ta:
            await upload(
                ta.project(1).clusters,
                source,
                on_progress=lambda progress: told.append((loop.time(), progress)),
            )

    run(main())
    steps = [progress for _, progress in told]
    assert len(steps) >= 3
    assert [step.done for step in steps] == [False] * (len(steps) - 1) + [True]
    assert all(b - a >= 0.1 - 1e-9 for (a, _), (b, _) in pairwise(told[:-1]))
    sent = [step.sent_bytes for step in steps]
    assert sent == sorted(sent)
    assert sent[-1] == NUMBER * 50
    assert steps[-1].rows == NUMBER
    assert 0 < steps[0].rows < NUMBER
    total = None if isinstance(source, list) else NUMBER * 50
    assert {step.total_bytes for step in steps} == {total}
    assert steps[-1].bytes_per_second == pytest.approx(NUMBER * 50 / steps[-1].seconds)
    assert steps[-1].rows_per_second == pytest.approx(NUMBER / steps[-1].seconds)


def test_progress_begins_anew_with_another_try(served):
    told: list[Any] = []

    async def story(world):
        await upload(world.clusters, ["a"], name="n")
        world.em.faults.add(Fault.return_code(-1005, "请求频率过快"), path="import-id-cluster-modify-by-name")
        await world.clusters.replace_upload("n", [*"abc", None], on_progress=told.append, on_null="skip")
        assert [(step.sent_bytes, step.rows, step.skipped, step.done) for step in told] == [
            (9, 3, 1, True)
        ] * 2

    served(story)


def test_what_the_callback_raises_ends_the_upload(served):
    class Enough(Exception):
        pass

    def stop(_):
        raise Enough

    async def story(world):
        with pytest.raises(Enough):
            await upload(world.clusters, ["a"], name="n", on_progress=stop)
        assert world.done == []

    served(story)


# Unknown outcomes


def test_what_has_more_users_than_there_were_rows_is_not_adopted(served):
    async def story(world):
        world.em.faults.add(Fault.reset(before=False), path=UPLOAD)
        found: dict[str, Any] = {
            "id": 5,
            "clusterName": "n",
            "clusterType": "cluster_by_id",
            "displayName": "ids",
            "progress": 100,
        }
        found |= {"projectId": 102, "usersNum": 3}
        world.em.faults.add(Fault.data(found), path=DETAIL, nth=2, count=None)
        with refused(OutcomeUnknown, "outcome-looked-for", looked=Message("result-not-found", name="n")):
            await upload(world.clusters, ["a", "b"], name="n")
        assert world.sent.count(UPLOAD) == 1

    served(story)


@pytest.mark.parametrize(("told", "adopted"), [(2, True), (3, False), (1, False)])
def test_a_count_of_uploaded_records_that_a_server_tells_has_to_agree(served, told, adopted):
    async def story(world):
        world.em.faults.add(Fault.reset(before=False), path=UPLOAD)
        found: dict[str, Any] = {
            "id": 5,
            "clusterName": "n",
            "clusterType": "cluster_by_id",
            "displayName": "ids",
            "progress": 100,
        }
        found |= {"projectId": 102, "usersNum": 1, "uploadNum": told}
        world.em.faults.add(Fault.data(found), path=DETAIL, nth=2, count=None)
        if adopted:
            result = await upload(world.clusters, ["a", "b"], name="n")
            assert (result.cluster_id, result.user_num) == (5, 1)
        else:
            with refused(OutcomeUnknown, "outcome-looked-for", looked=Message("result-not-found", name="n")):
                await upload(world.clusters, ["a", "b"], name="n")

    served(story)


def test_nothing_is_adopted_before_all_rows_were_sent(served):
    class Breaking:
        """Loses the connection in the middle of the rows, and then shows a cluster of that name."""

        looks = 0

        async def send(self, request, token, timeout):
            if request.upload is not None:
                await anext(request.upload.chunks())
                return OutcomeUnknown("the connection was lost.")
            self.looks += 1
            if self.looks == 1:
                return Response(200, '{"return_code": -1, "return_message": "clusterName n 不存在"}'.encode())
            return Response(
                200,
                b'{"return_code": 0, "data": {"id": 5, "clusterName": "n", "clusterType": "cluster_by_id", '
                b'"displayName": "ids", "progress": 100, "projectId": 1, "usersNum": 1}}',
            )

        async def aclose(self):
            pass

    async def main():
        async with TaSession("http://ta2:8992", "token", transport=Breaking()) as ta:
            await upload(ta.project(1).clusters, iter(map(str, range(50_000))), name="n")

    with refused(OutcomeUnknown, "outcome-looked-for", looked=Message("result-not-found", name="n")):
        run(main())


def test_an_unnamed_upload_of_unknown_outcome_says_how_to_find_out(served):
    async def story(world):
        world.em.faults.add(Fault.reset(before=False), path=UPLOAD)
        with refused(
            OutcomeUnknown, "outcome-looked-for", looked=Message("upload-without-name", display_name="ids")
        ):
            await upload(world.clusters, ["a"])
        assert world.sent == [UPLOAD]

    served(story)


def test_an_adopted_upload_is_judged_as_well(served):
    async def story(world):
        world.em.faults.add(Fault.reset(before=False), path=UPLOAD)
        found: dict[str, Any] = {
            "id": 5,
            "clusterName": "n",
            "clusterType": "cluster_by_id",
            "displayName": "ids",
            "progress": 100,
        }
        found |= {"projectId": 102, "usersNum": 1}
        world.em.faults.add(Fault.data(found), path=DETAIL, nth=2, count=None)
        with pytest.raises(MatchTooLow) as caught:
            await upload(world.clusters, ["a", "b", None], name="n", require_match=0.6, on_null="skip")
        assert (caught.value.cluster_id, caught.value.user_num) == (5, 1)

    served(story)


# Many


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
        assert [str(outcome.error).split(" ")[0] for outcome in outcomes if not outcome.ok] == [
            "The", "An", "An", "value_column",
        ]  # fmt: skip
        assert world.done == ["uploaded", "uploaded", "replaced"]

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
def test_all_that_an_upload_says_is_handed_on(kind, method, monkeypatch):
    said: list[tuple[Any, ...]] = []

    async def take(resource, *positional, **named):
        said.append((*positional, named))
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
        "on_progress": said.append,
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
    assert said == [(*old.values(), b"rows", rows | new)]


def test_many_uploads_are_told_of_as_they_end_and_stop_at_a_failure_if_so_asked():
    told: list[Any] = []

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
            found = await upload_many(ta.project(1).clusters, uploads, on_event=told.append, **options)
        return [(one.item.display_name, one.ok) for one in found]

    assert run(main(["slow", "quick"])) == [("slow", True), ("quick", True)]
    assert run(main(["slow", "quick"], order="completion")) == [("quick", True), ("slow", True)]
    stopped = main(["wrong", "slow", "quick"], concurrency=1, on_error="stop")
    assert run(stopped) == [("wrong", False)]
    assert [one.item.display_name for one in told] == ["quick", "slow"] * 2 + ["wrong"]
