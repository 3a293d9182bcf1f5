"""Members by SQL: who comes, what is checked, and that a part is never taken for the whole."""

import asyncio
import json

import pytest
from attrs import evolve

from ta_cluster_async import (
    ConditionCluster,
    InvalidRequest,
    MemberQuery,
    MembersChanged,
    MembersIncomplete,
    MembersPosition,
    OutcomeUnknown,
    QuotaEvent,
    QuotaTag,
    SchemaError,
    TaSession,
    all_of,
    event,
)
from ta_cluster_async.emulator import Fault, Settings
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ApiError, MissingParameter, NotJson
from ta_cluster_async.protocol.requests import Response
from tests.world import refused

PAYERS = all_of(event("pay").times().greater(0).recent_days(1, 30))
EVALUATED = Settings()
USUAL = MemberQuery()
TASK = MemberQuery(route="task", page_size=1000)


async def make_payers(world, name="payers"):
    await world.clusters.create(ConditionCluster(name, "payers", PAYERS))
    await (await world.clusters.refresh(name))
    return name


def test_the_members_are_those_of_the_server(served):
    async def story(world):
        name = await make_payers(world)
        for ref in (name, world.em.cluster(name).id):
            for route in ("stream", "task"):
                members = world.clusters.members(ref, columns=["#account_id"], query=MemberQuery(route=route))
                found = [account async for (account,) in members]
                assert sorted(found) == sorted(world.em.members(name))
                assert members.count == members.expected == len(found) > 100
                assert members.refresh_time == world.em.cluster(name).refresh_time
                assert repr(members) == f"<Members of {ref!r} in project 102: {len(found)} of {len(found)}>"
        assert members.columns == ("#account_id",)
        ids = await world.clusters.members(name).collect()
        assert len(set(ids)) == len(ids) == len(found)
        assert all(type(one) is str and one.isdecimal() for one in ids)

    served(story, settings=EVALUATED)


def test_a_tag_has_values(served):
    async def story(world):
        spent = QuotaEvent("pay", quota="amount", analysis="SUM").recent_days(0, 30)
        await world.tags.create(QuotaTag("spent", "spent", spent))
        await (await world.tags.refresh("spent"))
        truth = world.em.members("spent")
        assert world.tags.members("spent").columns == ("#user_id", "value")
        pairs = await world.tags.members("spent").collect()
        rows = await world.tags.members("spent", columns=["#account_id"]).collect()
        assert dict(rows) == {one: float(value) for one, value in truth.items()}
        assert sorted(value for _, value in pairs) == sorted(float(value) for value in truth.values())
        assert all(type(one) is str for one, _ in pairs)
        one = min(truth)
        await world.tags.upload([(one, "gold")], display_name="t", main_column="#account_id", name="level")
        assert await world.tags.members("level", columns=["#account_id"]).collect() == [(one, "gold")]

    served(story, settings=EVALUATED)


def test_a_name_is_data_and_no_statement(served):
    async def story(world):
        await make_payers(world)
        accounts = sorted(world.em.members("payers"))
        for account, name in zip(
            accounts, ["x' OR '1'='1", "x'' --", "a\"b'c", "分群;DROP TABLE users"], strict=False
        ):
            await world.clusters.upload([account], display_name="one", main_column="#account_id", name=name)
            assert await world.clusters.members(name, columns=["#account_id"]).collect() == [(account,)]

    served(story, settings=evolve(EVALUATED, name_pattern=".*"), session={"strict_names": False})


@pytest.mark.parametrize(
    ("query", "settings"),
    [
        (MemberQuery(sql_in="form", timeout_parameter=""), {"sql_in": "form"}),
        (MemberQuery(table_prefix="ta."), {}),
        (MemberQuery(), {"sql_envelope": False, "user_ids": "text"}),
        (evolve(TASK, first_page=1, result_method="POST"), {"sql_first_page": 1}),
    ],
)
def test_what_servers_do_otherwise_is_a_setting(served, query, settings):
    async def story(world):
        await make_payers(world)
        assert len(await world.clusters.members("payers").collect()) == len(world.em.members("payers"))

    served(story, settings=evolve(EVALUATED, **settings), session={"members": query})


