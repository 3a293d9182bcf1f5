"""Members as Arrow record batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigurationError, InvalidRequest, SchemaError
from ..messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa


class BatchMaker:
    """Cuts members into batches of the same size and schema.

    Raises:
        ConfigurationError: The extra `arrow` is not installed.
        InvalidRequest: `size` is no positive int, or the schema has another number of columns.
    """

    def __init__(self, names: Sequence[str], schema: pa.Schema | None, size: int) -> None:
        if type(size) is not int or size < 1:
            raise InvalidRequest(Message("must-be-at-least-one", name="size"))
        if schema is not None and len(schema) != len(names):
            raise InvalidRequest(Message("members-schema-width", columns=", ".join(names)))
        try:
            import pyarrow as pa  # noqa: PLC0415
        except ImportError:
            raise ConfigurationError(Message("members-without-pyarrow")) from None
        self._pa = pa
        self._names = names
        self._schema = schema
        self._size = size
        self._waiting: list[object] = []
        self._row = 0

    def add(self, members: Sequence[object]) -> Iterator[pa.RecordBatch]:
        """Yield the batches that are full with these."""
        self._waiting += members
        while len(self._waiting) >= self._size:
            full, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            yield self._batch(full)

    def end(self) -> Iterator[pa.RecordBatch]:
        """Yield the last batch, if there are members left or was none."""
        if self._waiting or not self._row:
            yield self._batch(self._waiting)

    def _batch(self, members: Sequence[object]) -> pa.RecordBatch:
        pa = self._pa
        columns: list[list[object]] = (
            [list(column) for column in zip(*members, strict=True)]
            if members and isinstance(members[0], tuple)
            else [list(members)]
        )
        if not members:
            columns = [[] for _ in self._names]
        if self._schema is None:
            kinds = [self._kind(column) for column in columns]
            self._schema = pa.schema(list(zip(self._names, kinds, strict=True)))
        arrays = []
        for column, wanted in zip(columns, self._schema, strict=True):
            is_text = pa.types.is_string(wanted.type) or pa.types.is_large_string(wanted.type)
            has_others = is_text and not {type(value) for value in column} <= {str, type(None)}
            values = [_text(value) for value in column] if has_others else column
            try:
                arrays.append(pa.array(values, wanted.type))
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
                message = Message("member-value-of-other-type", column=wanted.name, kind=str(wanted.type))
                raise SchemaError(message, path=f"rows[{self._row}]") from None
        self._row += len(members)
        return pa.record_batch(arrays, schema=self._schema)

    def _kind(self, column: Sequence[object]) -> pa.DataType:
        pa = self._pa
        types = {type(value) for value in column if value is not None}
        if types == {bool}:
            return pa.bool_()
        if types == {int}:
            return pa.int64()
        if types and types <= {int, float}:
            return pa.float64()
        return pa.string()


def _text(value: object) -> object:
    return value if value is None or isinstance(value, str) else str(value)
