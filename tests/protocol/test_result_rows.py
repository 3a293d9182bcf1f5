"""Rows of an SQL result: the same however the bytes are cut, and what is wrong is said with its row."""

import pytest

from ta_cluster_async.errors import SchemaError
from ta_cluster_async.protocol.result_rows import LONGEST_LINE, ErrorLine, RowReader
from tests.world import refused

ROWS = [["a\n1", 1], ["分群", None], ["", 2.5]]
TEXT = '["a\\n1",1]\n["分群",null]\n["",2.5]\n'.encode()


def read(*parts, width=2):
    reader = RowReader(width)
    return [row for part in parts for row in reader.feed(part)] + reader.end()


@pytest.mark.parametrize("at", range(len(TEXT) + 1))
def test_they_are_the_same_wherever_the_bytes_are_cut(at):
    assert read(TEXT[:at], TEXT[at:]) == ROWS


@pytest.mark.parametrize(
    "text",
    [
        TEXT.rstrip(b"\n"),
        TEXT.replace(b"\n", b"\r\n"),
        b"\n" + TEXT.replace(b"\n", b"\n\r\n"),
        b" " + TEXT + b"  ",
    ],
    ids=["no end", "CRLF", "blank lines", "blanks"],
)
def test_line_ends_and_blanks_change_nothing(text):
    assert read(text) == ROWS
    assert read(*(text[at : at + 1] for at in range(len(text)))) == ROWS


def test_they_are_counted():
    reader = RowReader(2)
    reader.feed(TEXT)
    reader.feed(b"\n" + TEXT[:-1])
    reader.end()
    assert reader.count == 6


def test_an_answer_without_rows():
    assert read(b"") == []
    assert read(b"\r\n") == []


@pytest.mark.parametrize(
    "line",
    [b'["b"]', b'["b",1,2]', b"5", b'"b"', b"null", b'["b",1', b"<html>", b'["b",1]["c",2]', b'["\xff",1]'],
)
@pytest.mark.parametrize("end", [b"", b"\n"], ids=["cut", "whole"])
def test_what_is_no_row_is_named_by_its_number(line, end):
    with refused(SchemaError, "member-line-broken", row=3, width=2) as caught:
        read(b'["a",1]\n["a",2]\n' + line + end)
    assert caught.value.path == "rows[2]"
    assert "html" not in str(caught.value)


@pytest.mark.parametrize("before", [b"", b'["a",1]\n'])
@pytest.mark.parametrize("end", [b"", b"\n", b'\n["b",1]\n'])
def test_an_object_is_the_envelope_of_an_error(before, end):
    envelope = b'{"return_code":-1,"return_message":"timeout"}'
    with pytest.raises(ErrorLine) as caught:
        read(before + envelope + end)
    assert caught.value.body == envelope


def test_a_line_that_never_ends_is_refused():
    reader = RowReader(1)
    reader.feed(b'["' + b"x" * (LONGEST_LINE - 2))
    with refused(SchemaError, "member-line-too-long", limit=LONGEST_LINE):
        reader.feed(b"x")


IDS = b'["a"]\r\n[1]\n["b"]'


def test_rows_of_one_value_are_their_values():
    assert read(IDS, width=1) == ["a", 1, "b"]
    assert read(b"\n" + IDS + b"\n\n", width=1) == ["a", 1, "b"]


@pytest.mark.parametrize(
    "text",
    [
        b'["a"]\n["a","b"]\n[]\n["c"]',
        b'["a","b"]\n["a]\n[b"]\n["c"]',
        b'["a"]\n["a]\n[b","c"]',
        b'["a"]\n[]\n["b","c"]',
        b'["a"]\n["b","c"]\n[ ]',
        b'["a"]\n{"b":["c"]\n["d"]}',
    ],
)
def test_rows_of_one_value_are_never_made_of_others(text):
    with pytest.raises((SchemaError, ErrorLine)):
        read(text, width=1)


@pytest.mark.parametrize(
    ("text", "width", "rows"),
    [
        (TEXT, 2, ROWS),
        (b'["a"]\n["b"]\n', 1, ["a", "b"]),
        (b'["a"]\r\n["b"]\r\n["c"]\r\n', 1, ["a", "b", "c"]),
    ],
)
def test_whole_lines_are_read_at_once_and_not_one_by_one(monkeypatch, text, width, rows):
    def slow(*_):
        raise AssertionError("the slow way")

    monkeypatch.setattr(RowReader, "_line_by_line", slow)
    assert RowReader(width).feed(text) == rows


def test_rows_come_with_the_end_of_their_line():
    reader = RowReader(1)
    assert reader.feed(b'["a"]\n["b') == ["a"]
    assert reader.feed(b'"]\n') == ["b"]


def test_blanks_within_a_row_are_no_ends_of_lines():
    assert read(b'["a b", 1]\n\n["c", 2]\n') == [["a b", 1], ["c", 2]]


def test_the_envelope_of_an_error_may_be_indented():
    with pytest.raises(ErrorLine):
        read(b'  {"return_code": -1}\n')


def test_the_row_at_the_end_comes_once():
    reader = RowReader(1)
    reader.feed(b'["a"]')
    assert reader.end() == ["a"]
    assert reader.end() == []
    assert reader.count == 1
