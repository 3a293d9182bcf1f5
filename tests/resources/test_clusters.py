"""Creating and uploading: never a second effect, and what is found under the name after a lost answer is taken if it is the same."""

import asyncio
import pickle

import pytest

from ta_cluster_async import (
    ConditionCluster,
    ConditionTag,
    all_of,
    event,
    user,
)
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.errors import ApiError, InvalidRequest, NotSent, TokenRejected, TransportError
from ta_cluster_async.messages import Message
from ta_cluster_async.models import TagValue
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from tests.world import refused

CREATE = "user-cluster-add"
UPLOAD = "import-id-cluster-add"
REPLACE = "import-id-cluster-modify"
DETAIL = "user-cluster-detail"

CONSUMERS = all_of(event("consume_item").times().greater(4).recent_days(1, 7), user("user_level").equal("3"))
CLUSTER = ConditionCluster("made", "recent consumers", CONSUMERS)
TAG = ConditionTag("made", "a tag", values=[TagValue("yes", CONSUMERS)])

LOST_ANSWERS = {
    "reset": Fault.reset(before=False),
    "disconnected": Fault.disconnect(before=False),
    "hanging": Fault.stall(before=False),
    "gateway": Fault.html(504, before=False),
    "unavailable": Fault.status(503, before=False),
    "no json": Fault.html(200, before=False),
    "empty": Fault.body(b"", before=False),
    "an id of 4,400 digits": Fault.data("9" * 4400),
    "half": Fault.half(),
    "truncated": Fault.truncated(),
    "wrong type": Fault.return_code_as_text(),
    "wrong data": Fault.data({"id": "970"}),
    "too slow": Fault.slow(1e5),
}
LOST_REQUESTS = {
    "reset": Fault.reset(),
    "disconnected": Fault.disconnect(),
    "hanging": Fault.stall(),
    "gateway": Fault.html(504),
    "unavailable": Fault.status(503),
    "no json": Fault.html(200),
}
AFTER = pytest.mark.parametrize("fault", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
BEFORE = pytest.mark.parametrize("fault", LOST_REQUESTS.values(), ids=LOST_REQUESTS)


def upload_to(resource, name, **arguments):
    rows = ["a", "b"] if resource.catalog == "catalog_cluster" else [("a", "1"), ("b", None)]
    return resource.upload(rows, display_name="ids", main_column="#account_id", name=name, **arguments)


# Create


@AFTER
@pytest.mark.parametrize("definition", [CLUSTER, TAG], ids=["cluster", "tag"])
def test_a_create_whose_answer_is_lost_adopts_what_it_made(served, fault, definition):
    async def story(world):
        resource = world.clusters if definition is CLUSTER else world.tags
        world.em.faults.add(fault, path=CREATE)
        made = await resource.create(definition)
        assert world.done == ["created"]
        assert world.em.cluster("made").id == made
        assert world.sent.count(CREATE) == 1
        assert world.now <= 30

    served(story)


@BEFORE
def test_a_create_whose_request_is_lost_is_unknown_and_not_sent_again(served, body, fault):
    async def story(world):
        world.em.faults.add(fault, path=CREATE)
        with refused(
            OutcomeUnknown, "outcome-looked-for", looked=Message("result-not-found", name="made")
        ) as caught:
            await world.clusters.create(body("made"))
        assert world.done == []
        assert world.sent.count(CREATE) == 1
        assert world.now <= 30
        assert not caught.value.safe_to_retry
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)

    served(story)


@BEFORE
def test_another_definition_of_the_same_name_is_not_adopted(served, body, fault):
    async def story(world):
        await world.clusters.create(body("made", displayName="older"))
        world.em.faults.add(fault, path=CREATE)
        with pytest.raises(OutcomeUnknown):
            await world.clusters.create(body("made"))
        assert world.done == ["created"]

    served(story)


