"""Results of uploads: how much must match, and what an upload of unknown outcome takes for its result."""

import asyncio
import copy
import pickle
from typing import Any

import pytest

from ta_cluster_async import MatchTooLow, TaSession
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.messages import Message
from ta_cluster_async.models import UploadResult
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.requests import Response
from tests.uploads.sources import (
    DETAIL,
    UPLOAD,
    Answering,
    upload,
)
from tests.world import refused

EVERYBODY = {
    "clusterName": "everybody",
    "displayName": "e",
    "qp": {"filts": [{"tableType": "user", "columnName": "#account_id", "comparator": "notNull"}]},
}

# As little as a server may tell of an uploaded cluster.
STATE: dict[str, Any] = {"id": 970, "clusterName": "some", "progress": 100}


async def accounts(world, number):
    """Ids of so many users of the emulator."""
    everybody = await world.clusters.create(EVERYBODY)
    await asyncio.sleep(10)
    return sorted(world.em.members(everybody))[:number]


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


@pytest.mark.parametrize(("text", "read"), [("1889", 1889), ("18.89", None), ("", None), ("9" * 20, None)])
def test_the_id_of_an_upload_may_be_text_of_digits_as_that_of_a_create_may(text, read):
    async def main():
        transport = Answering(b'{"clusterId": "%s", "userNum": 1}' % text.encode())
        async with TaSession("http://ta2:8992", "token", transport=transport) as ta:
            return await upload(ta.project(1).clusters, b"a")

    if read is not None:
        assert run(main()).cluster_id == read
    else:
        with pytest.raises(OutcomeUnknown):
            run(main())


# The specification's sample answers a replacement with "data": "" and no counts.


@pytest.mark.parametrize("by_name", [False, True])
def test_a_replacement_without_counts_is_judged_by_the_users_of_the_detail(served, by_name):
    async def story(world):
        known = await accounts(world, 2)
        made = await upload(world.clusters, [known[0]], name="some")
        ref = "some" if by_name else made.cluster_id
        result = await world.clusters.replace_upload(ref, known, require_match=1.0)
        assert (result.cluster_id, result.user_num, result.upload_num) == (made.cluster_id, 2, None)
        with refused(MatchTooLow, "match-rate-unknown", records=4, matched=2):
            await world.clusters.replace_upload(ref, [*known, "nobody", "no_one"], require_match=0.9)

    served(story, settings=Settings(modify_answers="empty"))


@pytest.mark.parametrize("answer", [Fault.stall(), Fault.data({**STATE, "progress": 3}), Fault.data(STATE)])
def test_a_replacement_whose_users_are_not_told_does_not_claim_that_none_match(served, answer):
    async def story(world):
        made = await upload(world.clusters, ["a"], name="some")
        world.em.faults.add(answer, path=DETAIL, count=None)
        with refused(MatchTooLow, "match-count-unknown", records=2, required=0.5) as caught:
            await world.clusters.replace_upload(made.cluster_id, ["a", "b"], require_match=0.5, timeout=5.0)
        assert (caught.value.user_num, caught.value.match_rate) == (None, None)

    served(story, settings=Settings(evaluate=False, modify_answers="empty"))


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


@pytest.mark.parametrize(("uploaded", "adopted"), [(2, True), (3, False), (1, False)])
def test_a_count_of_uploaded_records_from_the_server_must_agree(served, uploaded, adopted):
    async def story(world):
        world.em.faults.add(Fault.reset(before=False), path=UPLOAD)
        found: dict[str, Any] = {
            "id": 5,
            "clusterName": "n",
            "clusterType": "cluster_by_id",
            "displayName": "ids",
            "progress": 100,
        }
        found |= {"projectId": 102, "usersNum": 1, "uploadNum": uploaded}
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

        details = 0

        async def send(self, request, token, timeout):
            if request.upload is not None:
                await anext(request.upload.chunks())
                return OutcomeUnknown("the connection was lost.")
            self.details += 1
            if self.details == 1:
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
