"""Line ends of CSV text: all that goes out has CRLF, and what stands within quotes stays as it is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ta_cluster_async.uploads.line_ends import LineEnds, end_of_record, has_line_feeds
from tests.uploads.sources import FORM, arrived, digest, upload, written


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


def converted(text):
    """By hand: letter by letter."""
    made, quoted = [], False
    for place, letter in enumerate(text):
        quoted ^= letter == '"'
        bare = letter == "\n" and not quoted and (place == 0 or text[place - 1] != "\r")
        made.append("\r\n" if bare else letter)
    return "".join(made)


@given(st.text(st.sampled_from('a"\r\n'), max_size=30), st.lists(st.integers(1, 5)))
@settings(max_examples=200, deadline=None)
def test_any_text_in_any_parts_is_converted_as_if_letter_by_letter(text, sizes):
    data, parts = text.encode(), []
    for size in sizes:
        parts.append(data[:size])
        data = data[size:]
    ends = LineEnds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ta_cluster_async.uploads.line_ends._SLICE", 3)
        made = b"".join(ends.convert(part) for part in (*filter(None, [*parts, data]), b""))
    assert made == converted(text).encode()


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
    ],
)
def test_the_first_line_tells_which_ends_a_text_has(text, end, bare):
    assert (end_of_record(text), has_line_feeds(text)) == (end, bare)