def test_a_definition_that_differs_only_inside_is_not_adopted(served, body):
    async def story(world):
        await world.clusters.create(body("made"))
        world.em.faults.add(Fault.reset(), path=CREATE)
        other = body("made")
        other["qp"]["filts"][0]["comparator"] = "isNull"
        with pytest.raises(OutcomeUnknown):
            await world.clusters.create(other)
        assert world.done == ["created"]

    served(story)


def test_what_appears_seconds_after_the_gateway_gave_up_is_adopted(served, body):
    async def story(world):
        world.em.faults.add(Fault.html(504, before=False), path=CREATE)
        world.em.faults.add(Fault.return_code(-3003, "clusterName made does not exist"), path=DETAIL, count=3)
        made = await world.clusters.create(body("made"))
        assert world.em.cluster("made").id == made
        assert world.sent == [CREATE, *[DETAIL] * 4]
        assert world.now == pytest.approx(5.0)

    served(story)


@pytest.mark.parametrize("timeout", [0.5, 2.0, 30.0])
def test_any_timeout_leaves_time_for_looking_up(served, body, timeout):
    async def story(world):
        world.em.faults.add(Fault.stall(before=False), path=CREATE)
        made = await world.clusters.create(body("made"), timeout=timeout)
        assert world.em.cluster("made").id == made
        assert 0.6 * timeout <= world.now <= timeout

    served(story)


def test_look_ups_that_fail_or_hang_are_repeated(served, body):
    async def story(world):
        world.em.faults.add(Fault.reset(before=False), path=CREATE)
        world.em.faults.add(Fault.stall(), path=DETAIL)
        world.em.faults.add(Fault.return_code(-9, "busy"), path=DETAIL, nth=2)
        made = await world.clusters.create(body("made"))
        assert world.em.cluster("made").id == made

    served(story)


def test_a_rejected_token_ends_the_look_ups(served, body):
    async def story(world):
        world.em.faults.add(Fault.reset(before=False), path=CREATE)
        world.em.faults.add(Fault.return_code(-1001, "token is invalid"), path=DETAIL, count=None)
        with pytest.raises(OutcomeUnknown):
            await world.clusters.create(body("made"))
        assert world.sent == [CREATE, DETAIL, DETAIL]

    served(story)


@pytest.mark.parametrize(
    "fault",
    [Fault.return_code(-1005, "请求频率过快"), Fault.status(429, retry_after="1")],
    ids=["code", "status"],
)
def test_what_was_certainly_not_applied_is_sent_again_and_has_one_effect(served, body, fault):
    async def story(world):
        world.em.faults.add(fault, path=CREATE, count=2)
        await world.clusters.create(body("made"))
        assert world.done == ["created"]
        assert world.sent == [CREATE] * 3
        world.em.faults.add(fault, path=UPLOAD, count=2)
        await upload_to(world.clusters, "uploaded")
        assert world.done == ["created", "uploaded"]

    served(story)


# Upload


@AFTER
@pytest.mark.parametrize("kind", ["clusters", "tags"])
def test_a_named_upload_whose_answer_is_lost_adopts_what_it_made(served, fault, kind):
    async def story(world):
        world.em.faults.add(fault, path=UPLOAD)
        result = await upload_to(getattr(world, kind), "uploaded", timeout=100.0)
        assert world.done == ["uploaded"]
        shown = world.em.cluster("uploaded")
        assert (result.cluster_id, result.user_num) == (shown.id, shown.users_num)
        assert result.upload_num is None
        assert world.sent.count(UPLOAD) == 1
        assert world.now <= 100

    served(story)


@AFTER
def test_an_upload_without_a_name_whose_answer_is_lost_is_unknown(served, fault):
    async def story(world):
        world.em.faults.add(fault, path=UPLOAD)
        with refused(
            OutcomeUnknown, "outcome-looked-for", looked=Message("upload-without-name", display_name="ids")
        ):
            await upload_to(world.clusters, None, timeout=100.0)
        assert world.done == ["uploaded"]
        assert world.sent == [UPLOAD]

    served(story)


