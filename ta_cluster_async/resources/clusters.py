"""The clusters and the tags of a project. Both have the same verbs; `base` has those that do not differ."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, overload

from ..errors import InvalidRequest
from ..messages import Message
from ..models import (
    Catalog,
    ConditionCluster,
    ConditionTag,
    FirstLastTag,
    QuotaTag,
)
from ..protocol.csv import encode_ids, encode_pairs
from ..uploads.options import MAX_COLUMNS, MAX_LINE, UploadOptions
from .base import CatalogResource
from .members import to_ids, to_pairs, to_rows, to_singles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..models import ClusterDetail, UploadResult
    from ..models.members import MemberQuery, MemberRow, MembersPosition, MemberValue
    from ..protocol.endpoints import Ref
    from ..uploads.options import OnNull
    from ..uploads.progress import OnProgress
    from ..uploads.source import IdSource, PairSource
    from .members import Members


class Clusters(CatalogResource):
    """The clusters (分群) of a project."""

    catalog = Catalog.CLUSTER
    _kinds = (ConditionCluster,)
    _encode = staticmethod(encode_ids)
    _columns = 1

    async def create(
        self,
        definition: ConditionCluster | ClusterDetail | Mapping[str, object],
        *,
        timeout: float | None = None,
    ) -> int:
        """Create a condition cluster, whose first computation the server starts by itself, and return its id (spec: 添加条件分群).

        A `detail` of another cluster under a new `cluster_name` makes a copy with all that the server knows of its definition.
        It is never sent twice. When the answer is lost, a cluster with this name and definition is looked up and taken for the new one.

        Raises:
            OutcomeUnknown: The answer was lost and no such cluster was found.
        """
        return await self._create(definition, timeout)

    async def upload(
        self,
        source: IdSource,
        *,
        display_name: str,
        main_column: str,
        name: str | None = None,
        remarks: str | None = None,
        column: str | None = None,
        header: bool = False,
        on_null: OnNull | None = None,
        require_match: float | None = None,
        on_progress: OnProgress | None = None,
        max_line: int = MAX_LINE,
        max_columns: int = MAX_COLUMNS,
        timeout: float | None = None,
    ) -> UploadResult:
        """Create a cluster of uploaded ids (spec: 创建上传ID分群或标签).

        The ids go out as UTF-8 without BOM and header, one per line, quoted only where a value needs it. The CSV of a file or of bytes goes
        out as it is, with CRLF where its first line ends in a line feed, and is checked for UTF-8 and NUL on the way; with `column` or
        `on_null` it is read row by row. Ids keep their text: leading zeros, all digits of integers and decimals. Columns of other types,
        such as floats, are refused.

        Args:
            source: A path (`.parquet` or a folder of Parquet files, `.gz` or `.zst` for compressed CSV, all else CSV), the bytes of a CSV, a binary
                file, anything with the Arrow C stream interface (a table or reader of pyarrow, a frame of polars or pandas, a DuckDB relation), or an iterable or async
                iterable of ids. Parquet, Arrow and zstd need the extra `arrow`. Files, Arrow data and iterables are read in worker threads,
                one read at a time, Arrow data some parts ahead; a file is left open, a generator is closed. What must be read in the
                thread of the caller, such as a cursor of sqlite3, is passed as a list or an async generator, or the connection is opened
                with `check_same_thread=False`. A source that can be read from
                its start again (not an iterator, a stream or a pipe) may be, after a failure that certainly had no effect.
            display_name: The name that TA shows, up to 50 characters.
            main_column: The property that the ids are matched with, such as `#account_id`.
            name: The name; when None the server makes one up, and an upload of unknown outcome cannot be found again.
            remarks: A note.
            column: The column with the ids; may be left out where there is only one. CSV text needs `header=True` for it.
            header: The first line of a CSV is a header, which is not sent.
            on_null: `refuse` raises for a null or blank id, with its row (from 1, without the header); `skip` leaves the row out and counts
                it in `skipped_num`. None is `refuse`, except that CSV that goes out as it is is not checked for them. Empty lines of a CSV
                are not rows.
            require_match: The share of the records, 0 to 1, that must match a user.
            on_progress: Called in the event loop with an `UploadProgress`, at most ten times a second and at the end. An error that it
                raises ends the upload, though the server may have taken it when `done` is True.
            max_line: Characters of the longest row of a CSV that is read row by row, and of the longest header. A longer one is refused
                before it is in memory.
            max_columns: The most columns of a CSV's header.
            timeout: Seconds for everything; the session's `upload_timeout` when None.

        Raises:
            InvalidRequest: The source has no rows, a row is wrong (the message says which), it cannot be read, or a file was written to
                while it was read.
            SourceChanged: The file was written to while it was sent, which showed only when the server had taken it. The cluster exists.
            MatchTooLow: It matches fewer users than `require_match`, or the server does not say enough to tell. The cluster exists.
            OutcomeUnknown: The answer was lost, and there is no name, or no cluster under it that can be this upload. A cluster is taken for
                it if nothing had the name before, the display name is the same, all rows were sent, and it has no more users than there
                were rows: the API shows no count of uploaded records to compare. Such a result has only `user_num` of the counts.
            ConfigurationError: The extra `arrow` is not installed.
            Exception: Whatever the source itself or `on_progress` raises.
        """
        options = UploadOptions(
            column=column,
            header=header,
            on_null=on_null,
            require_match=require_match,
            on_progress=on_progress,
            max_line=max_line,
            max_columns=max_columns,
        )
        return await self._upload(source, options, display_name, main_column, name, remarks, timeout)

    async def replace_upload(
        self,
        ref: Ref,
        source: IdSource,
        *,
        display_name: str | None = None,
        main_column: str | None = None,
        remarks: str | None = None,
        column: str | None = None,
        header: bool = False,
        on_null: OnNull | None = None,
        require_match: float | None = None,
        on_progress: OnProgress | None = None,
        max_line: int = MAX_LINE,
        max_columns: int = MAX_COLUMNS,
        timeout: float | None = None,
    ) -> UploadResult:
        """Give an uploaded cluster other ids (spec: 修改上传ID分群或标签). Counts that the server leaves out are None.

        The arguments are those of `upload`; those that are None stay as they are on the server.
        """
        options = UploadOptions(
            column=column,
            header=header,
            on_null=on_null,
            require_match=require_match,
            on_progress=on_progress,
            max_line=max_line,
            max_columns=max_columns,
        )
        return await self._replace_upload(ref, source, options, display_name, main_column, remarks, timeout)

    @overload
    def members(
        self,
        ref: Ref,
        *,
        columns: None = None,
        query: MemberQuery | None = None,
        timeout: float | None = None,
        resume: MembersPosition | None = None,
    ) -> Members[str]: ...

    @overload
    def members(
        self,
        ref: Ref,
        *,
        columns: Sequence[str],
        query: MemberQuery | None = None,
        timeout: float | None = None,
        resume: MembersPosition | None = None,
    ) -> Members[MemberRow]: ...

    def members(
        self,
        ref: Ref,
        *,
        columns: Sequence[str] | None = None,
        query: MemberQuery | None = None,
        timeout: float | None = None,
        resume: MembersPosition | None = None,
    ) -> Members[str] | Members[MemberRow]:
        """Return who is in the cluster: `async for user_id in members`, `await members.collect()`, `members.batches()` for Arrow.

        The specification has no endpoint for this; it is read by TA's SQL endpoints, see `MemberQuery`. Nothing is sent before the first
        member is asked for. The rows are counted against `usersNum`, and the computation must be the same before and after.

        Args:
            ref: Id or name.
            columns: Columns of the users, such as `["#account_id", "#distinct_id"]`, instead of the id (`#user_id`); each member is then a
                tuple. They are null for a member whom the view of users does not have.
            query: What this server does otherwise; the session's `members=` when None.
            timeout: Seconds for everything, with the time in which the loop does other things; the session's `upload_timeout` when None.
            resume: Of an error, to go on after the pages that were read (route `task`).

        Raises:
            InvalidRequest: `columns` is empty or no sequence of texts.
        """
        if columns is None:
            return self._members(ref, to_ids, None, query, timeout, resume)
        named = _check_columns(columns)
        convert = to_singles if len(named) == 1 else partial(to_rows, columns=len(named))
        return self._members(ref, convert, named, query, timeout, resume)


class Tags(CatalogResource):
    """The tags (标签) of a project."""

    catalog = Catalog.TAG
    _kinds = (ConditionTag, FirstLastTag, QuotaTag)
    _encode = staticmethod(encode_pairs)
    _columns = 2

    async def create(
        self,
        definition: ConditionTag | FirstLastTag | QuotaTag | ClusterDetail | Mapping[str, object],
        *,
        timeout: float | None = None,
    ) -> int:
        """Create a tag, whose first computation the server starts by itself, and return its id (spec: 添加条件标签).

        A `detail` of another tag under a new `cluster_name` makes a copy with all that the server knows of its definition.
        It is never sent twice. When the answer is lost, a tag with this name and definition is looked up and taken for the new one.

        Raises:
            OutcomeUnknown: The answer was lost and no such tag was found.
        """
        return await self._create(definition, timeout)

    async def upload(
        self,
        source: PairSource,
        *,
        display_name: str,
        main_column: str,
        name: str | None = None,
        remarks: str | None = None,
        column: str | None = None,
        value_column: str | None = None,
        header: bool = False,
        on_null: OnNull | None = None,
        require_match: float | None = None,
        on_progress: OnProgress | None = None,
        max_line: int = MAX_LINE,
        max_columns: int = MAX_COLUMNS,
        timeout: float | None = None,
    ) -> UploadResult:
        """Create a tag of uploaded ids and values (spec: 创建上传ID分群或标签).

        As `Clusters.upload`, with (id, tag value) rows; a value of None is left empty, and counted by the server in
        `tag_value_null_num`. `column` and `value_column` name the two columns, and may be left out where there are only two.
        """
        options = UploadOptions(
            column=column,
            value_column=value_column,
            header=header,
            on_null=on_null,
            require_match=require_match,
            on_progress=on_progress,
            max_line=max_line,
            max_columns=max_columns,
        )
        return await self._upload(source, options, display_name, main_column, name, remarks, timeout)

    async def replace_upload(
        self,
        ref: Ref,
        source: PairSource,
        *,
        display_name: str | None = None,
        main_column: str | None = None,
        remarks: str | None = None,
        column: str | None = None,
        value_column: str | None = None,
        header: bool = False,
        on_null: OnNull | None = None,
        require_match: float | None = None,
        on_progress: OnProgress | None = None,
        max_line: int = MAX_LINE,
        max_columns: int = MAX_COLUMNS,
        timeout: float | None = None,
    ) -> UploadResult:
        """Give an uploaded tag other rows. As `Clusters.replace_upload`, with (id, tag value) rows."""
        options = UploadOptions(
            column=column,
            value_column=value_column,
            header=header,
            on_null=on_null,
            require_match=require_match,
            on_progress=on_progress,
            max_line=max_line,
            max_columns=max_columns,
        )
        return await self._replace_upload(ref, source, options, display_name, main_column, remarks, timeout)

    @overload
    def members(
        self,
        ref: Ref,
        *,
        columns: None = None,
        query: MemberQuery | None = None,
        timeout: float | None = None,
        resume: MembersPosition | None = None,
    ) -> Members[tuple[str, MemberValue]]: ...

    @overload
    def members(
        self,
        ref: Ref,
        *,
        columns: Sequence[str],
        query: MemberQuery | None = None,
        timeout: float | None = None,
        resume: MembersPosition | None = None,
    ) -> Members[MemberRow]: ...

    def members(
        self,
        ref: Ref,
        *,
        columns: Sequence[str] | None = None,
        query: MemberQuery | None = None,
        timeout: float | None = None,
        resume: MembersPosition | None = None,
    ) -> Members[tuple[str, MemberValue]] | Members[MemberRow]:
        """Return who has the tag, with its value: (id, value) pairs, or with `columns` tuples whose last item is the value.

        As `Clusters.members`. A value is a number for tags of numbers, else the server's text.
        """
        if columns is None:
            return self._members(ref, to_pairs, None, query, timeout, resume)
        named = _check_columns(columns)
        return self._members(ref, partial(to_rows, columns=len(named)), named, query, timeout, resume)


def _check_columns(columns: Sequence[str]) -> tuple[str, ...]:
    named: tuple[object, ...] = () if isinstance(columns, str) else tuple(columns)
    if not named or not all(isinstance(name, str) and name for name in named):
        raise InvalidRequest(Message("member-columns-invalid"))
    return tuple(str(name) for name in named)
