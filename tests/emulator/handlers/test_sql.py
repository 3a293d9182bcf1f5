"""Statements over the tables of members: what they give, what they cannot reach, and how results are handed out."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from ta_cluster_async.emulator import Emulator, ManualClock
from tests.emulator.conftest import Server

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
VIP = {"filts": [{"tableType": "user", "columnName": "vip", "comparator": "isTrue"}]}
Start = Callable[..., Any]


@pytest.fixture(scope="module")
def sql() -> Iterator[Any]:
    clock = ManualClock()
    with Emulator(clock=clock, job_seconds=10.0) as em:
        server = Server(em, clock, None)
        server.add("vip", definition=VIP)
        clock.advance(10)
        yield Sql(server)


class Sql:
    """Statements in the query string, as servers from 3.5 on take them."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def url(self, path: str, **query: object) -> str:
        return f"{self.server.em.url}/{path}?{urlencode({'token': self.server.em.token} | query)}"

    def query(self, statement: str, **query: object) -> bytes:
        url = self.url("querySql", **{"sql": statement, "format": "json"} | query)
        return bytes(self.server.send("POST", url, None, FORM).body)

    def rows(self, statement: str) -> tuple[list[str], list[list[Any]]]:
        head, *lines = self.query(statement).decode().splitlines()
        envelope = json.loads(head)
        assert envelope["return_code"] == 0, envelope
        return envelope["data"]["headers"], [json.loads(line) for line in lines]

    def refused(self, statement: str, **query: object) -> str:
        envelope = json.loads(self.query(statement, **query))
        assert envelope["return_code"] == -3011, envelope
        return str(envelope["return_message"])

    def get(self, path: str, **query: object) -> bytes:
        headers = {"Content-Type": "application/json"}
        return bytes(self.server.send("GET", self.url(path, **query), None, headers).body)


JOIN = (
    'SELECT u."#account_id", u.vip FROM user_result_cluster_102 r JOIN v_user_102 u ON r."#user_id" = u."#user_id" '
    "WHERE r.cluster_name = 'vip'"
)


def test_rows_are_the_members(sql: Sql) -> None:
    headers, rows = sql.rows(JOIN)
    assert headers == ["#account_id", "vip"]
    assert {account for account, _ in rows} == sql.server.em.members("vip")
    assert {vip for _, vip in rows} == {True}


def test_a_statement_without_a_name_sees_all(sql: Sql) -> None:
    _, [[count, names]] = sql.rows(
        "SELECT count(*), string_agg(DISTINCT cluster_name) FROM ta.user_result_cluster_102"
    )
    assert (count, names) == (len(sql.server.em.members("vip")), "vip")


def test_a_new_computation_and_a_deleted_cluster_are_seen(start: Start) -> None:
    server = start(evaluate=True)
    server.add("one", definition=VIP)
    server.clock.advance(10)
    sql = Sql(server)
    count = "SELECT count(*) FROM user_result_cluster_102 WHERE cluster_name = 'one'"
    assert sql.rows(count)[1] == [[len(server.em.members("one"))]]
    nobody = {"filts": [{"tableType": "user", "columnName": "#account_id", "comparator": "isNull"}]}
    server.add("nobody", definition=nobody)
    server.clock.advance(10)
    assert sql.rows(count.replace("'one'", "'nobody'"))[1] == [[0]]
    server.post("user-cluster-delete", clusterId=970)
    assert sql.rows(count)[1] == [[0]]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "INSTALL httpfs",
        "ATTACH '/tmp/x.db'",
        "SET enable_external_access = true",
        "DROP TABLE user_result_cluster_102",
        "DELETE FROM user_result_cluster_102",
        "SELECT 1; SELECT 2",
        "SELECT * FROM events",
        "SELECT nonsense",
        "not sql at all",
    ],
)
def test_nothing_but_one_select_over_the_two_tables(sql: Sql, statement: str) -> None:
    assert sql.refused(statement)
    assert sql.rows("SELECT count(*) > 100 FROM user_result_cluster_102")[1] == [[True]]


def test_a_statement_that_takes_too_long_is_ended(sql: Sql) -> None:
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3"
    assert "1 秒" in sql.refused(endless, timeoutSeconds=1)


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ({"sql": ""}, -1008, "sql"),
        ({"format": "csv"}, -3001, "format"),
        ({"format": ""}, -3001, "format"),
        ({"timeoutSeconds": 0}, -3001, "timeoutSeconds"),
    ],
)
def test_parameters_are_checked(sql: Sql, query: dict[str, object], code: int, text: str) -> None:
    envelope = json.loads(sql.query("SELECT 1", **query))
    assert envelope["return_code"] == code
    assert text in envelope["return_message"]


def test_a_result_in_pages(sql: Sql) -> None:
    url = sql.url("open/submit-sql", sql="SELECT range FROM range(2500)", pageSize=1000)
    task = json.loads(sql.server.send("POST", url, None, FORM).body)["data"]["taskId"]
    info = json.loads(sql.get("open/sql-task-info", taskId=task))["data"]
    assert (info["status"], info["progress"]) == ("FINISHED", 100)
    assert info["resultStat"] == {"headers": ["range"], "rowCount": 2500, "pageCount": 3, "pageSize": 1000}
    pages = [sql.get("open/sql-result-page", taskId=task, pageId=page) for page in range(3)]
    assert pages[0].startswith(b"[0]\r\n[1]\r\n")
    rows = [json.loads(line) for page in pages for line in page.splitlines()]
    assert rows == [[number] for number in range(2500)]
    for page in (-1, 3):
        assert json.loads(sql.get("open/sql-result-page", taskId=task, pageId=page))["return_code"] == -1008


def test_what_a_page_cannot_be(sql: Sql) -> None:
    url = sql.url("open/submit-sql", sql="SELECT 1", pageSize=999)
    assert json.loads(sql.server.send("POST", url, None, FORM).body)["return_code"] == -3001
    assert json.loads(sql.get("open/sql-task-info", taskId="task_0"))["return_code"] == -3001


def test_the_latest_results_are_kept(sql: Sql) -> None:
    tasks = []
    for number in range(66):
        url = sql.url("open/submit-sql", sql=f"SELECT {number}")
        tasks.append(json.loads(sql.server.send("POST", url, None, FORM).body)["data"]["taskId"])
    codes = [json.loads(sql.get("open/sql-task-info", taskId=task))["return_code"] for task in tasks]
    assert codes == [-3001] * 2 + [0] * 64


def test_values_of_all_types_are_json(sql: Sql) -> None:
    _, [row] = sql.rows(
        "SELECT NULL, true, 5, 2.5::DOUBLE, 'a\"分', DATE '2020-01-02', [1, 2], 1.10::DECIMAL(5,2)"
    )
    assert row == [None, True, 5, 2.5, 'a"分', "2020-01-02", "[1, 2]", "1.10"]


def test_tags_have_values_and_those_of_quotas_are_numbers(start: Start) -> None:
    server = start(evaluate=True)
    server.em.seed_tags(1)
    server.clock.advance(10)
    _, rows = Sql(server).rows(
        "SELECT tag_value, tag_value_num FROM user_result_cluster_102 WHERE cluster_name = 'seeded_tag_1'"
    )
    assert rows
    assert {number for _, number in rows} == {None}
    assert {type(text) for text, _ in rows} == {str}
