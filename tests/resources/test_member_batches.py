"""Members as Arrow batches: their size, and a schema that the first batch or the caller gives."""

import sys

import pyarrow as pa
import pytest

from ta_cluster_async.errors import ConfigurationError, InvalidRequest, SchemaError
from ta_cluster_async.resources.member_batches import BatchMaker
from tests.resources.test_members import BODY, Scripted, collected
from tests.world import refused


def batches(names, *blocks, size=2, schema=None):
    maker = BatchMaker(names, schema, size)
    return [batch for block in blocks for batch in maker.add(block)] + list(maker.end())


@pytest.mark.parametrize("blocks", [[["1", "2", "3", "4", "5"]], [["1"], ["2", "3", "4"], [], ["5"]]])
def test_batches_are_full_but_for_the_last(blocks):
    found = batches(["#user_id"], *blocks)
    assert [batch.num_rows for batch in found] == [2, 2, 1]
    assert pa.Table.from_batches(found).to_pydict() == {"#user_id": ["1", "2", "3", "4", "5"]}


def test_no_member_is_one_empty_batch():
    [batch] = batches(["#user_id", "value"])
    assert (batch.num_rows, batch.schema.names) == (0, ["#user_id", "value"])
    assert [one.num_rows for one in batches(["#user_id"], ["1", "2"])] == [2]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, None], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([True, None], pa.bool_()),
        (["a", None], pa.string()),
        (["a", 1], pa.string()),
        ([None], pa.string()),
    ],
)
def test_the_first_batch_tells_the_types(values, kind):
    [batch] = batches(["id", "value"], [("x", value) for value in values], size=10)
    assert batch.schema.field("value").type == kind
    expected = [str(one) if kind == pa.string() and one is not None else one for one in values]
    assert batch.column("value").to_pylist() == expected


def test_later_values_of_another_type():
    with refused(SchemaError, "member-value-of-other-type", column="value", kind="int64") as caught:
        batches(["id", "value"], [("a", 1), ("b", 2), ("c", "x")])
    assert caught.value.path == "rows[2]"
    text = pa.schema([("id", pa.string()), ("value", pa.large_string())])
    found = pa.Table.from_batches(batches(["id", "value"], [("a", 1), ("b", 2), ("c", "x")], schema=text))
    assert found.column("value").to_pylist() == ["1", "2", "x"]


def test_what_cannot_be_right():
    for size in (0, True, "2"):
        with refused(InvalidRequest, "must-be-at-least-one", name="size"):
            batches(["id"], size=size)
    with refused(InvalidRequest, "members-schema-width", columns="id, value"):
        batches(["id", "value"], schema=pa.schema([("id", pa.string())]))


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with refused(ConfigurationError, "members-without-pyarrow"):
        batches(["id"])


def test_members_have_them():
    async def act(members):
        return [batch async for batch in members.batches(2)]

    found = collected(Scripted(BODY), act=act)
    assert pa.Table.from_batches(found).to_pydict() == {"#user_id": ["1", "2", "3"]}
    body = b'["1",1,null,null]\n["2",2,null,null]\n["3",null,null,null]\n'
    found = collected(Scripted(body), act=act, tags=True, columns=["#account_id"])
    assert pa.Table.from_batches(found).to_pydict() == {"#account_id": ["1", "2", "3"], "value": [1, 2, None]}
