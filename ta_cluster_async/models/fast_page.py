"""The fast path from the bytes of a list answer to its page, where msgspec is installed (the extra `fast`).

msgspec checks the types while it parses, and makes no dict for each row. It takes only what the converter reads to the same models. For
anything else, such as an unknown key, it returns None, and the converter reads the page or reports what is wrong with it. The converter's
readers stay the one description of the models: msgspec's types are made from their slots.
"""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, cast

from .converter import converter
from .readers import AnswerReader, Scalar, read_column
from .responses import ClusterRow, Page, PagerResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def read_page(body: bytes) -> Page | None:
    """Read the whole answer to a list request. Returns None where the converter must read it: no success, an unknown key, no msgspec."""
    read = _reader()
    return None if read is None else read(body)


@cache
def _reader() -> Callable[[bytes], Page | None] | None:
    try:
        import msgspec  # noqa: PLC0415
    except ImportError:
        return None
    make_rows, row = _struct(ClusterRow)
    make_pagers, pager = _struct(PagerResult)
    keys = Page.wire_names
    page = _closed("Page", [("rows", list[row]), ("pager", pager)], keys)  # type: ignore[valid-type]
    answer = _closed("Answer", [("data", page), ("return_code", int), ("return_message", object, None)])
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(answer)

    def read(body: bytes) -> Page | None:
        try:
            found = decoder.decode(body)
        except (ValueError, RecursionError):
            return None
        if found.return_code != 0:
            return None
        rows, pagers = make_rows(found.data.rows), make_pagers([found.data.pager])
        return None if rows is None or pagers is None else Page(rows, pagers[0])

    return read


def _closed(name: str, fields: Sequence[Any], rename: Mapping[str, str] | None = None) -> type:
    """Make a type that refuses unknown keys, whose values msgspec would skip without checking them."""
    import msgspec  # noqa: PLC0415

    return msgspec.defstruct(name, fields, forbid_unknown_fields=True, gc=False, rename=rename)


def _struct(model: type[Any]) -> tuple[Callable[[Sequence[Any]], list[Any] | None], type]:
    """Return the function that makes models of msgspec's objects, and the type of these."""
    from msgspec.structs import astuple  # noqa: PLC0415

    reader = converter().get_structure_hook(model)
    assert isinstance(reader, AnswerReader)
    fields: list[Any] = []
    turned: list[tuple[int, Scalar, bool]] = []
    # The required fields come first, as in the model's constructor.
    for place, slot in enumerate(reader.slots):
        scalar = slot.read
        assert isinstance(scalar, Scalar)
        kind = reduce(or_, cast("frozenset[Any]", scalar.types))
        fields.append((slot.name, kind | None, None) if slot.optional else (slot.name, kind))
        if scalar.turn is not None:
            turned.append((place, scalar, slot.optional))

    def make(objects: Sequence[Any]) -> list[Any] | None:
        columns: list[Any] = list(zip(*map(astuple, objects), strict=True))
        if not columns:
            return []
        for place, scalar, optional in turned:
            column = read_column(scalar, columns[place], optional=optional)
            if column is None:
                return None
            columns[place] = column
        return list(map(model, *columns))

    return make, _closed(model.__name__, fields, {slot.name: slot.key for slot in reader.slots})