@BEFORE
def test_an_upload_whose_request_is_lost_is_unknown_and_not_sent_again(served, fault):
    async def story(world):
        world.em.faults.add(fault, path=UPLOAD)
        with pytest.raises(OutcomeUnknown):
            await upload_to(world.clusters, "uploaded", timeout=100.0)
        assert world.done == []
        assert world.sent.count(UPLOAD) == 1

    served(story)


def test_an_upload_that_was_there_before_is_not_adopted(served):
    async def story(world):
        await upload_to(world.clusters, "uploaded")
        world.em.faults.add(Fault.reset(), path=UPLOAD)
        with refused(
            OutcomeUnknown, "outcome-looked-for", looked=Message("result-not-found", name="uploaded")
        ):
            await upload_to(world.clusters, "uploaded")
        assert world.done == ["uploaded"]

    served(story)


def test_an_upload_whose_name_could_not_be_looked_up_before_adopts_nothing(served):
    async def story(world):
        world.em.faults.add(Fault.return_code(-9, "busy"), path=DETAIL)
        world.em.faults.add(Fault.reset(before=False), path=UPLOAD)
        with pytest.raises(OutcomeUnknown):
            await upload_to(world.clusters, "uploaded")
        assert world.done == ["uploaded"]

    served(story)


def test_a_rejected_token_is_met_before_the_rows_are_sent(served):
    async def story(world):
        world.em.faults.add(Fault.return_code(-1001, "token is invalid"), count=None)
        with pytest.raises(TokenRejected):
            await upload_to(world.clusters, "uploaded")
        assert world.sent == [DETAIL, DETAIL]

    served(story)


def test_a_look_up_before_the_upload_that_hangs_leaves_it_most_of_the_time(served):
    async def story(world):
        world.em.faults.add(Fault.stall(), path=DETAIL, count=None)
        await upload_to(world.clusters, "uploaded", timeout=4.0)
        assert world.now == pytest.approx(1.0)

    served(story)


@pytest.mark.parametrize("name", ["uploaded", None])
def test_a_long_upload_gets_nearly_all_of_its_time(served, name):
    async def story(world):
        world.em.faults.add(Fault.stall(3500.0, before=False), path=UPLOAD)
        await upload_to(world.clusters, name)
        assert world.now == pytest.approx(3500.0)
        assert world.sent.count(UPLOAD) == 1

    served(story)


# Replace


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize(
    "fault", [Fault.reset(), Fault.reset(before=False), Fault.html(504), Fault.truncated()]
)
def test_replacing_is_sent_again_after_a_lost_request_or_answer(served, fault, by_name):
    async def story(world):
        uploaded = await upload_to(world.clusters, "uploaded")
        world.em.faults.add(fault, when=lambda record: record.name.startswith(REPLACE))
        ref = "uploaded" if by_name else uploaded.cluster_id
        result = await world.clusters.replace_upload(ref, ["c", "d", "e"])
        assert result.cluster_id == uploaded.cluster_id
        assert result.upload_num == 3
        assert world.em.cluster("uploaded").users_num == 3
        first, second = world.em.requests[-2:]
        assert first.path == second.path
        if first.body_sha256:
            assert first.body_sha256 == second.body_sha256

    served(story)


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("answers", ["empty", "counters"])
def test_replacing_gives_the_counts_where_the_server_says_them(served, answers, by_name):
    async def story(world):
        uploaded = await upload_to(world.clusters, "uploaded")
        sent = len(world.sent)
        ref = "uploaded" if by_name else uploaded.cluster_id
        result = await world.clusters.replace_upload(ref, ["c"], display_name="new", remarks="n")
        assert result.cluster_id == uploaded.cluster_id
        assert result.upload_num == (None if answers == "empty" else 1)
        assert world.done == ["uploaded", "replaced"]
        assert len(world.sent) - sent == (2 if answers == "empty" and by_name else 1)
        record = world.em.requests[sent]
        assert (record.method, record.content_type) == ("POST", "text/csv")
        assert record.path == "/open/import-id-cluster-modify" + "-by-name" * by_name
        named = {"clusterName": "uploaded"} if by_name else {"clusterId": str(uploaded.cluster_id)}
        assert record.query == {"projectId": "102", "displayName": "new", "remarks": "n", **named}

    served(story, settings=Settings(evaluate=False, modify_answers=answers))


