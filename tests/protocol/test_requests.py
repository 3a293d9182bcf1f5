"""Requests as plain values."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.protocol import json
from ta_cluster_async.protocol.endpoints import (
    CREATE,
    DETAIL,
    PROGRESS,
    PROGRESS_BY_NAME,
    REPLACE_UPLOAD,
    UPDATE,
    UPDATE_BY_NAME,
    UPLOAD,
)
from ta_cluster_async.protocol.requests import build, ref_query

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, texts)
def test_any_text_arrives_exact(name: Any, column: Any) -> None:
    query = build(UPLOAD, {"projectId": 1, "displayName": name, "mainColumnName": column}).query
    assert parse_qsl(query, keep_blank_values=True, strict_parsing=True) == [
        ("projectId", "1"),
        ("displayName", name),
        ("mainColumnName", column),
    ]
    assert query.isascii()
    assert not set(query) & set("#+ \"'<>")


def test_the_hash_of_a_preset_property_is_escaped() -> None:
    request = build(UPLOAD, {"projectId": 102, "displayName": "x", "mainColumnName": "#account_id"})
    assert request.query.endswith("mainColumnName=%23account_id")


def test_parameters_that_are_none_are_left_out() -> None:
    request = build(REPLACE_UPLOAD, {"projectId": 1, "clusterId": 2, "displayName": None, "remarks": ""})
    assert request.query == "projectId=1&clusterId=2&remarks="


@pytest.mark.parametrize(
    ("endpoint", "query"),
    [
        (PROGRESS, {"projectId": 1}),
        (PROGRESS, {"projectId": 1, "clusterId": None}),
        (PROGRESS, {"projectId": 1, "clusterId": 2, "clusterName": "x"}),
        (UPDATE, {}),
        (UPDATE, {"clusterId": 1, "token": "x"}),
        (DETAIL, {"clusterId": 1}),
    ],
)
def test_a_parameter_too_few_or_too_many_is_refused(endpoint: Any, query: Any) -> None:
    with pytest.raises(InvalidRequest, match=endpoint.name) as caught:
        build(endpoint, query)
    assert caught.value.params == {
        "endpoint": endpoint.name,
        "required": ", ".join(sorted(endpoint.required)),
        "allowed": ", ".join(endpoint.query),
    }


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="surrogate"):
        build(UPLOAD, {"projectId": 1, "displayName": "\ud800", "mainColumnName": "x"})
    with pytest.raises(InvalidRequest, match="surrogate"):
        ref_query(PROGRESS_BY_NAME, 1, "\ud800")


def test_the_body_is_json_and_none_is_no_body() -> None:
    assert build(CREATE, {}, {"projectId": 102}).body == b'{"projectId":102}'
    assert build(CREATE, {}).body is None


def loop_in_itself() -> Any:
    value: dict[str, object] = {}
    value["x"] = value
    return value


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}, b"x", loop_in_itself()])
def test_a_definition_that_json_cannot_say_is_refused_without_showing_it(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="cannot express") as caught:
        build(CREATE, {}, {"qp": value})
    assert caught.value.endpoint == "create"
    assert caught.value.__context__ is None
    assert caught.value.params["reason"]


def test_a_definition_that_holds_itself_is_refused_with_the_kind_of_the_problem() -> None:
    with pytest.raises(InvalidRequest) as caught:
        build(CREATE, {}, {"qp": loop_in_itself()})
    assert caught.value.params["reason"] in ("RecursionError", "ValueError")


@pytest.mark.parametrize("endpoint", [DETAIL, PROGRESS, PROGRESS_BY_NAME, UPDATE], ids=lambda e: e.name)
@given(ref=st.integers(1) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_the_fast_path_makes_the_same_query_as_the_checked_one(endpoint: Any, ref: Any) -> None:
    key = "clusterName" if isinstance(ref, str) else "clusterId"
    if key not in endpoint.query:
        return
    full = {"projectId": 102, key: ref}
    careful = build(endpoint, {name: value for name, value in full.items() if name in endpoint.query})
    assert ref_query(endpoint, 102, ref) == careful.query


def test_a_request_does_not_show_its_body() -> None:
    assert "secret" not in repr(build(CREATE, {}, {"displayName": "secret"}))


def test_a_body_that_was_built_is_read_back() -> None:
    body = {"qp": {"filts": [{"ftv": ["3"]}], "名": None}}
    built = build(CREATE, {}, body).body
    assert built is not None
    assert json.loads(built) == body


def test_a_request_is_of_its_endpoint_and_has_its_body() -> None:
    upload: Any = object()
    query: Any = {"projectId": 1, "displayName": "x", "mainColumnName": "#account_id"}
    request = build(UPLOAD, query, upload=upload)
    assert request.endpoint is UPLOAD
    assert request.upload is upload
    assert request.body is None
    assert build(UPDATE, {"clusterId": 1}, {}).body == b"{}"


def test_a_slash_in_a_name_stays_in_the_query() -> None:
    assert ref_query(DETAIL, 102, "a/b") == "projectId=102&clusterName=a%2Fb"


class Tier(str, Enum):  # noqa: UP042  (its str() is its name, which is what goes wrong)
    GOLD = "gold"


def test_a_member_of_an_enumeration_of_texts_is_sent_as_its_value_in_query_and_body() -> None:
    request = build(UPDATE_BY_NAME, {"projectId": 102, "clusterName": Tier.GOLD}, {"remarks": Tier.GOLD})
    assert request.query == "projectId=102&clusterName=gold"
    assert request.body == b'{"remarks":"gold"}'
    assert ref_query(DETAIL, 102, Tier.GOLD) == "projectId=102&clusterName=gold"


def test_numbers_of_numpy_are_sent_as_the_plain_ones() -> None:
    numbers = [np.int64(7), np.float64(7), np.float32(0.1), np.bool_(1)]
    assert build(UPDATE, {"clusterId": 1}, {"a": numbers}).body == b'{"a":[7,7.0,0.1,true]}'


@pytest.mark.parametrize("value", [Decimal("1.10"), datetime(2020, 1, 3), np.datetime64("2020-01-03")])  # noqa: DTZ001
def test_what_json_has_no_one_way_for_is_refused_by_the_name_of_its_class(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=rf"cannot express \({type(value).__name__}\)"):
        build(UPDATE, {"clusterId": 1}, {"a": value})


def test_a_value_that_json_cannot_express_is_named_by_its_type() -> None:
    with pytest.raises(InvalidRequest, match=r"given to update .* cannot express \(object\)") as caught:
        build(UPDATE, {"clusterId": 1}, {"a": object()})
    assert caught.value.endpoint == "update"
