"""The 14 paths over real HTTP: envelopes, samples of the specification, refusals, and what stands in front of the operations."""

import http.client
import json
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from attrs import evolve

from ta_cluster_async.emulator import Settings
from ta_cluster_async.emulator.handlers.table import ENDPOINTS

SPEC = Path(__file__).parents[1] / "spec"
SAMPLES = json.loads((SPEC / "samples.json").read_text(encoding="utf-8"))["samples"]
TABLE = json.loads((SPEC / "endpoints.json").read_text(encoding="utf-8"))["endpoints"]
SPECIFIED = {row["path"]: row["method"] for row in TABLE}
SUCCESS = {"return_code": 0, "return_message": "success"}
ALL_CLUSTER_TYPES = [
    f"cluster_by_{kind}" for kind in ("static_condition", "dynamic_condition", "import", "result")
]

Start = Callable[..., Any]


def sample(name: str) -> Any:
    return next(one["json"] for one in SAMPLES if one["name"] == name)


def listing(**fields: object) -> dict[str, object]:
    return {"projectId": 102, "clusterCatalog": "catalog_cluster", "clusterTypes": ALL_CLUSTER_TYPES} | fields


def shape(value: object) -> object:
    """Keys and JSON types, all the way down."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_the_paths_and_methods_are_those_of_the_specification() -> None:
    assert {path: endpoint.method for path, endpoint in ENDPOINTS.items()} == SPECIFIED


@pytest.mark.parametrize(
    "name",
    [one["name"] for one in SAMPLES if one["kind"] == "request" and one["endpoint"] == "user-cluster-add"],
)
def test_the_definitions_of_the_specification_are_created_and_come_back(start: Start, name: str) -> None:
    body = sample(name)
    server = start(evaluate=True, project_id=body["projectId"], resolve_windows=False)

    assert server.post("user-cluster-add", body) == {"data": 970, **SUCCESS}

    detail = server.detail(970)
    assert detail.get("userClusterDef") == body.get("qp")
    assert detail.get("userTagDef") == body.get("tagQp")
    assert detail["clusterName"] == body["clusterName"]
    assert detail["displayName"] == body["displayName"]


def test_a_detail_has_the_form_of_the_specification_and_its_times(start: Start) -> None:
    server = start(evaluate=True)
    server.post("user-cluster-add", sample("user-cluster-add: request, condition cluster"))
    server.clock.advance(0.1)
    given = server.get("user-cluster-detail", clusterName="recent_7_days_consume")

    documented = sample("user-cluster-detail: response")
    assert given["data"].pop("progress") == 1
    assert documented["data"].pop("progress") == 1
    assert given == documented


def test_a_list_has_the_form_of_the_specification(server: Any) -> None:
    server.em.seed_clusters(2)

    given = server.post("user-cluster-list", listing())

    assert shape(given) == shape(sample("user-cluster-list: response"))


def test_a_progress_has_the_form_of_the_specification(server: Any) -> None:
    server.add()
    server.clock.advance(8)

    assert server.get("user-cluster-refresh-progress", clusterId=970) == {"data": {"progress": 80}, **SUCCESS}
    assert server.get("user-cluster-refresh-progress-by-name", clusterName="one") == {
        "data": {"progress": 80},
        **SUCCESS,
    }


def test_an_answer_is_json_in_utf8_with_its_length(server: Any) -> None:
    answer = server.send("GET", server.url("user-cluster-detail"))

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert "参数(clusterId)为空".encode() in answer.body


@pytest.mark.parametrize("path", SPECIFIED)
@pytest.mark.parametrize("token", [None, ""])
def test_a_missing_token_is_refused_as_the_specification_shows(
    server: Any, path: str, token: str | None
) -> None:
    query = "" if token is None else f"token={token}"

    answer = server.send(SPECIFIED[path], f"{server.em.url}{path}?{query}")

    assert answer.status == 200
    assert answer.json == {"return_code": -1008, "return_message": "参数(token)为空"}


def test_a_wrong_token_has_a_code_of_its_own(server: Any) -> None:
    answer = server.send(
        "GET", f"{server.em.url}/open/user-cluster-detail?token=wrong&projectId=102&clusterId=1"
    )

    assert answer.json["return_code"] == server.em.settings.codes.bad_token
    assert "data" not in answer.json


def test_the_default_token_does_not_arrive_unless_it_was_encoded(server: Any) -> None:
    raw = f"{server.em.url}/open/user-cluster-refresh-progress?projectId=102&token={server.em.token}"

    assert server.send("GET", raw).json["return_code"] == -1001
    assert server.get("user-cluster-refresh-progress", clusterId=1)["return_code"] == -3003


@pytest.mark.parametrize("path", SPECIFIED)
def test_a_wrong_method_meets_a_gateway_page(server: Any, path: str) -> None:
    method = {"GET": "POST", "POST": "GET"}[SPECIFIED[path]]

    answer = server.send(method, f"{server.em.url}{path}?token=x")

    assert answer.status == 405
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"405 Method Not Allowed" in answer.body


@pytest.mark.parametrize("path", ["/", "/open", "/open/user-cluster", "/open/user-cluster-add/"])
def test_an_unknown_path_meets_a_gateway_page(server: Any, path: str) -> None:
    answer = server.send("GET", f"{server.em.url}{path}?token=x")

    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_path_prefix_stands_in_the_url_and_nothing_is_served_without_it(start: Start) -> None:
    server = start(path_prefix="/te/")

    assert server.em.url.endswith("/te")
    assert server.add()["return_code"] == 0
    assert server.em.requests[-1].path == "/open/user-cluster-add"
    bare = server.em.url.removesuffix("/te")
    assert server.send("GET", f"{bare}/open/user-cluster-detail?token=x").status == 404


def test_a_body_that_is_declared_as_something_else_meets_a_gateway_page(start: Start) -> None:
    server = start()
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    assert server.send("POST", server.url("user-cluster-add"), b"{}", form).status == 415
    assert server.send("POST", server.url("import-id-cluster-add"), b"a\r\n", form).status == 415
    server.em.settings = evolve(server.em.settings, check_content_type=False)
    assert server.send("POST", server.url("user-cluster-add"), b"{}", form).json["return_code"] == -1008


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -1008),
        (b"{", -3001),
        (b"[]", -3001),
        (b"\xff", -3001),
        (b"[" * 100_000, -3001),
        (b'{"projectId": null}', -1008),
        (b'{"projectId": true}', -3001),
        (b'{"projectId": "x"}', -3001),
        (b'{"projectId": 103}', -3002),
        (b'{"projectId": "102"}', -1008),
    ],
)
def test_a_body_that_is_no_request_is_refused(server: Any, body: bytes, code: int) -> None:
    answer = server.send("POST", server.url("user-cluster-add"), body, {"Content-Type": "application/json"})

    assert answer.json["return_code"] == code


def test_a_body_beyond_all_measure_meets_a_gateway_page(server: Any) -> None:
    length = {"Content-Type": "application/json"}

    answer = server.send("POST", server.url("user-cluster-add"), b" " * (65 << 20), length)

    assert answer.status == 413


@pytest.mark.parametrize("name", ["projectId", "clusterName", "displayName", "qp"])
@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_parameter_of_a_new_cluster_is_named(start: Start, name: str, value: object) -> None:
    server = start(evaluate=True)

    answer = server.add(**{name: value})

    assert answer == {"return_code": -1008, "return_message": f"参数({name})为空"}
    assert server.em.clusters() == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"clusterName": "x" * 25}, "invalid_name"),
        ({"clusterName": "with space"}, "invalid_name"),
        ({"clusterName": "分群"}, "invalid_name"),
        ({"displayName": "名" * 51}, "invalid_name"),
        ({"clusterName": 5}, "invalid_parameter"),
        ({"clusterCatalog": "catalog_other"}, "invalid_parameter"),
        (
            {"clusterType": "tag_by_static_condition", "clusterCatalog": "catalog_cluster"},
            "invalid_parameter",
        ),
        ({"qp": []}, "invalid_parameter"),
        ({"clusterType": "cluster_by_static_sql"}, "not_evaluable"),
    ],
)
def test_a_wrong_parameter_of_a_new_cluster_is_refused(
    start: Start, fields: dict[str, object], code: str
) -> None:
    server = start(evaluate=True)

    assert server.add(**fields)["return_code"] == getattr(server.em.settings.codes, code)
    assert server.em.effects == []


def test_a_name_of_24_and_a_display_name_of_50_characters_are_taken(server: Any) -> None:
    assert server.add("x" * 24, displayName="名" * 50)["return_code"] == 0


def test_a_name_is_taken_once_for_clusters_and_tags_together(server: Any) -> None:
    server.add("one")

    assert server.add("one")["return_code"] == server.em.settings.codes.duplicate_name
    taken = server.upload("import-id-cluster-add", b"a\r\n", clusterName="one", clusterCatalog="catalog_tag")
    assert taken["return_code"] == server.em.settings.codes.duplicate_name


def test_a_definition_that_cannot_be_evaluated_is_answered_with_its_key(start: Start) -> None:
    server = start(evaluate=True)
    bad = {"filts": [{"tableType": "user", "columnName": "age", "comparator": "isNull"}]}
    tag = {"userTagValueDefs": [{"tagValue": "a", "userClusterDef": bad}]}

    cluster = server.add(definition=bad)
    tagged = server.add(
        definition=None, clusterCatalog="catalog_tag", subConditionTabType="tag_condition_default", tagQp=tag
    )

    code = server.em.settings.codes.not_evaluable
    assert (cluster["return_code"], tagged["return_code"]) == (code, code)
    assert cluster["return_message"].startswith("qp.filts[0].columnName: ")
    assert tagged["return_message"].startswith(
        "tagQp.userTagValueDefs[0].userClusterDef.filts[0].columnName: "
    )
    assert server.em.effects == []


def test_users_num_is_the_count_of_the_evaluation(start: Start) -> None:
    server = start(evaluate=True)
    server.add(definition={"filts": [{"tableType": "user", "columnName": "vip", "comparator": "isTrue"}]})
    server.clock.advance(10)

    members = server.em.members("one")

    assert server.detail(970)["usersNum"] == len(members) > 100
    assert server.post("user-cluster-list", listing())["data"]["userClusters"][0]["usersNum"] == len(members)


def test_by_id_and_by_name_mean_the_same_cluster(server: Any) -> None:
    server.add("one")

    assert server.get("user-cluster-detail", clusterId=970) == server.get(
        "user-cluster-detail", clusterName="one"
    )
    assert server.post("user-cluster-refresh-by-name", clusterName="one") == SUCCESS
    assert server.post("delete-user-cluster-by-name", clusterName="one") == SUCCESS
    assert server.get("user-cluster-detail", clusterId=970)["return_code"] == -3003


@pytest.mark.parametrize(
    ("name", "query", "code"),
    [
        ("user-cluster-detail", {"clusterId": 5}, "not_found"),
        ("user-cluster-detail", {"clusterName": "ONE"}, "not_found"),
        ("user-cluster-detail", {"clusterName": " one"}, "not_found"),
        ("user-cluster-detail", {"clusterId": "x"}, "invalid_parameter"),
        ("user-cluster-detail", {}, "missing_parameter"),
        ("user-cluster-detail", {"clusterId": 970, "projectId": 103}, "wrong_project"),
        ("user-cluster-detail", {"clusterId": 970, "projectId": ""}, "missing_parameter"),
        ("user-cluster-refresh-progress", {"clusterId": 5}, "not_found"),
        ("user-cluster-refresh-progress-by-name", {}, "missing_parameter"),
    ],
)
def test_a_wrong_reference_is_refused(server: Any, name: str, query: dict[str, object], code: str) -> None:
    server.add("one")

    assert server.get(name, **query)["return_code"] == getattr(server.em.settings.codes, code)


@pytest.mark.parametrize("name", ["user-cluster-delete", "user-cluster-refresh", "user-cluster-update"])
def test_a_wrong_id_is_refused_and_has_no_effect(server: Any, name: str) -> None:
    assert server.post(name, {"projectId": 102}, clusterId=5)["return_code"] == -3003
    assert server.em.effects == []


def test_a_deleted_cluster_is_gone_and_its_id_is_not_used_again(server: Any) -> None:
    server.add("one")
    assert server.post("user-cluster-delete", clusterId=970) == SUCCESS

    assert server.get("user-cluster-refresh-progress", clusterId=970)["return_code"] == -3003
    assert server.add("one")["data"] == 971


def test_an_error_has_another_status_and_a_stack_where_the_settings_say_so(start: Start) -> None:
    server = start(error_status=500, stack_messages=True)

    answer = server.send("GET", server.url("user-cluster-detail", clusterId=5))

    assert answer.status == 500
    assert answer.json["stackMessage"]
    assert answer.json["showStackMessage"] is False
    assert server.add()["return_code"] == 0


def test_the_return_codes_are_a_setting(start: Start) -> None:
    codes = evolve(Settings().codes, not_found=-4711)
    server = start(codes=codes)

    assert server.get("user-cluster-detail", clusterId=5)["return_code"] == -4711


def test_requests_above_the_rate_limit_are_refused_without_an_effect(start: Start) -> None:
    server = start(rate_limit=2)

    answers = [server.add(f"c{number}")["return_code"] for number in range(6)]

    assert answers[:2] == [0, 0]
    assert answers[-1] == server.em.settings.codes.too_frequent
    assert len(server.em.effects) == answers.count(0) < 6


def test_a_record_tells_what_was_asked_and_what_was_answered(server: Any) -> None:
    server.clock.advance(5)
    server.add("one")
    server.get("user-cluster-detail", clusterName="a b+c&d")

    first, second = server.em.requests
    assert (first.number, first.method, first.name) == (1, "POST", "user-cluster-add")
    assert first.path == "/open/user-cluster-add"
    assert json.loads(first.body)["clusterName"] == "one"
    assert first.body_size == len(first.body)
    assert (first.status, first.return_code, first.fault) == (200, 0, None)
    assert first.content_type == "application/json"
    assert second.query == {"projectId": "102", "clusterName": "a b+c&d"}
    assert second.return_code == -3003
    assert (first.time - server.em.now).total_seconds() == 0


def test_a_token_stands_in_no_record_and_no_repr(server: Any) -> None:
    server.add("one")

    assert server.em.token not in repr(server.em.requests)
    assert server.em.token not in repr(server.em)


def test_many_requests_share_a_connection(server: Any) -> None:
    connection = http.client.HTTPConnection(server.em.url.removeprefix("http://"), timeout=10)
    for _ in range(3):
        connection.request("GET", server.url("user-cluster-detail").removeprefix(server.em.url))
        connection.getresponse().read()
    connection.close()

    assert len(server.em.requests) == 3


def test_https_is_served_with_a_context(start: Start) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    server = start(ssl=context, trust=trust)

    assert re.fullmatch(r"https://127\.0\.0\.1:\d+", server.em.url)
    assert server.add()["return_code"] == 0
