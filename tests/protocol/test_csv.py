"""The CSV text of an upload."""

import csv as stdlib_csv
import io
import math
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.messages import Message
from ta_cluster_async.protocol.csv import Dropped, check_start, encode_ids, encode_pairs

pd: Any = pytest.importorskip("pandas")

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda text: text.strip() and not text.startswith("\ufeff")
)
ids_of_users = texts.filter(lambda text: "\n" not in text and "\r" not in text)


def parse(data: bytes) -> list[list[str]]:
    return list(stdlib_csv.reader(io.StringIO(data.decode(), newline="")))


def test_the_sample_of_the_specification_comes_out_byte_by_byte() -> None:
    # Five ids in 43 bytes: the trace of the specification's curl command.
    data = encode_ids(["111111", "222222", "3333333", "4444444", "5555555"], 1)
    assert data == b"111111\r\n222222\r\n3333333\r\n4444444\r\n5555555\r\n"
    assert len(data) == 43


@given(st.lists(ids_of_users))
def test_any_ids_are_read_back_by_a_csv_reader(ids: Any) -> None:
    assert parse(encode_ids(ids, 1)) == [[value] for value in ids]


@given(st.lists(st.tuples(ids_of_users, texts | st.none())))
def test_any_pairs_are_read_back_by_a_csv_reader(pairs: Any) -> None:
    assert parse(encode_pairs(pairs, 1)) == [[value, tag or ""] for value, tag in pairs]


@given(st.lists(st.integers()))
def test_ints_are_written_as_digits(ids: Any) -> None:
    assert encode_ids(ids, 1).split() == [str(value).encode() for value in ids]


def test_the_integers_of_another_library_are_written_as_digits() -> None:
    class Int64:
        def __index__(self) -> Any:
            return 7

    assert encode_ids([Int64()], 1) == b"7\r\n"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("a,b", b'"a,b"'),
        ('a"b', b'"a""b"'),
        (" a ", b" a "),
        ("名", "名".encode()),
    ],
)
def test_only_what_needs_it_is_quoted(value: Any, line: Any) -> None:
    assert encode_ids([value], 1) == line + b"\r\n"


def test_no_rows_are_no_bytes() -> None:
    assert encode_ids([], 1) == encode_pairs([], 1) == b""


@pytest.mark.parametrize("value", ["", "  ", "\t\n", None, 1.5, True, b"a", ["a"], "\ud800"])
def test_a_value_that_is_no_id_is_refused_by_its_row(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="row 12"):
        encode_ids(["a", "b", value], 10)


@pytest.mark.parametrize("row", ["ab", ("a",), ("a", "b", "c"), 5, None, {"a": 1}, {"a", "b"}])
def test_a_row_that_is_no_pair_is_refused_by_its_row(row: Any) -> None:
    with pytest.raises(InvalidRequest, match="Row 1 must be a pair"):
        encode_pairs([row], 1)


@pytest.mark.parametrize(
    "pair", [("", "x"), (None, "x"), ("a", 1.5), ("a", True), ("a", "  "), ("a", "\ud800")]
)
def test_a_pair_with_a_value_of_the_wrong_kind_is_refused(pair: Any) -> None:
    with pytest.raises(InvalidRequest, match="row 3") as caught:
        encode_pairs([("a", "b"), pair], 2)
    named = Message("row-id" if pair[0] != "a" else "row-tag-value")
    assert caught.value.params.get("what", named) == named


@pytest.mark.parametrize("value", ["a\n", "a\r\n", "\na", "a\rb"])
def test_an_id_with_a_line_break_is_refused_and_a_tag_value_is_quoted(value: Any) -> None:
    for encode, rows in ((encode_ids, ["a", value]), (encode_pairs, [("a", "b"), (value, "b")])):
        with pytest.raises(InvalidRequest, match="row 2 contains a line break"):
            encode(rows, 1)
    assert encode_pairs([("a", value)], 1) == b'a,"' + value.encode() + b'"\r\n'


def test_a_member_of_an_enumeration_is_its_value() -> None:
    class Tier(str, Enum):  # noqa: UP042  (its text is another one)
        GOLD = "gold"

    assert encode_ids([Tier.GOLD], 1) == b"gold\r\n"
    assert encode_pairs([(Tier.GOLD, Tier.GOLD)], 1) == b"gold,gold\r\n"


