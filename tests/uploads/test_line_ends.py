"""Line ends of CSV text: all that goes out has CRLF, and what stands within quotes stays as it is."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.errors import InvalidRequest
from ta_cluster_async.uploads.line_ends import LineEnds, end_of_record, has_line_feeds
from tests.uploads.sources import FORM, arrived, digest, upload, written
from tests.world import refused


@FORM
@pytest.mark.parametrize("header", [b"", b"\xef\xbb\xbf", b"id\n", b'\xef\xbb\xbf"the\nid"\n'])
def test_line_feeds_go_out_as_crlf(served, form, tmp_path, header):
    data = header + b'007\n"two\nlines"\n\n8\r\n"a ""b""\r\n,"\n9'

    async def story(world):
        result = await upload(world.clusters, form(data, tmp_path), header=b"id" in header)
        assert arrived(world) == digest(b'007\r\n"two\nlines"\r\n\r\n8\r\n"a ""b""\r\n,"\r\n9')
        assert result.upload_num == 5

    served(story)


@FORM
def test_text_with_crlf_goes_out_as_it_is(served, form, tmp_path):
    data = b'\xef\xbb\xbf"two\nlines"\r\n8\r\n9'

    async def story(world):
        await upload(world.clusters, form(data, tmp_path))
        assert arrived(world) == digest(data[3:])

    served(story)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_line_ends_are_whole_wherever_a_file_is_cut(served, monkeypatch, tmp_path, size):
    monkeypatch.setattr("ta_cluster_async.uploads.files._CHUNK", size)
    data = b'1\n"a\n\r\n""b"\r\n\n3\n4\r\n5\r'

    async def story(world):
        await upload(world.clusters, written(tmp_path / "ids.csv", data))
        assert arrived(world) == digest(b'1\r\n"a\n\r\n""b"\r\n\r\n3\r\n4\r\n5\r')

    served(story)


@FORM
@pytest.mark.parametrize(
    ("data", "header", "expected"),
    [
        (b'a"b\nc\n5" pipe\n"d\n"\n', False, b'a"b\r\nc\r\n5" pipe\r\n"d\n"\r\n'),
        (b"a\rb\rc", False, b"a\r\nb\r\nc"),
        (b'\xef\xbb\xbf"the\rid"\ra\rb\r', True, b"a\r\nb\r\n"),
        (b"id\r\na\nb\n", True, b"a\r\nb\r\n"),
        (b"id\na\r\nb\n", True, b"a\r\nb\r\n"),
        (b'5" id\r\na\r\nb\r\n', True, b"a\r\nb\r\n"),
    ],
)
def test_rows_go_out_with_crlf_whatever_ended_them(  # noqa: PLR0917
    served, form, tmp_path, data, header, expected
):
    async def story(world):
        result = await upload(world.clusters, form(data, tmp_path), header=header, require_match=0)
        assert arrived(world) == digest(expected)
        assert result.upload_num == len(list(csv.reader(io.StringIO(expected.decode(), newline=""))))

    served(story)


@pytest.mark.parametrize("lines", [1000, 600_000])
def test_the_line_that_is_not_utf_8_is_known_of_carriage_returns_too(served, tmp_path, lines):
    path = written(tmp_path / "ids.csv", b"a\r" * lines + b"\xff\r" + b"a\r" * lines)

    async def story(world):
        for rows in ({}, {"require_match": 0.5}):
            with refused(InvalidRequest, "text-not-utf-8", line=lines + 1):
                await upload(world.clusters, path, **rows)

    served(story)


def converted(text, end):
    """By hand: letter by letter."""
    made, quoted, may_open = [], False, True
    for place, letter in enumerate(text):
        if letter == '"':
            quoted, may_open = not quoted and may_open, quoted or may_open
            made.append(letter)
            continue
        is_end = letter == "\n" or (letter == end == "\r" and text[place + 1 : place + 2] != "\n")
        after_return = letter == "\n" and place and text[place - 1] == "\r"
        made.append("\r\n" if is_end and not after_return and not quoted else letter)
        may_open = may_open if quoted else letter in ",\r\n"
    return "".join(made)


@given(st.text(st.sampled_from('a,"\r\n'), max_size=30), st.lists(st.integers(1, 5)), st.sampled_from("\r\n"))
@settings(max_examples=300, deadline=None)
def test_any_text_in_any_parts_is_converted_as_if_letter_by_letter(text, sizes, end):
    data, parts = text.encode(), []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    ends = LineEnds(end.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ta_cluster_async.uploads.line_ends._SLICE", 3)
        made = b"".join(ends.convert(part) for part in (*filter(None, [*parts, data]), b""))
    assert made == converted(text, end).encode()


@pytest.mark.parametrize(
    ("text", "end", "bare"),
    [
        (b"", 0, False),
        (b"a", 0, False),
        (b"a\n", 2, True),
        (b"\n", 1, True),
        (b"a\r\nb\n", 3, False),
        (b'"a\n"\r\nb\n', 6, False),
        (b'"a\r\n"\nb\n', 6, True),
        (b'"a\n', 0, False),
        (b'a"\nb\n', 3, True),
        (b'"a"b"c\n",\n', 7, True),
        (b'a,,"b\n""",\r\n', 12, False),
    ],
)
def test_the_first_line_tells_which_ends_a_text_has(text, end, bare):
    assert (end_of_record(text), has_line_feeds(text)) == (end, bare)