def test_nothing_is_sent_before_it_is_iterated(served):
    async def story(world):
        members = world.clusters.members("payers")
        assert await members.collect(limit=0) == []
        assert (repr(members), members.expected) == ("<Members of 'payers' in project 102: 0 of ?>", None)
        return world.sent

    assert served(story) == []


@pytest.mark.parametrize("columns", [[], "#account_id", [5], [""]])
def test_columns_are_names(served, columns):
    async def story(world):
        for resource in (world.clusters, world.tags):
            with refused(InvalidRequest, "member-columns-invalid"):
                resource.members("payers", columns=columns)

    served(story)


# A server whose answers are written here.

DETAIL = {
    "id": 970,
    "clusterName": "payers",
    "progress": 100,
    "usersNum": 3,
    "refreshTime": "2026-01-01 00:00:00",
}
HEAD = b'{"return_code":0,"return_message":"success","data":{"headers":["#user_id"]}}'
ROWS = [b'["1"]', b'["2"]', b'["3"]']
BODY = b"\n".join(ROWS) + b"\n"


class FakeRest:
    def __init__(self, parts):
        self.parts = list(parts)
        self.closed = 0

    async def read(self, timeout):
        await asyncio.sleep(0)
        part = self.parts.pop(0) if self.parts else b""
        if callable(part):
            return await part(timeout)
        return part

    def unread(self, data):
        self.parts.insert(0, data)

    def close(self):
        self.closed += 1


class Scripted:
    """Answers details in turn (the last one for ever), and statements by functions of the request."""

    def __init__(self, *parts, details=(DETAIL,), head=HEAD, statements=None):
        self.details = list(details)
        self.parts = parts
        self.head = head
        self.statements = statements
        self.rests = []
        self.sent = []

    async def send(self, request, token, timeout):
        self.sent.append((request.endpoint.name, request.query))
        if request.endpoint.name == "detail":
            detail = self.details.pop(0) if len(self.details) > 1 else self.details[0]
            return Response(200, json.dumps({"return_code": 0, "data": detail}).encode())
        if self.statements is not None and (answer := self.statements(request)) is not None:
            return answer
        self.rests.append(FakeRest(self.parts))
        return Response(200, self.head, rest=self.rests[-1])

    async def aclose(self):
        pass


def collected(server, *, tags=False, query=USUAL, act=None, **arguments):
    async def main():
        async with TaSession("http://127.0.0.1", "secret-token", transport=server, max_connections=1) as ta:
            project = ta.project(102)
            members = (project.tags if tags else project.clusters).members(970, query=query, **arguments)
            try:
                return await (members.collect() if act is None else act(members))
            finally:
                assert all(rest.closed == 1 for rest in server.rests)
                # The only place of the session is free again.
                await project.clusters.detail(970, timeout=1)

    return run(main())


def test_the_first_ones_are_enough():
    server = Scripted(BODY, BODY)
    assert collected(server, act=lambda members: members.collect(limit=2)) == ["1", "2"]
    assert [name for name, _ in server.sent[:-1]] == ["detail", "query-sql"]


def test_a_loop_that_ends_early_leaves_nothing():
    async def first(members):
        found = []
        async for one in members:
            found.append(one)
            break
        await asyncio.sleep(1)  # asyncio closes what a loop has left
        return found

    assert collected(Scripted(BODY), act=first) == ["1"]