MISSING = [
    None,
    math.nan,
    Decimal("NaN"),
    np.float64("nan"),
    np.float32("nan"),
    pd.NA,
    pd.NaT,
]


@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_what_stands_for_no_value_is_no_id_and_an_empty_tag_value(missing: Any) -> None:
    dropped = Dropped()
    assert encode_ids(["a", missing, "b"], 1, dropped) == b"a\r\nb\r\n"
    assert encode_pairs([(missing, "a"), ("b", missing)], 1, dropped) == b"b,\r\n"
    assert dropped.num == 2
    with pytest.raises(InvalidRequest) as caught:
        encode_ids([missing], 7)
    assert caught.value.what() == Message("row-id-missing", row=7)


@pytest.mark.parametrize("empty", [None, ""])
def test_a_tag_value_may_be_left_empty(empty: Any) -> None:
    assert encode_pairs([("a", empty)], 1) == b"a,\r\n"


def test_the_value_itself_is_never_in_the_message() -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode_ids([b"private-id"], 1)
    assert "private" not in str(caught.value)


def test_a_byte_order_mark_before_the_first_id_is_left_out() -> None:
    assert encode_ids(["\ufeffa", "b"], 1) == b"a\r\nb\r\n"
    assert encode_pairs([("\ufeffa", "x")], 1) == b"a,x\r\n"
    assert encode_ids(["\ufeffa"], 2) == "\ufeffa\r\n".encode()


SOURCE = Message("file-source", path="ids.csv")


def test_a_file_may_start_with_a_utf8_mark_and_not_with_a_utf16_mark() -> None:
    assert check_start(b"\xef\xbb\xbf1\r\n", SOURCE) == 3
    assert check_start(b"1\r\n", SOURCE) == check_start(b"", SOURCE) == 0
    for mark in (b"\xff\xfe1\x00", b"\xfe\xff\x001"):
        with pytest.raises(InvalidRequest, match=r"ids\.csv starts with a UTF-16"):
            check_start(mark, SOURCE)


def test_rows_without_an_id_are_left_out_and_counted_where_that_is_wanted() -> None:
    dropped = Dropped()
    assert encode_ids(["a", None, 7, "", " \t", "b,c"], 1, dropped) == b'a\r\n7\r\n"b,c"\r\n'
    assert dropped.num == 3
    assert encode_pairs([("a", 1), (None, 2), (" ", 3), ("b", None)], 1, dropped) == b"a,1\r\nb,\r\n"
    assert dropped.num == 5


@pytest.mark.parametrize("dropped", [None, Dropped()])
def test_a_mistake_in_a_row_is_reported_with_its_number_and_column(dropped: Dropped | None) -> None:
    def said(encode: Any, rows: Any) -> str:
        with pytest.raises(InvalidRequest) as caught:
            encode(rows, 10, dropped)
        return caught.value.message

    assert (
        said(encode_ids, ["a", "b\0"])
        == "The id of row 11 contains a NUL character, which CSV cannot express."
    )
    assert said(encode_pairs, [("b", "\0")]).startswith("The tag value of row 10 contains a NUL")
    assert said(encode_pairs, [("a", "b"), (1.5, "b")]) == (
        "The id of row 11 must be a str, an int or a Decimal, not float."
    )
    assert said(encode_pairs, [("a", 1.5)]) == (
        "The tag value of row 10 must be a str, an int or a Decimal, not float."
    )
    assert said(encode_pairs, ["ab"]) == ("Row 10 must be a pair of an id and a tag value, not str.")


def test_an_id_that_is_missing_may_be_passed_over_and_a_wrong_one_not() -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode_ids([None], 1)
    assert caught.value.message == ('The id of row 1 is missing. Leave it out, or pass on_null="skip".')


def test_a_byte_order_mark_is_removed_only_before_the_first_id() -> None:
    assert encode_ids(["\ufeff\ufeffa"], 1) == "\ufeffa\r\n".encode()
    assert encode_ids(["a", "\ufeffb"], 1) == "a\r\n\ufeffb\r\n".encode()
