"""Uploads of ids: counters, parameters, and the settings of modifying uploads."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.emulator.specification import counters

ADD, MODIFY, MODIFY_BY_NAME = (
    "import-id-cluster-add",
    "import-id-cluster-modify",
    "import-id-cluster-modify-by-name",
)
# The five ids of the specification's example are users of the sample game.
EXAMPLE = b"j77639\r\nh84497\r\ng119426\r\ne154284\r\nf175355\r\n"
Start = Callable[..., Any]


@pytest.fixture
def evaluating(start: Start) -> Any:
    return start(evaluate=True)


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
    assert answer["return_message"].startswith("mainColumnName：")
    assert evaluating.em.clusters() == []


def test_a_tag_takes_two_columns_and_counts_empty_values(evaluating: Any) -> None:
    body = "j77639,金\r\nh84497,\r\nnobody,x\r\ng119426,old\r\ng119426,new\r\n".encode()

    answer = evaluating.upload(ADD, body, clusterCatalog="catalog_tag", clusterName="vip")

    assert answer["data"] == counters(970, 5, 2, unmatched=1, nulls=1)
    assert evaluating.em.members("vip") == {"j77639": "金", "g119426": "new"}
    assert evaluating.em.cluster("vip").cluster_type == "tag_by_import"


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
