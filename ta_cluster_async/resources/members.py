"""Reading who is in a cluster or tag: by SQL, checked against what the server says of it before and after."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from math import ceil
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar, cast

from attrs import evolve

from ..client.deadline import Deadline
from ..errors import (
    HttpStatusError,
    MembersChanged,
    MembersIncomplete,
    MissingParameter,
    NotJson,
    SchemaError,
    TaError,
    TransportError,
)
from ..messages import Message
from ..models.members import MembersPosition
from ..protocol.endpoints import QUERY_SQL, SQL_PAGE, SQL_TASK, SUBMIT_SQL
from ..protocol.requests import Request, urlencoded
from ..protocol.result_rows import ErrorLine, RowReader
from ..protocol.sql import members_statement
from .member_batches import BatchMaker
from .state import read_detail

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
    from datetime import datetime

    import pyarrow as pa

    from ..client.api import ApiClient
    from ..client.stream import AnswerStream
    from ..models import ClusterDetail, JsonValue
    from ..models.members import MemberQuery
    from ..protocol.endpoints import Endpoint, Ref

T = TypeVar("T")

Rows: TypeAlias = "list[JsonValue]"
"""Lists of values; where there is one column, the values themselves."""
Convert: TypeAlias = "Callable[[Rows, int], list[T]]"
"""Makes members from rows; it is given how many rows came before, for its messages."""

_FIRST_TASK_POLL = 0.5
_LONGEST_TASK_POLL = 5.0
_FINISHED = "FINISHED"
_FIRST_ROW_ALONE = "return-code-missing"
"""What is said of a page that was cut right behind its first row, which is JSON and no envelope."""
_FAILED = frozenset({"FAILED", "CANCELED", "CANCELLED", "KILLED"})


class Members(Generic[T]):
    """The members of one cluster or tag. Nothing is sent before they are iterated, and each iteration reads them anew.

    The detail is read before, for the name and the count, and after. Rows come as the server sends them, in constant memory; a loop that
    ends early closes the connection.

    Attributes:
        expected: How many members the server counts (`usersNum`); None before the first iteration, and where the server does not say.
        count: How many have come.
        refresh_time: Of which computation they are, in the server's local time; None as for `expected`.

    Raises:
        MembersIncomplete: Fewer or more came than the server counts, or the answer broke off. Those that came are right as far as they go.
        MembersChanged: It was computed anew meanwhile, or is being computed.
        ApiError: The server refuses the statement, or ends it by its own time limit, also in the middle of the rows.
        TaError: As the class tree in `errors` says.
    """

    def __init__(
        self,
        client: ApiClient,
        project_id: int,
        ref: Ref,
        convert: Convert[T],
        *,
        query: MemberQuery,
        columns: Sequence[str] | None,
        with_value: bool,
        timeout: float | None,
        resume: MembersPosition | None,
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._ref = ref
        self._convert = convert
        self._query = query
        self._columns = columns
        self._with_value = with_value
        self._timeout = timeout
        self._resume = resume
        self.expected: int | None = None
        self.count: int = 0
        self.refresh_time: datetime | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of what each member has: the id or the columns that were asked for, and for a tag `value`."""
        named = (self._query.id_column,) if self._columns is None else tuple(self._columns)
        return (*named, "value") if self._with_value else named

    def __repr__(self) -> str:
        expected = "?" if self.expected is None else self.expected
        return f"<Members of {self._ref!r} in project {self._project_id}: {self.count} of {expected}>"

    def __aiter__(self) -> AsyncIterator[T]:
        return self._one_by_one()

    async def collect(self, *, limit: int | None = None) -> list[T]:
        """Return all members, or the first `limit`, of which it is not checked whether there are more.

        Raises:
            MembersIncomplete: As the class says; `members` of the error has those that came.
        """
        found: list[T] = []
        if limit is not None and limit <= 0:
            return found
        try:
            async with aclosing(self._blocks()) as blocks:
                async for block in blocks:
                    found += block
                    if limit is not None and len(found) >= limit:
                        return found[:limit]
        except MembersIncomplete as problem:
            problem.members = found
            raise
        return found

    async def batches(
        self, size: int = 65_536, *, schema: pa.Schema | None = None
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Yield the members as Arrow record batches of `size` rows; the last one has the rest. There is at least one.

        Their columns have the names that were asked for (the id without `columns=`), and `value` for that of a tag. Their types are those
        of the first batch's values: text, whole numbers, numbers, or booleans; text where all are null.

        Args:
            size: Rows of a batch.
            schema: The names and types, where the first batch does not tell enough.

        Raises:
            ConfigurationError: The extra `arrow` is not installed.
            SchemaError: A value has another type than its column.
        """
        maker = BatchMaker(self.columns, schema, size)
        async with aclosing(self._blocks()) as blocks:
            async for block in blocks:
                for batch in maker.add(block):
                    yield batch
        for batch in maker.end():
            yield batch

    async def _one_by_one(self) -> AsyncIterator[T]:
        async with aclosing(self._blocks()) as blocks:
            async for block in blocks:
                for member in block:
                    yield member

    async def _blocks(self) -> AsyncGenerator[list[T], None]:
        deadline = Deadline(self._timeout, self._client.upload_timeout)
        before = await self._detail(deadline)
        if before.progress is not None and 0 <= before.progress < 100:
            raise MembersChanged(Message("members-being-computed", progress=before.progress))
        self.expected, self.refresh_time = before.users_num, before.refresh_time
        self.count = self._resume.count if self._resume is not None else 0
        statement = members_statement(
            self._query,
            self._project_id,
            before.cluster_name,
            columns=self._columns,
            with_value=self._with_value,
        )
        read = self._read_stream if self._query.route == "stream" else self._read_task
        async with aclosing(read(statement, deadline)) as blocks:
            async for rows in blocks:
                found = self._convert(rows, self.count)
                self.count += len(found)
                yield found
        after = await self._detail(deadline)
        if (after.refresh_time, after.users_num, after.progress) != (
            before.refresh_time,
            before.users_num,
            before.progress,
        ):
            raise MembersChanged(Message("members-changed-meanwhile"))
        if not self._query.count_rows:
            return
        if self.expected is None:
            raise self._incomplete(Message("members-not-counted", count=self.count))
        if self.count != self.expected:
            raise self._incomplete(Message("members-miscounted", count=self.count, expected=self.expected))

    async def _detail(self, deadline: Deadline) -> ClusterDetail:
        seconds = min(deadline.left(), self._client.timeout)
        return await read_detail(self._client, self._project_id, self._ref, timeout=seconds)

    async def _read_stream(self, statement: str, deadline: Deadline) -> AsyncGenerator[Rows, None]:
        request = self._statement_request(QUERY_SQL, statement, deadline, streamed=True)
        async with aclosing(self._read_rows(request, deadline)) as blocks:
            async for rows in blocks:
                yield rows

    async def _read_task(self, statement: str, deadline: Deadline) -> AsyncGenerator[Rows, None]:
        query, start = self._query, self._resume
        if start is None:
            request = self._statement_request(SUBMIT_SQL, statement, deadline)
            task_id = await self._client.call(request, _task_id, timeout=deadline.left())
            start = MembersPosition(task_id, query.first_page, 0)
        result = await self._wait_for_task(start.task_id, deadline)
        pages = result.pages
        page = start.page
        while pages is None or page < query.first_page + pages:
            position = MembersPosition(start.task_id, page, self.count)
            try:
                rows = await self._read_page(position, deadline, result.rows_of(page - query.first_page))
            except MissingParameter:
                if pages is not None:
                    raise
                return  # past the end
            if not rows and pages is None:
                return
            yield rows
            page += 1

    async def _wait_for_task(self, task_id: str, deadline: Deadline) -> _Result:
        """Wait for the end of a submitted statement, and return what the server says of its result."""
        pause = _FIRST_TASK_POLL
        while True:
            request = Request(SQL_TASK, urlencoded([("taskId", task_id)]))
            info = await self._client.call(
                request, _task_info, timeout=min(deadline.left(), self._client.timeout)
            )
            status = info.get("status")
            if status == _FINISHED:
                return _Result.of(info.get("resultStat"), self._query.page_size)
            if status in _FAILED:
                raise self._incomplete(Message("members-query-failed", status=str(status)))
            await asyncio.sleep(min(pause, deadline.left()))
            pause = min(2 * pause, _LONGEST_TASK_POLL)

    async def _read_page(self, position: MembersPosition, deadline: Deadline, expected: int) -> Rows:
        """Return the rows of a page, which is read again where it breaks off or has fewer rows than expected."""
        query = self._query
        parameters = urlencoded([("taskId", position.task_id), ("pageId", position.page)])
        attempts = self._client.retry.attempts
        while True:
            request = Request(evolve(SQL_PAGE, method=query.result_method), parameters, streamed=True)
            rows: Rows = []
            try:
                async with aclosing(self._read_rows(request, deadline)) as blocks:
                    async for block in blocks:
                        rows += block
                if query.count_rows and len(rows) < expected:
                    # One that was cut between two lines looks whole.
                    count = self.count + len(rows)
                    raise self._incomplete(
                        Message("members-miscounted", count=count, expected=self.count + expected)
                    )
            except (MembersIncomplete, TransportError, HttpStatusError, NotJson, SchemaError) as problem:
                if isinstance(problem, SchemaError) and problem.what().code != _FIRST_ROW_ALONE:
                    raise
                attempts -= 1
                if attempts > 0 and deadline.at > asyncio.get_running_loop().time():
                    continue
                failure = self._incomplete(problem.what(), resume=position)
            else:
                return rows
            raise failure

    async def _read_rows(self, request: Request, deadline: Deadline) -> AsyncGenerator[Rows, None]:
        _, stream = await self._client.open_stream(request, _nothing, timeout=deadline.left())
        try:
            reader = RowReader(self._width)
            while True:
                data = await stream.read(self._seconds_to_read(deadline))
                if isinstance(data, TransportError):
                    raise self._incomplete(Message("members-cut", count=self.count, reason=data.what()))
                rows = self._rows_of(reader, data, stream, request.endpoint)
                if rows:
                    yield rows
                if not data:
                    return
        finally:
            stream.close()

    def _rows_of(self, reader: RowReader, data: bytes, stream: AnswerStream, endpoint: Endpoint) -> Rows:
        failure: TaError
        try:
            return reader.feed(data) if data else reader.end()
        except ErrorLine as line:
            told = stream.decode(line.body)
            failure = told if isinstance(told, TaError) else self._incomplete(Message("members-without-rows"))
        except SchemaError as problem:
            # A line without an end was cut.
            failure = (
                problem
                if data
                else self._incomplete(Message("members-cut", count=self.count, reason=problem.what()))
            )
        failure.endpoint = endpoint.name
        failure.attempts = 1
        raise failure.without_history()

    @property
    def _width(self) -> int:
        columns = 1 if self._columns is None else len(self._columns)
        return columns + len(self._query.value_columns) * self._with_value

    def _seconds_to_read(self, deadline: Deadline) -> float:
        left = deadline.at - asyncio.get_running_loop().time()
        if left <= 0:
            raise self._incomplete(Message("members-out-of-time", count=self.count))
        return min(left, self._client.timeout)

    def _incomplete(self, message: Message, *, resume: MembersPosition | None = None) -> MembersIncomplete:
        return MembersIncomplete(
            message, count=self.count, expected=self.expected, resume=resume, endpoint=None
        )

    def _statement_request(
        self, endpoint: Endpoint, statement: str, deadline: Deadline, *, streamed: bool = False
    ) -> Request:
        query = self._query
        parameters: list[tuple[str, str | int | None]] = [
            (query.sql_parameter, statement),
            ("format", "json"),
        ]
        if not streamed:
            parameters.append(("pageSize", query.page_size))
        if query.timeout_parameter:
            parameters.append((query.timeout_parameter, max(1, int(deadline.left()))))
        text = urlencoded(parameters)
        if query.sql_in == "form":
            return Request(endpoint, body=text.encode(), streamed=streamed)
        return Request(endpoint, text, streamed=streamed)


def to_ids(rows: Rows, before: int) -> list[str]:
    """Return the ids of rows with one column."""
    if set(map(type, rows)) <= {str}:
        return cast("list[str]", rows)
    return [row if type(row) is str else _id(row, before + index) for index, row in enumerate(rows)]


def to_rows(rows: Rows, before: int, *, columns: int) -> list[tuple[str | int | float | bool | None, ...]]:
    """Return rows of `columns` columns, behind which those of the value come, if there are any."""
    lists = cast("list[list[str]]", rows)
    _check_scalars(lists, before)
    if lists and len(lists[0]) > columns:
        return [(*row[:columns], _value(row, columns)) for row in lists]
    return [tuple(row) for row in lists]


def to_singles(rows: Rows, before: int) -> list[tuple[str | int | float | bool | None, ...]]:
    """Return rows of one column without a value."""
    return to_rows([[value] for value in rows], before, columns=1)


def to_pairs(rows: Rows, before: int) -> list[tuple[str, str | int | float | bool | None]]:
    """Return the id and the value of rows of a tag."""
    lists = cast("list[list[str]]", rows)
    _check_scalars(lists, before)
    return [
        (row[0] if type(row[0]) is str else _id(row[0], before + index), _value(row, 1))
        for index, row in enumerate(lists)
    ]


def _value(row: list[str], start: int) -> str | None:
    for value in row[start:]:
        if value is not None:
            return value
    return None


def _check_scalars(rows: list[list[str]], before: int) -> None:
    for index, row in enumerate(rows):
        for value in cast("list[JsonValue]", row):
            if type(value) is list or type(value) is dict:
                raise SchemaError(
                    Message("member-value-not-scalar", row=before + index + 1), path=f"rows[{before + index}]"
                )


def _id(value: JsonValue, index: int) -> str:
    if type(value) is int:
        return str(value)
    raise SchemaError(Message("member-id-not-text", row=index + 1), path=f"rows[{index}][0]")


def _nothing(_: JsonValue) -> None:
    return None


def _task_id(data: JsonValue) -> str:
    found = data.get("taskId") if isinstance(data, dict) else None
    if isinstance(found, str) and found:
        return found
    raise SchemaError(Message("sql-task-without-id"), path="data.taskId")


def _task_info(data: JsonValue) -> dict[str, JsonValue]:
    if isinstance(data, dict):
        return data
    raise SchemaError(Message("sql-task-without-status"), path="data")


class _Result(NamedTuple):
    """What the server says of a result in pages.

    Attributes:
        pages: How many there are; None where it does not say.
        rows: How many rows they have together; None where it does not say, or does not say how many a page has.
        size: Rows of each page but the last.
    """

    pages: int | None
    rows: int | None
    size: int

    @classmethod
    def of(cls, stat: JsonValue, page_size: int) -> _Result:
        """Read `resultStat`."""
        if not isinstance(stat, dict):
            return cls(None, None, page_size)
        pages, rows, size = stat.get("pageCount"), stat.get("rowCount"), stat.get("pageSize")
        is_sized = type(size) is int and size > 0
        each = cast("int", size) if is_sized else page_size
        if type(rows) is not int:
            return cls(pages if type(pages) is int else None, None, each)
        counted = ceil(rows / each)
        if type(pages) is not int:
            return cls(counted, rows if is_sized else None, each)
        # Numbers that do not fit together say nothing about one page.
        return cls(pages, rows if is_sized and pages == counted else None, each)

    def rows_of(self, index: int) -> int:
        """Return how many rows the page with this number from 0 has at least."""
        return 0 if self.rows is None else min(self.size, self.rows - index * self.size)