def test_a_replacement_whose_id_cannot_be_read_says_that_it_was_taken(served):
    async def story(world):
        await upload_to(world.clusters, "uploaded")
        world.em.faults.add(Fault.stall(), path=DETAIL, count=None)
        began = world.now
        with refused(TransportError, "id-of-upload-unknown", name="uploaded") as caught:
            await world.clusters.replace_upload("uploaded", ["c"], timeout=5.0)
        assert world.now - began <= 5.0
        assert "was taken" in str(pickle.loads(pickle.dumps(caught.value)))
        assert world.done == ["uploaded", "replaced"]

    served(story, settings=Settings(evaluate=False, modify_answers="empty"))


def test_a_condition_cluster_takes_no_upload(served):
    async def story(world):
        [cluster] = world.em.seed_clusters(1)
        with pytest.raises(ApiError, match="不能上传 ID"):
            await world.clusters.replace_upload(cluster, ["a"])
        assert world.done == []

    served(story)


def test_uploads_send_the_parameters_of_the_specification(served):
    async def story(world):
        await world.clusters.upload(
            ["a"], display_name="长 名&=#", main_column="#account_id", name="n1", remarks="100% +"
        )
        await world.tags.upload([("a", 1)], display_name="t", main_column="#account_id")
        first, second = (record for record in world.em.requests if record.name == UPLOAD)
        assert (first.method, first.path, first.content_type) == (
            "POST",
            "/open/import-id-cluster-add",
            "text/csv",
        )
        assert first.query == {
            "projectId": "102",
            "displayName": "长 名&=#",
            "mainColumnName": "#account_id",
            "clusterCatalog": "catalog_cluster",
            "clusterName": "n1",
            "remarks": "100% +",
        }
        assert second.query == {
            "projectId": "102",
            "displayName": "t",
            "mainColumnName": "#account_id",
            "clusterCatalog": "catalog_tag",
        }

    served(story)


def test_an_upload_that_is_over_before_it_could_be_sent_was_not_sent(served):
    async def slow():
        await asyncio.sleep(100)
        yield "a"

    async def story(world):
        with pytest.raises(NotSent):
            await world.clusters.upload(slow(), display_name="d", main_column="c", timeout=5.0)
        assert world.now == pytest.approx(5.0)
        assert world.sent == []

    served(story)


@pytest.mark.parametrize(
    "wrong",
    [
        {"display_name": "x" * 51},
        {"display_name": ""},
        {"display_name": None},
        {"display_name": "\ud800"},
        {"main_column": ""},
        {"main_column": None},
        {"name": "x" * 25},
        {"name": "a-b"},
        {"name": ""},
        {"name": 7},
        {"remarks": 7},
        {"remarks": "\ud800"},
    ],
)
def test_wrong_arguments_are_refused_before_the_source_is_read(served, wrong):
    async def story(world):
        rows = iter(["a", "b", "c"])
        with pytest.raises(InvalidRequest):
            await world.clusters.upload(
                rows, **{"display_name": "d", "main_column": "#account_id", "name": "n"} | wrong
            )
        if "name" not in wrong and None not in wrong.values():
            with pytest.raises(InvalidRequest):
                await world.clusters.replace_upload("n", rows, **wrong)
        assert world.sent == []
        assert list(rows) == ["a", "b", "c"]

    served(story)