@pytest.mark.parametrize("at", range(len(BODY) - 1))
def test_a_cut_is_never_the_whole(at):
    with pytest.raises(MembersIncomplete) as caught:
        collected(Scripted(BODY[:at]))
    problem = caught.value
    assert problem.members == [str(number + 1) for number in range(problem.count)]
    assert problem.expected == 3
    assert problem.may_pass
    assert problem.count <= at // 6 + (at % 6 == 5) * 1


def test_a_cut_of_the_connection_tells_how_many_came():
    lost = OutcomeUnknown("gone", reason="truncated")

    async def cut(_timeout):
        return lost

    with refused(MembersIncomplete, "members-cut", count=2) as caught:
        collected(Scripted(b"\n".join(ROWS[:2]) + b"\n", cut))
    assert caught.value.members == ["1", "2"]
    assert caught.value.__context__ is None


def test_more_than_the_server_counts():
    with refused(MembersIncomplete, "members-miscounted", count=6, expected=3):
        collected(Scripted(BODY, BODY))


def test_a_server_that_does_not_count():
    uncounted = {**DETAIL, "usersNum": None}
    with refused(MembersIncomplete, "members-not-counted", count=3):
        collected(Scripted(BODY, details=[uncounted]))
    unchecked = MemberQuery(count_rows=False)
    assert collected(Scripted(BODY, details=[uncounted]), query=unchecked) == ["1", "2", "3"]


@pytest.mark.parametrize(
    "change", [{"refreshTime": "2026-01-01 00:00:01"}, {"usersNum": 4}, {"progress": 5}, {"progress": -1}]
)
def test_a_computation_meanwhile(change):
    with refused(MembersChanged, "members-changed-meanwhile") as caught:
        collected(Scripted(BODY, details=[DETAIL, {**DETAIL, **change}]))
    assert caught.value.may_pass


def test_a_computation_under_way():
    server = Scripted(BODY, details=[{**DETAIL, "progress": 40}])
    with refused(MembersChanged, "members-being-computed", progress=40):
        collected(server)
    assert "query-sql" not in [name for name, _ in server.sent]


ENVELOPE = b'{"return_code":-1,"return_message":"SELECT secret-token timed out"}'


@pytest.mark.parametrize(
    "parts", [[ENVELOPE + b"\n"], [BODY[:6] + ENVELOPE], [BODY, ENVELOPE[:20], ENVELOPE[20:] + b"\n"]]
)
def test_an_error_in_the_middle_is_the_servers(parts):
    with pytest.raises(ApiError) as caught:
        collected(Scripted(*parts))
    problem = caught.value
    assert (problem.return_code, problem.endpoint) == (-1, "query-sql")
    assert "secret-token" not in str(problem)


def test_a_success_in_the_middle_is_no_row():
    with refused(MembersIncomplete, "members-without-rows"):
        collected(Scripted(b'{"return_code":0}\n'))


def test_an_error_instead_of_rows_gives_the_place_back():
    with pytest.raises(ApiError):
        collected(Scripted(BODY, head=ENVELOPE))


def test_a_page_of_a_gateway():
    page = Response(200, b"<html><title>Sorry</title></html>")
    with pytest.raises(NotJson):
        collected(Scripted(statements=lambda request: page), act=lambda members: members.collect())


@pytest.mark.parametrize("row", [b"[null]", b"[1.5]", b"[true]", b'[{"a":1}]'])
def test_an_id_is_a_text_or_a_whole_number(row):
    with refused(SchemaError, "member-id-not-text", row=3):
        collected(Scripted(b'["1"]\n[2]\n' + row + b"\n"))


@pytest.mark.parametrize("value", [b"[1]", b'{"a":1}'])
@pytest.mark.parametrize("columns", [None, ["#account_id"]])
def test_a_value_is_no_array_or_object(value, columns):
    with refused(SchemaError, "member-value-not-scalar", row=1):
        collected(Scripted(b'["1",null,null,' + value + b"]\n"), tags=True, columns=columns)


