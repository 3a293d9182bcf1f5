"""Uploads of ids: what is counted, what is refused, and the settings of modifying."""
# ruff: noqa: FBT001 - parameters of tests

import hashlib
import http.client
import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

ADD, MODIFY, MODIFY_BY_NAME = (
    "import-id-cluster-add",
    "import-id-cluster-modify",
    "import-id-cluster-modify-by-name",
)
CSV = {"Content-Type": "text/csv"}
# The five ids of the specification's example are users of the sample game.
EXAMPLE = b"j77639\r\nh84497\r\ng119426\r\ne154284\r\nf175355\r\n"

Start = Callable[..., Any]


@pytest.fixture
def evaluating(start: Start) -> Any:
    return start(evaluate=True)


def counters(cluster_id: int, records: int, users: int, unmatched: int = 0, nulls: int = 0) -> dict[str, int]:
    return {
        "clusterId": cluster_id,
        "tagValueNullNum": nulls,
        "unmatchedNum": unmatched,
        "uploadNum": records,
        "userNum": users,
    }


def test_the_example_of_the_specification_gives_its_counters(evaluating: Any) -> None:
    answer = evaluating.upload(ADD, EXAMPLE)

    assert answer == {"data": counters(970, 5, 5), "return_code": 0, "return_message": "success"}
    assert evaluating.em.members(970) == {"j77639", "h84497", "g119426", "e154284", "f175355"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_command_line_of_the_specification_works(evaluating: Any, tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_bytes(EXAMPLE)
    token = quote(evaluating.em.token, safe="")
    url = f"{evaluating.em.url}/open/import-id-cluster-add?token={token}&projectId=102&displayName=xxxx&mainColumnName=%23account_id"

    done = subprocess.run(
        ["curl", "-s", "--header", "Content-Type: text/csv", "--data-binary", "@test.csv", url],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=20,
    )

    assert done.stdout == (
        b'{"data":{"clusterId":970,"tagValueNullNum":0,"unmatchedNum":0,"uploadNum":5,"userNum":5},'
        b'"return_code":0,"return_message":"success"}'
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_with_a_big_file_waits_for_100_continue_and_gets_it(server: Any, tmp_path: Path) -> None:
    body = b"".join(b"user%07d\r\n" % number for number in range(200_000))
    (tmp_path / "big.csv").write_bytes(body)

    # Without the 100 it would send nothing before this long is over.
    command = [
        "curl",
        "-sv",
        "--expect100-timeout",
        "60",
        "-H",
        "Content-Type: text/csv",
        "-H",
        "Expect: 100-continue",
    ]
    done = subprocess.run(
        [
            *command,
            "--data-binary",
            "@big.csv",
            server.url(ADD, displayName="big", mainColumnName="#account_id"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=20,
    )

    assert b"HTTP/1.1 100 Continue" in done.stderr
    assert json.loads(done.stdout)["data"] == counters(970, 200_000, 200_000)
    assert server.em.requests[0].body_sha256 == hashlib.sha256(body).hexdigest()


def test_a_body_that_nobody_waits_for_is_not_asked_for_twice(server: Any) -> None:
    body = b"a\r\n"
    url = server.url(ADD, displayName="x", mainColumnName="#account_id").removeprefix(server.em.url)
    head = f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(server.em.url.removeprefix("http://").split(":"), timeout=10) as raw:
        raw.sendall(head.encode() + body)
        answer = raw.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 200")


def test_a_body_in_chunks_of_unknown_length_is_taken(server: Any) -> None:
    connection = http.client.HTTPConnection(server.em.url.removeprefix("http://"), timeout=10)
    url = server.url(ADD, displayName="x", mainColumnName="#account_id").removeprefix(server.em.url)
    connection.request("POST", url, iter([b"a\r", b"\nb", b"\r\nc"]), CSV, encode_chunked=True)
    answer = json.loads(connection.getresponse().read())
    connection.close()

    assert answer["data"]["uploadNum"] == 3


def test_unmatched_ids_and_repeated_ids_are_counted(evaluating: Any) -> None:
    answer = evaluating.upload(ADD, b"j77639\r\nnobody\r\nj77639\r\nJ77639\r\nh84497")

    assert answer["data"] == counters(970, 5, 2, unmatched=2)
    assert evaluating.em.members(970) == {"j77639", "h84497"}


def test_another_main_column_matches_the_text_of_its_values(evaluating: Any) -> None:
    levels = {"1", "7"}

    answer = evaluating.upload(ADD, b"1\r\n7\r\n400\r\n", mainColumnName="user_level")

    assert answer["data"] == counters(970, 3, 2, unmatched=1)
    rows = evaluating.em.members(970)
    assert len(rows) == len(levels)
    assert evaluating.em.cluster(970).main_column == "user_level"


def test_an_unknown_main_column_is_refused_by_name(evaluating: Any) -> None:
    answer = evaluating.upload(ADD, EXAMPLE, mainColumnName="phone")

    assert answer["return_code"] == evaluating.em.settings.codes.not_evaluable
    assert answer["return_message"].startswith("mainColumnName: ")
    assert evaluating.em.clusters() == []


def test_a_tag_takes_two_columns_and_counts_empty_values(evaluating: Any) -> None:
    body = "j77639,金\r\nh84497,\r\nnobody,x\r\ng119426,old\r\ng119426,new\r\n".encode()

    answer = evaluating.upload(ADD, body, clusterCatalog="catalog_tag", clusterName="vip")

    assert answer["data"] == counters(970, 5, 2, unmatched=1, nulls=1)
    assert evaluating.em.members("vip") == {"j77639": "金", "g119426": "new"}
    assert evaluating.em.cluster("vip").cluster_type == "tag_by_import"


@pytest.mark.parametrize(
    "body",
    [b"a\nb\n", b"a\r\nb\r\n", b"a\r\n\r\nb", b'"a"\r\n"b"\r\n', b"a\r\nb"],
    ids=["LF", "CRLF", "a blank line", "quotes", "no last line end"],
)
def test_line_ends_and_quotes_do_not_matter(server: Any, body: bytes) -> None:
    assert server.upload(ADD, body)["data"]["uploadNum"] == 2
    assert server.em.members(970) == {"a", "b"}


def test_a_quoted_id_may_hold_commas_quotes_and_line_ends(server: Any) -> None:
    server.upload(ADD, b'"a,b"\r\n"say ""hi"""\r\n"two\r\nlines"\r\n')

    assert server.em.members(970) == {"a,b", 'say "hi"', "two\r\nlines"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "line 1: there is no record"),
        (b"\r\n\r\n", "line 1: there is no record"),
        (b"a\r\nb,c\r\n", "line 2: 2 columns where 1 are expected"),
        (b"a\r\n\xff\r\n", "line 2: not UTF-8"),
        (b"a\r\nb\xe5", "line 2: not UTF-8"),
        (b"\xef\xbb\xbfa\r\n", "line 1: a byte order mark stands before the first record"),
        ("a\r\nb\r\n".encode("utf-16-le"), "line 1: a NUL character: UTF-16 is not UTF-8"),
        (b'a\r\n"b\r\n', "line 2: not CSV"),
        (b"x" * 1_100_000, "line 1: a record is longer than 1 MiB"),
    ],
    ids=["empty", "blank", "columns", "bytes", "half a character", "BOM", "UTF-16", "quotes", "long"],
)
def test_a_csv_that_cannot_be_read_is_refused_with_its_line(server: Any, body: bytes, message: str) -> None:
    answer = server.upload(ADD, body)

    assert answer["return_code"] == server.em.settings.codes.bad_upload
    assert answer["return_message"].startswith(message)
    assert server.em.effects == []


def test_a_byte_order_mark_is_dropped_if_the_setting_says_so(start: Start) -> None:
    server = start(accept_bom=True)

    server.upload(ADD, b"\xef\xbb\xbfa\r\n")

    assert server.em.members(970) == {"a"}


def test_without_a_name_the_server_makes_one(server: Any) -> None:
    names = []
    for catalog in ("catalog_cluster", "catalog_cluster", "catalog_tag", "catalog_tag"):
        body = b"a,1\r\n" if catalog == "catalog_tag" else b"a\r\n"
        cluster_id = server.upload(ADD, body, clusterCatalog=catalog)["data"]["clusterId"]
        names.append(server.em.cluster(cluster_id).name)

    assert names == ["cohort_20200110_105114", "cohort_20200110_105115", "tag_20200110_1", "tag_20200110_2"]


@pytest.mark.parametrize("name", ["displayName", "mainColumnName", "projectId", "token"])
def test_an_empty_parameter_of_an_upload_is_named_after_the_whole_body_was_read(
    server: Any, name: str
) -> None:
    body = b"a\r\n" * 500_000

    answer = server.upload(ADD, body, **{name: ""})

    assert answer == {"return_code": -1008, "return_message": f"参数({name})为空"}
    assert server.em.requests[0].body_size == len(body)


def test_an_upload_is_computed_at_once_and_shows_its_remarks(server: Any) -> None:
    server.clock.advance(60)
    server.upload(ADD, EXAMPLE, clusterName="mine", remarks="客服名单")

    view = server.em.cluster("mine")
    assert (view.progress, view.users_num, view.remarks) == (100, 5, "客服名单")
    assert view.refresh_time == server.em.now
    assert server.em.jobs == []
    assert [effect.kind for effect in server.em.effects] == ["uploaded"]


def test_the_detail_of_an_upload_shows_no_definition(server: Any) -> None:
    uploaded = server.upload("import-id-cluster-add", b"a\r\n")["data"]["clusterId"]

    assert {"userClusterDef", "userTagDef"}.isdisjoint(server.detail(uploaded))


def test_a_modifying_upload_replaces_the_users(server: Any) -> None:
    server.upload(ADD, b"a\r\nb\r\n", clusterName="mine")

    by_id = server.upload(MODIFY, b"b\r\nc\r\n", clusterId=970, displayName="second")
    members = server.em.members(970)
    by_name = server.upload(MODIFY_BY_NAME, b"d\r\n", clusterName="mine", displayName="")

    assert by_id["data"] == counters(970, 2, 2)
    assert members == {"b", "c"}
    assert by_name["data"] == counters(970, 1, 1)
    assert server.em.members("mine") == {"d"}
    assert server.em.cluster("mine").display_name == "second"
    assert [effect.kind for effect in server.em.effects] == ["uploaded", "replaced", "replaced"]


def test_a_modifying_upload_adds_to_the_users_if_the_setting_says_so(start: Start) -> None:
    server = start(modify="append", modify_answers="empty")
    server.upload(ADD, b"a\r\nb\r\n")
    server.upload(ADD, b"a,1\r\nb,2\r\n", clusterCatalog="catalog_tag")

    answer = server.upload(MODIFY, b"b\r\nc\r\n", clusterId=970)
    server.upload(MODIFY, b"b,3\r\nc,4\r\n", clusterId=971)

    assert answer == {"data": "", "return_code": 0, "return_message": "success"}
    assert server.em.members(970) == {"a", "b", "c"}
    assert server.em.members(971) == {"a": "1", "b": "3", "c": "4"}


def test_a_condition_cluster_takes_no_upload_and_an_id_cluster_no_definition(server: Any) -> None:
    server.add("condition")
    server.upload(ADD, b"a\r\n", clusterName="ids")

    assert server.upload(MODIFY, b"a\r\n", clusterId=970)["return_code"] == -3001
    body = {"projectId": 102, "displayName": "x", "qp": {}}
    assert server.post("user-cluster-update", body, clusterId=971)["return_code"] == -3001


def test_an_unreadable_modification_leaves_the_users_as_they_were(server: Any) -> None:
    server.upload(ADD, b"a\r\n")

    server.upload(MODIFY, b"b\r\nc,d\r\n", clusterId=970)

    assert server.em.members(970) == {"a"}


@pytest.mark.parametrize("accepts", [True, False])
def test_a_refresh_of_an_id_cluster_is_a_setting(start: Start, accepts: bool) -> None:
    server = start(refresh_id_clusters="accept" if accepts else "reject")
    server.upload(ADD, b"a\r\n")

    answer = server.refresh(970)
    server.clock.advance(10)

    assert answer["return_code"] == (0 if accepts else server.em.settings.codes.refresh_refused)
    assert server.progress(970) == 100
    assert server.em.members(970) == {"a"}


def test_an_upload_that_breaks_off_has_no_effect_and_is_no_error_of_the_server(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url = server.url(ADD, displayName="x", mainColumnName="#account_id").removeprefix(server.em.url)
    head = f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection(server.em.url.removeprefix("http://").split(":"), timeout=10) as raw:
        raw.sendall(head.encode() + b"a\r\nb\r\n")
    server.get("user-cluster-detail")

    assert server.em.effects == []
    assert [record.status for record in server.em.requests] == [None, 200]
    assert caplog.records == []
