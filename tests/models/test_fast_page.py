"""A list page read straight from its bytes is the page that the ordinary way reads, or is left to it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.models import (
    Catalog,
    ClusterRow,
    Page,
    structure,
)
from ta_cluster_async.models.fast_page import read_page
from ta_cluster_async.protocol.envelope import decode
from ta_cluster_async.protocol.requests import Response

pytest.importorskip("msgspec")

PAGER = {"pageNum": 1, "pageSize": 100, "totalNum": 2}
ROW = {"id": 1, "clusterName": "one"}

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
odd = leaves | st.just([]) | st.just({}) | st.sampled_from([2**63, 2**64, -(2**63) - 1, 3.0, "7"])
texts = st.text(max_size=4) | st.sampled_from(["catalog_cluster", "cluster_by_import", "\ud800"])
times = st.sampled_from(["", "2026-01-02 03:04:05", "2026-01-02T03:04:05", "2026-13-02 03:04:05", "24:00"])
strings = {
    "clusterName",
    "displayName",
    "remarks",
    "clusterCatalog",
    "clusterType",
    "uploadFileName",
    "selectType",
}


def value_of(key: str) -> Any:
    """Mostly what a server would send."""
    if key == "refreshTime":
        return st.none() | times
    usual = texts if key in strings or key.endswith("Name") else st.integers(-5, 5)
    return usual if key in ("id", "clusterName") else st.none() | usual


usual_rows = st.fixed_dictionaries(
    {key: value_of(key) for key in ("id", "clusterName")},
    optional={
        key: value_of(key) for key in ClusterRow.wire_names.values() if key not in ("id", "clusterName")
    },
)
keys = st.sampled_from([*ClusterRow.wire_names.values(), "newer"])
odd_rows = st.builds(lambda row, key, value: {**row, key: value}, usual_rows, keys, odd)
rows = st.lists(usual_rows, max_size=4) | st.lists(usual_rows | odd_rows | odd, max_size=4)
pagers = st.just(PAGER) | st.fixed_dictionaries(dict.fromkeys(PAGER, odd))
pages = st.fixed_dictionaries({"pagerResult": pagers, "userClusters": rows})
answers = st.fixed_dictionaries(
    {"data": pages | pages | odd, "return_code": st.just(0) | odd},
    optional={"return_message": odd, "stackMessage": odd},
)


def ordinary(body: bytes) -> Page | str:
    """The page, or the kind of trouble."""
    data = decode(Response(200, body), str, 0.0)
    if isinstance(data, Exception):
        return type(data).__name__
    try:
        return structure(Page, data)
    except Exception as problem:  # noqa: BLE001  (any is a refusal)
        return type(problem).__name__


@given(answers)
def test_the_fast_path_reads_the_same_page_as_the_converter(answer: Any) -> None:
    body = json.dumps(answer).encode()
    quick = read_page(body)
    if quick is not None:
        slow = ordinary(body)
        assert quick == slow
        assert repr(quick) == repr(slow)  # which tells 1 from True and a member of a vocabulary from its text


@given(st.lists(usual_rows, max_size=5))
def test_usual_rows_are_read_by_the_fast_path_if_their_times_are_times(found: Any) -> None:
    body = json.dumps({"data": {"pagerResult": PAGER, "userClusters": found}, "return_code": 0}).encode()
    slow = ordinary(body)
    assert (read_page(body) is None) is (isinstance(slow, str) or b"\\ud800" in body)


def text_of(row: str, *, more: str = "", code: str = "0") -> bytes:
    return (
        f'{{"data":{{"pagerResult":{json.dumps(PAGER)},"userClusters":[{row}]}},"return_code":{code}{more}}}'
    ).encode()


@pytest.mark.parametrize(
    "body",
    [
        text_of('{"id":1,"clusterName":"one","newer":[1]}'),
        text_of('{"id":1.0,"clusterName":"one"}'),
        text_of('{"id":true,"clusterName":"one"}'),
        text_of('{"id":"1","clusterName":"one"}'),
        text_of('{"id":1,"clusterName":null}'),
        text_of('{"id":1}'),
        text_of('{"id":1,"clusterName":"one","refreshTime":"soon"}'),
        text_of('{"id":1,"clusterName":"one"}', more=',"stackMessage":"x"'),
        text_of('{"id":1,"clusterName":"one"}', code="-1005"),
        text_of('{"id":1,"clusterName":"one"}', code="0.0"),
        text_of('{"id":1,"clusterName":"\udcff"}'.encode("utf-8", "surrogateescape").decode("latin-1"))[:-9],
        b"",
        b"<html>",
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_ordinary_way(body: bytes) -> None:
    assert read_page(body) is None


def test_of_a_key_that_stands_twice_the_last_one_counts() -> None:
    body = text_of('{"id":1,"clusterName":"one","id":2,"progress":3,"progress":null}')
    page = read_page(body)
    assert page is not None
    assert page == ordinary(body)
    assert (page.rows[0].id, page.rows[0].progress) == (2, None)


def test_the_models_share_nothing() -> None:
    page = read_page(
        text_of('{"id":1,"clusterName":"one"},{"id":2,"clusterName":"two","clusterCatalog":"catalog_tag"}')
    )
    assert page is not None
    page.rows[0].extra["a"] = 1
    assert page.rows[1].extra == {}
    assert page.rows[1].cluster_catalog is Catalog.TAG