def test_the_first_column_with_a_value_counts():
    body = b'[1,2.5,null,"2.5"]\n["2",null,"2026-01-01",null]\n["3",null,null,null]\n'
    assert collected(Scripted(body), tags=True) == [("1", 2.5), ("2", "2026-01-01"), ("3", None)]


def test_a_server_that_stops_in_the_middle():
    async def stall(timeout):
        await asyncio.sleep(timeout)
        return OutcomeUnknown("no answer", reason="timeout")

    with refused(MembersIncomplete, "members-cut", count=3):
        collected(Scripted(BODY, stall))


def test_a_call_whose_time_ends_between_two_reads():
    async def slow(members):
        async for _ in members:
            await asyncio.sleep(100)

    with refused(MembersIncomplete, "members-out-of-time", count=3):
        collected(Scripted(BODY, BODY), act=slow, timeout=250)


# Submitted statements.


def task_server(pages, *, info=None, statuses=("FINISHED",), **script):
    left = list(statuses)
    tries = iter(pages)

    def envelope(data):
        return Response(200, json.dumps({"return_code": 0, "data": data}).encode())

    def answer(request):
        name = request.endpoint.name
        if name == "submit-sql":
            return envelope(script.get("submitted", {"taskId": "t1"}))
        if name == "sql-task-info":
            status = left.pop(0) if len(left) > 1 else left[0]
            return envelope({"status": status, "resultStat": info} if status is not None else None)
        page = next(tries)
        if isinstance(page, bytes):
            head, _, following = page.partition(b"\n")
            if not page.startswith((b"[", HEAD)):
                return Response(200, page)
            server.rests.append(FakeRest([following]))
            return Response(200, head, rest=server.rests[-1])
        return page

    server = Scripted(statements=answer)
    return server


PAGES = [b'["1"]\n["2"]\n', b'["3"]\n']
PAST_THE_END = b'{"return_code":-1008,"return_message":"(pageId)"}'


@pytest.mark.parametrize(
    "info",
    [
        {"pageCount": 2},
        {"rowCount": 3, "pageSize": 2},
        {"rowCount": 3, "pageSize": 2, "pageCount": 2},
        {"rowCount": 9, "pageSize": 2, "pageCount": 2},
        {"rowCount": 1500},
        {"rowCount": 1500, "pageSize": 0},
    ],
)
def test_pages_by_their_count(info):
    server = task_server(PAGES, info=info, statuses=["RUNNING", "RUNNING", "FINISHED"])
    assert collected(server, query=TASK) == ["1", "2", "3"]
    assert [query for name, query in server.sent if name == "sql-result-page"] == [
        "taskId=t1&pageId=0",
        "taskId=t1&pageId=1",
    ]


@pytest.mark.parametrize("end", [PAST_THE_END, HEAD + b"\n"])
@pytest.mark.parametrize("info", [None, {}])
def test_pages_without_a_count_end_where_the_server_says_so(end, info):
    server = task_server([*PAGES, end], info=info)
    assert collected(server, query=TASK) == ["1", "2", "3"]


def test_a_page_that_is_missing():
    with pytest.raises(MissingParameter):
        collected(task_server([PAGES[0], PAST_THE_END], info={"pageCount": 2}), query=TASK)


@pytest.mark.parametrize("status", ["FAILED", "CANCELED"])
def test_a_statement_that_fails(status):
    with refused(MembersIncomplete, "members-query-failed", status=status):
        collected(task_server([], statuses=["RUNNING", status]), query=TASK)


def test_answers_that_are_none():
    with refused(SchemaError, "sql-task-without-id"):
        collected(task_server([], submitted={"taskId": 5}), query=TASK)
    with refused(SchemaError, "sql-task-without-status"):
        collected(task_server([], statuses=[None]), query=TASK)


SHORT = {"rowCount": 3, "pageSize": 2}


