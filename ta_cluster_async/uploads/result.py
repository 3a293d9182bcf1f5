"""Checks of an upload's result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import MatchTooLow, SourceChanged
from ..messages import Message

if TYPE_CHECKING:
    from ..models import ClusterDetail, UploadResult
    from .source import Source


def check_result(
    result: UploadResult,
    source: Source,
    require_match: float | None,
    endpoint: str,
    *,
    changed: Message | None,
) -> UploadResult:
    """Return the result with the number of skipped rows. `changed` names the source where it was written to meanwhile.

    Raises:
        SourceChanged: It was.
        MatchTooLow: Fewer of its records match than required, or the server does not say enough to tell.
    """
    result.skipped_num = source.meter.skipped
    if changed is not None:
        raise SourceChanged(
            Message("upload-of-changed-source", source=changed, cluster_id=result.cluster_id),
            cluster_id=result.cluster_id,
            upload_num=result.upload_num,
            user_num=result.user_num,
            unmatched_num=result.unmatched_num,
            endpoint=endpoint,
        )
    if require_match is None:
        return result
    rate = result.match_rate
    matched = result.user_num or 0
    records = result.upload_num or source.meter.most_rows
    # Without counts from the server: each user needs a record of their own, so at least these match.
    if (matched / records if rate is None else rate) >= require_match:
        return result
    counts = {"records": records, "required": require_match, "cluster_id": result.cluster_id}
    if rate is not None:
        message = Message("match-rate-too-low", rate=rate, **counts)
    elif result.user_num is not None:
        message = Message("match-rate-unknown", matched=matched, **counts)
    else:
        message = Message("match-count-unknown", **counts)
    raise MatchTooLow(
        message,
        cluster_id=result.cluster_id,
        required=float(require_match),
        match_rate=rate,
        upload_num=result.upload_num,
        user_num=result.user_num,
        unmatched_num=result.unmatched_num,
        endpoint=endpoint,
    )


def may_be_result(found: ClusterDetail, display_name: str, source: Source) -> bool:
    """Return whether the cluster found under the name of an upload of unknown outcome can be its result.

    The specification's detail has no count of uploaded records, so that is compared only where a server gives one. Otherwise there cannot
    be more users than records were sent, nor any cluster before the last byte was.
    """
    meter = source.meter
    if found.display_name != display_name or not meter.is_complete:
        return False
    if found.users_num is not None and found.users_num > meter.most_rows:
        return False
    uploaded = found.extra.get("uploadNum")
    return (
        not isinstance(uploaded, int)
        or uploaded == meter.rows
        or (not meter.is_exact and uploaded <= meter.most_rows)
    )
