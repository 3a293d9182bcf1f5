"""Server times as the API writes them, one at a time and many at once."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.models.times import parse_time, parse_times, time_text

TIMES = st.datetimes().map(lambda time: time_text(time.replace(microsecond=0)))
OTHERS = [
    "",
    "2020-01-10",
    "2020-01-10T10:51:14",
    "2020-01-10 10.51.14",
    "2020-01-10 10:51+08",
    "2020-02-30 00:00:00",
    "2020-W01-1 10:51:14",
    "20200110 10:51:14.0",
    "２０２０-01-10 10:51:14",
    "2020-01-10 10:51:14.5",
]


@settings(deadline=None)
@given(TIMES)
def test_a_time_that_was_written_is_read_as_the_same(text: str) -> None:
    time = parse_time(text)
    assert isinstance(time, datetime)
    assert time_text(time) == text


@pytest.mark.parametrize("text", OTHERS)
def test_other_text_is_no_time(text: str) -> None:
    assert parse_time(text) is None
    assert parse_times([text]) is None
    assert parse_times(["2020-01-10 10:51:14", text]) is None


@settings(deadline=None)
@given(st.lists(TIMES, min_size=1))
def test_many_times_are_read_as_each_alone(texts: list[str]) -> None:
    assert parse_times(texts) == [parse_time(text) for text in texts]


@settings(deadline=None)
@given(st.lists(st.text("0129-: TW", min_size=18, max_size=20) | TIMES, min_size=1, max_size=3))
def test_many_texts_are_times_when_each_is_one(texts: list[str]) -> None:
    alone = [parse_time(text) for text in texts]
    assert parse_times(texts) == (None if None in alone else alone)