def test_a_page_with_fewer_rows_than_the_server_counts_is_read_again():
    assert collected(task_server([b'["1"]\n', *PAGES], info=SHORT), query=TASK) == ["1", "2", "3"]
    with refused(MembersIncomplete, "members-miscounted", count=2, expected=3) as caught:
        collected(task_server([PAGES[0]] + [HEAD + b"\n"] * 9, info=SHORT), query=TASK)
    assert (caught.value.members, caught.value.resume) == (["1", "2"], MembersPosition("t1", 1, 2))
    unchecked = evolve(TASK, count_rows=False)
    assert collected(task_server([b'["1"]\n', PAGES[1]], info=SHORT), query=unchecked) == ["1", "3"]


@pytest.mark.parametrize("answer", [b"", b"<html>502</html>"])
def test_reading_goes_on_after_a_gateway(answer):
    gateway = Response(502, answer)
    assert collected(task_server([PAGES[0], gateway, PAGES[1]], info=SHORT), query=TASK) == ["1", "2", "3"]
    with pytest.raises(MembersIncomplete) as caught:
        collected(task_server([PAGES[0]] + [gateway] * 99, info=SHORT), query=TASK)
    assert caught.value.resume == MembersPosition("t1", 1, 2)


def test_a_page_with_rows_of_another_width_is_not_read_again():
    server = task_server([PAGES[0], b'["3", "4"]\n'], info=SHORT)
    with pytest.raises(SchemaError):
        collected(server, query=TASK)
    assert [name for name, _ in server.sent].count("sql-result-page") == 2


@pytest.mark.parametrize("looks_whole", [True, False])
def test_a_cut_at_any_byte_of_a_page_is_made_good_or_gone_on_with(served, looks_whole):
    async def story(world):
        [ref] = world.em.seed_clusters(1)
        await (await world.clusters.refresh(ref))
        whole = await world.clusters.members(ref, query=TASK).collect()
        assert len(whole) > 1000
        row = len(json.dumps([whole[1000]]))
        size = sum(len(json.dumps([one])) + 2 for one in whole[1000:])
        # Around the first row and its line end, after whole rows, and within one far behind.
        for at in (0, 1, row - 1, row, row + 1, row + 2, row + 3, size // 2, size - row - 2, size - 3):
            world.em.faults.add(Fault.cut_at(at, looks_whole=looks_whole), path="sql-result-page", nth=2)
            assert await world.clusters.members(ref, query=TASK).collect() == whole, at
        for at in (row, row + 2):
            world.em.faults.add(
                Fault.cut_at(at, looks_whole=looks_whole), path="sql-result-page", nth=2, count=None
            )
            with pytest.raises(MembersIncomplete) as caught:
                await world.clusters.members(ref, query=TASK).collect()
            world.em.faults.clear()
            resume = caught.value.resume
            assert (resume.page, resume.count, caught.value.members) == (1, 1000, whole[:1000])
            rest = await world.clusters.members(ref, query=TASK, resume=resume).collect()
            assert caught.value.members + rest == whole

    served(story, settings=EVALUATED)


def test_a_page_is_read_again_and_reading_goes_on_where_it_broke_off():
    broken = b'["3'
    assert collected(task_server([PAGES[0] + broken, *PAGES], info={"pageCount": 2}), query=TASK) == [
        "1",
        "2",
        "3",
    ]
    server = task_server([PAGES[0]] + [PAGES[1] + broken] * 9, info={"pageCount": 2})
    with refused(MembersIncomplete, "members-cut") as caught:
        collected(server, query=TASK)
    assert (caught.value.members, caught.value.resume) == (["1", "2"], MembersPosition("t1", 1, 2))
    rest = task_server([PAGES[1]], info={"pageCount": 2})
    assert collected(rest, query=TASK, resume=caught.value.resume) == ["3"]
    assert [name for name, _ in rest.sent] == [
        "detail",
        "sql-task-info",
        "sql-result-page",
        "detail",
        "detail",
    ]
