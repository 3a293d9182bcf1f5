"""What an upload came to, and whether that is what the caller wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from ..errors import InvalidRequest, MatchTooLow
from .options import layout_of
from .progress import OnProgress
from .source import source_of

if TYPE_CHECKING:
    from ..models import ClusterDetail, UploadResult
    from .options import Encode
    from .source import Source


@frozen(kw_only=True)
class Rows:
    """What the caller says of the rows of an upload; unchecked before `open`."""

    source: object
    column: object = None
    value_column: object = None
    header: object = False
    on_null: object = None
    require_match: object = None
    on_progress: OnProgress | None = None

    def open(self, encode: Encode, columns: int) -> Source:
        """The way to read them. Raises InvalidRequest for what is wrong with the arguments."""
        required = self.require_match
        if required is not None and (
            isinstance(required, bool) or not isinstance(required, int | float) or not 0 <= required <= 1
        ):
            raise InvalidRequest("require_match has to be a number from 0 to 1, such as 0.95.")
        if self.on_progress is not None and not callable(self.on_progress):
            raise InvalidRequest("on_progress has to be a function of an UploadProgress.")
        count = self.on_progress is not None or required is not None
        layout = layout_of(columns, self.header, self.column, self.value_column, self.on_null, count=count)
        return source_of(self.source, encode, layout, self.on_progress)

    def judge(self, result: UploadResult, source: Source, endpoint: str) -> UploadResult:
        """The result with what was skipped. Raises MatchTooLow where it matches less than the caller requires, or may do so."""
        result.skipped_num = source.meter.skipped
        required = self.require_match
        if not isinstance(required, int | float):
            return result
        rate = result.match_rate
        if rate is not None:
            said = f"{rate:.2%} of {result.upload_num} uploaded records match a user"
        else:
            # Each user needs a record of their own, so these at least match.
            rows = result.upload_num or source.meter.most_rows
            rate = (result.user_num or 0) / rows
            said = f"the server gave no counts, and of {rows} records only {result.user_num or 0} certainly match a user"
        if rate >= required:
            return result
        raise MatchTooLow(
            f"{said}, where {required:.2%} is required; the id is {result.cluster_id}.",
            cluster_id=result.cluster_id,
            required=float(required),
            match_rate=result.match_rate,
            upload_num=result.upload_num,
            user_num=result.user_num,
            unmatched_num=result.unmatched_num,
            endpoint=endpoint,
        )


def may_be_result(found: ClusterDetail, display_name: str, source: Source) -> bool:
    """Whether what appeared under the name of an upload of unknown outcome can be its result.

    The specification's detail has no count of uploaded records. So it is compared where a server gives one; and otherwise there cannot be
    more users than records were sent, nor anything before the last byte was.
    """
    meter = source.meter
    if found.display_name != display_name or not meter.is_whole or found.users_num > meter.most_rows:
        return False
    told = found.extra.get("uploadNum")
    return not isinstance(told, int) or told == meter.rows or (not meter.is_exact and told <= meter.most_rows)
