"""What is read as CSV, and what is refused with its line."""

from collections.abc import Callable
from typing import Any

import pytest

ADD, MODIFY, MODIFY_BY_NAME = (
    "import-id-cluster-add",
    "import-id-cluster-modify",
    "import-id-cluster-modify-by-name",
)
Start = Callable[..., Any]


@pytest.mark.parametrize(
    "body",
    [b"a\nb\n", b"a\r\nb\r\n", b"a\r\n\r\nb", b'"a"\r\n"b"\r\n', b"a\r\nb"],
    ids=["LF", "CRLF", "a blank line", "quotes", "no last line end"],
)
def test_line_ends_and_quotes_do_not_matter(server: Any, body: bytes) -> None:
    assert server.upload(ADD, body)["data"]["uploadNum"] == 2
    assert server.em.members(970) == {"a", "b"}


def test_a_quoted_id_may_contain_commas_quotes_and_line_ends(server: Any) -> None:
    server.upload(ADD, b'"a,b"\r\n"say ""hi"""\r\n"two\r\nlines"\r\n')

    assert server.em.members(970) == {"a,b", 'say "hi"', "two\r\nlines"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "第 1 行：没有数据"),
        (b"\r\n\r\n", "第 1 行：没有数据"),
        (b"a\r\nb,c\r\n", "第 2 行：有 2 列，应为 1 列"),
        (b"a\r\n\xff\r\n", "第 2 行：不是 UTF-8"),
        (b"a\r\nb\xe5", "第 2 行：不是 UTF-8"),
        (b"\xef\xbb\xbfa\r\n", "第 1 行：第一条记录之前有字节顺序标记"),
        ("a\r\nb\r\n".encode("utf-16-le"), "第 1 行：有空字符：UTF-16 不是 UTF-8"),
        (b'a\r\n"b\r\n', "第 2 行：不是 CSV"),
        (b"x" * 1_100_000, "第 1 行：一条记录超过 1 MiB"),
    ],
    ids=["empty", "blank", "columns", "bytes", "half a character", "BOM", "UTF-16", "quotes", "long"],
)
def test_a_csv_that_cannot_be_read_is_refused_with_its_line(server: Any, body: bytes, message: str) -> None:
    answer = server.upload(ADD, body)

    assert answer["return_code"] == server.em.settings.codes.bad_upload
    assert answer["return_message"].startswith(message)
    assert server.em.effects == []


def test_a_byte_order_mark_is_dropped_if_the_setting_says_so(start: Start) -> None:
    server = start(accept_bom=True)

    server.upload(ADD, b"\xef\xbb\xbfa\r\n")

    assert server.em.members(970) == {"a"}
