"""Answers that are meant to harm: small on the wire or as bytes, and large as text, as objects or in time.

Each is made for a limit: what the endpoint may answer at most, in bytes. Some are a little shorter, and what is in them is too much; others
are longer, or never end.
"""

from __future__ import annotations

import gzip
import itertools
import zlib
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Bomb: TypeAlias = Callable[[int], Iterable[bytes]]
    """The bytes that the server writes, in pieces, for a limit."""

_HEAD = b'{"return_code":0,"return_message":"success","data":'


def _http(body: bytes, status: str = "200 OK", *headers: str) -> list[bytes]:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return ["\r\n".join(lines).encode(), body]


def _data(make: Callable[[int], bytes], share: float = 0.9, status: str = "200 OK") -> Bomb:
    """The data of an envelope, of about a share of the limit."""
    return lambda limit: _http(_HEAD + make(int(share * limit) - 100) + b"}", status)


def _repeat(unit: bytes, share: float = 0.9, *, start: bytes = b"", end: bytes = b"") -> Bomb:
    return _data(lambda size: start + unit * (size // len(unit)) + end, share)


def _array(item: bytes, share: float = 0.9) -> Bomb:
    return _repeat(item + b",", share, start=b"[", end=b"0]")


def _body(unit: bytes, share: float, status: str = "200 OK", *headers: str) -> Bomb:
    return lambda limit: _http(unit * int(share * limit / len(unit)), status, *headers)


def _compressed(
    unit: bytes,
    share: float,
    compress: Callable[[bytes], bytes] = gzip.compress,
    coding: str = "gzip",
    status: str = "200 OK",
) -> Bomb:
    def bomb(limit: int) -> list[bytes]:
        text = _HEAD + b"[" + unit * int(share * limit / len(unit)) + b"0]}"
        return _http(compress(text), status, f"Content-Encoding: {coding}")

    return bomb


def _members(member: bytes, share: float) -> Bomb:
    return _body(gzip.compress(member), share, "200 OK", "Content-Encoding: gzip")


def _raw_deflate(text: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text) + packer.flush()


def _nested(opening: bytes, closing: bytes) -> Bomb:
    def make(size: int) -> bytes:
        levels = size // (len(opening) + len(closing))
        return opening * levels + closing * levels

    return _data(make)


def _hidden_depth(size: int) -> bytes:
    """Arrays within arrays, with strings that look like their ends."""
    levels = min(size // 20, 20_000)
    return b'["]",' * levels + b"0" + b',"["]' * levels


def _chains(size: int) -> bytes:
    """As deep as the limit again and again, which is slow to take apart."""
    chain = b"[" * 190 + b"]" * 190
    return b"[" + b",".join([chain] * (size // 400)) + b"]"


def _distinct_keys(size: int) -> bytes:
    return b"{" + b",".join(b'"%x":0' % number for number in range(size // 12)) + b"}"


def _endless(first: bytes, unit: bytes) -> Bomb:
    return lambda _: itertools.chain([first], itertools.repeat(unit * max(1, 65536 // len(unit))))


def _error(text: str, share: float = 0.9) -> Bomb:
    """A refusal with a long text in place of X."""
    start, _, end = text.partition("X")
    return lambda limit: _http(start.encode() + b"x" * int(share * limit) + end.encode())


_EMPTY_BLOCK = b"\0\0\0\xff\xff"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_GZIP_HEAD = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"

BOMBS: dict[str, Bomb] = {
    # long
    "blanks": _body(b" ", 3),
    "blanks in front": _body(b" ", 0.99),
    "a long string": _repeat(b"x", 3, start=b'"', end=b'"'),
    "zeros": _body(b"0", 0.99),
    "not UTF-8": _body(b"\xff", 0.99),
    "a byte order mark": _body(b"\xef\xbb\xbf", 0.99),
    # wide
    "a string": _repeat(b"x", start=b'"', end=b'"'),
    "a string with an emoji": _repeat(b"x", start=b'"\xf0\x9f\x98\x80', end=b'"'),
    "a string with an escaped emoji": _repeat(b"x", start=b'"\\ud83d\\ude00', end=b'"'),
    "an emoji at the end": _repeat(b"x", start=b'"', end=b'\\ud83d\\ude00"'),
    "Chinese": _repeat("鲸".encode(), start=b'"', end=b'"'),
    "Latin": _repeat("é".encode(), start=b'"', end=b'"'),
    "escapes": _repeat(b"\\u0041", start=b'"', end=b'"'),
    "short escapes": _repeat(b"\\n", start=b'"', end=b'"'),
    "escaped quotes": _repeat(b'\\"', start=b'"', end=b'"'),
    "backslashes": _repeat(b"\\", start=b'"', end=b'"'),
    # deep
    "open arrays": _repeat(b"["),
    "open objects": _repeat(b'{"":'),
    "closed arrays": _nested(b"[", b"]"),
    "closed objects": _nested(b'{"a":', b"}"),
    "arrays and objects": _nested(b'[{"a":', b"}]"),
    "a little too deep": _data(lambda _: b"[" * 201 + b"]" * 201),
    "depth behind strings": _data(_hidden_depth),
    "many deep chains": _data(_chains),
    "only ends": _repeat(b"]"),
    # many
    "empty arrays": _array(b"[]"),
    "empty objects": _array(b"{}"),
    "objects": _array(b'{"a":0}'),
    "objects of objects": _array(b'{"a":{"b":{}}}'),
    "distinct keys": _data(_distinct_keys),
    "one key": _repeat(b'"a":0,', start=b"{", end=b'"a":0}'),
    "digits": _array(b"0"),
    "decimals": _array(b"1.5"),
    "strings": _array(b'"xx"'),
    "empty strings": _array(b'""'),
    "brackets in strings": _array(b'"["'),
    "nulls": _array(b"null"),
    "commas": _repeat(b","),
    "quotes": _repeat(b'"'),
    "minus signs": _repeat(b"-"),
    # long numbers
    "a long integer": _repeat(b"7"),
    "a long decimal": _repeat(b"3", start=b"1."),
    "a long exponent": _repeat(b"3", start=b"1e"),
    "long integers": _array(b"7" * 4000),
    "long decimals": _array(b"7" * 300 + b".5"),
    "integers not quite too long": _array(b"7" * 499),
    # compressed
    "gzip of blanks": _compressed(b" ", 64),
    "gzip of arrays": _compressed(b"[],", 16),
    "gzip within the limit": _compressed(b" ", 0.9),
    "gzip of nested arrays": _compressed(b"[", 16),
    "gzip of a string": _compressed(b'"xxxxxxxxxxxxxxxx",', 32),
    "deflate": _compressed(b" ", 64, zlib.compress, "deflate"),
    "raw deflate": _compressed(b" ", 64, _raw_deflate, "deflate"),
    "gzip of an error page": _compressed(b"<p>sorry</p>", 64, status="502 Bad Gateway"),
    "gzip in gzip": _compressed(b" ", 64, lambda text: gzip.compress(gzip.compress(text))),
    "empty members": _members(b"", 3),
    "members of a byte": _members(b" ", 3),
    "a broken gzip": _compressed(b" ", 64, lambda text: gzip.compress(text)[:-30]),
    "empty members without end": _endless(_GZIP_HEAD, gzip.compress(b"")),
    # in pieces
    "chunks of a byte": _endless(_CHUNKED, b"1\r\n \r\n"),
    "chunks without end": _endless(_CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "no end": _endless(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" "),
    "a head without end": _endless(b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n"),
    "a header without end": _endless(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "a trailer without end": _endless(_CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-Y: z\r\n"),
    # pages
    "an error page": _body(b"<p>sorry</p>", 3, "502 Bad Gateway"),
    "a long title": _body(b"<title>", 3, "503 Service Unavailable"),
    "an error of nested arrays": _body(b"[", 0.99, "500 Internal Server Error"),
    "an error of many values": _body(b"[],", 3, "404 Not Found"),
    "an error of one long line": _body("错".encode(), 3, "500 Internal Server Error"),
    "a long message": _error('{"return_code":-1,"return_message":"X"}'),
    "a long stack": _error('{"return_code":-1,"return_message":"no","stackMessage":"X"}'),
    "a deep message": lambda limit: _http(
        b'{"return_code":-1,"return_message":' + b"[" * (limit // 3) + b"]" * (limit // 3) + b"}"
    ),
    "a long wait": _body(b"{}", 0.1, "429 Too Many Requests", "Retry-After: " + "9" * 5000),
}
"""All bombs by name."""

ENDLESS: dict[str, Bomb] = {
    "a promise of a petabyte": lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n{"],
    "heads without end": _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunks of nothing": _endless(_CHUNKED, b"1;" + b"x" * 5000 + b"\r\n \r\n"),
    "a byte at a time": lambda _: itertools.chain(
        [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"], itertools.repeat(b" ")
    ),
    "a chunk at a time": lambda _: itertools.chain([_CHUNKED], itertools.repeat(b"1\r\n \r\n")),
    "blocks of nothing": lambda _: itertools.chain(
        [_GZIP_HEAD, zlib.compressobj(wbits=31).flush(zlib.Z_SYNC_FLUSH)],
        itertools.repeat(_EMPTY_BLOCK * 10_000),
    ),
    "a member at a time": lambda _: itertools.chain([_GZIP_HEAD], itertools.repeat(gzip.compress(b""))),
    "a header at a time": lambda _: itertools.chain(
        [b"HTTP/1.1 200 OK\r\n"], (b"X-%d: y\r\n" % number for number in itertools.count())
    ),
}
"""Those that only the end of the time ends. The server writes their pieces with a pause after each."""


def _lines(line: bytes, size: int, *headers: str) -> Bomb:
    """Lines of this kind, of so many bytes together."""
    return lambda _: _http(line * (size // len(line)), "200 OK", *headers)


def _line(item: bytes, end: bytes = b"0]\n") -> Bomb:
    """One line that is nearly as long as a line may be."""
    return lambda _: _http(b"[" + item * (250_000 // len(item)) + end)


ROWS: dict[str, Bomb] = {
    "a line of empty arrays": _line(b"[],"),
    "a line of objects": _line(b'{"a":0},'),
    "a line of nested arrays": _line(b"[", b"]" * 10_000 + b"\n"),
    "a line of open arrays": _line(b"[", b"\n"),
    "a line of digits": _line(b"7", b"]\n"),
    "a line of long integers": _line(b"7" * 4000 + b","),
    "a line of distinct texts": _line(b'"\\ud83d\\ude00",', b'""]\n'),
    "a line without end": lambda _: _http(b'["' + b"x" * 3_000_000),
    "blank lines": _lines(b"\n", 8_000_000),
    "carriage returns": _lines(b"\r", 8_000_000),
    "rows of nothing": _lines(b"[]\n", 3_000_000),
    "rows of arrays": _lines(b"[[]]\n", 5_000_000),
    "rows of two": _lines(b'["a",1]\n', 5_000_000),
    "an error of nested arrays": lambda _: _http(b'{"return_code":' + b"[" * 250_000 + b"\n"),
    "an error of many values": lambda _: _http(b'{"return_code":-1,"data":[' + b"0," * 120_000 + b"0]}\n"),
    "gzip of blank lines": lambda _: _http(
        gzip.compress(b"\n" * 64_000_000), "200 OK", "Content-Encoding: gzip"
    ),
    "gzip of a line": lambda _: _http(gzip.compress(b"[" * 64_000_000), "200 OK", "Content-Encoding: gzip"),
}
"""Rows of members."""

ENDLESS_ROWS: dict[str, Bomb] = {
    "rows without end": _endless(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b'["a"]\n'),
    "blank lines without end": _endless(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"\n"),
    "members of gzip without end": _endless(_GZIP_HEAD, gzip.compress(b"\n" * 1_000_000)),
}
"""Rows of members that only the end of the time ends."""
