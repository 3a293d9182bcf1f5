"""Records of the requests that arrived and of the changes that were made, for tests to assert."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from attrs import define, field, frozen

EffectKind = Literal["created", "updated", "deleted", "refreshed", "uploaded", "replaced"]


@define(kw_only=True, eq=False)
class RequestRecord:
    """One request as it arrived, completed once it is answered.

    Attributes:
        number: 1 for the first request, and so on.
        time: Server time of its arrival.
        method: HTTP method.
        path: Path without query and without the path prefix.
        query: Decoded query parameters without the token.
        content_type: The Content-Type header as sent, or "".
        body: The body; None for uploads, of which only size and digest are kept.
        body_size: Bytes of the body that arrived.
        body_sha256: Hexadecimal SHA-256 of an upload's body; "" before its end and for other requests.
        status: HTTP status of the answer; None before it is sent, or if the connection was cut instead.
        return_code: Return code of the answer's envelope; None if there is no envelope.
        fault: Name of the fault that this request met, or None.
    """

    number: int
    time: datetime
    method: str
    path: str
    query: Mapping[str, str]
    content_type: str = ""
    body: bytes | None = None
    body_size: int = 0
    body_sha256: str = ""
    status: int | None = None
    return_code: int | None = None
    fault: str | None = None

    @property
    def name(self) -> str:
        """Last part of the path, such as "user-cluster-refresh"."""
        return self.path.rpartition("/")[2]


@frozen(kw_only=True)
class Effect:
    """One change that a request made on the server.

    Attributes:
        kind: created, updated, deleted, refreshed, uploaded (a new id cluster) or replaced (an upload that modifies one).
        cluster_id: Id of the cluster or tag.
        cluster_name: Its name.
        time: Server time of the change.
        request: Number of the request that made it.
    """

    kind: EffectKind
    cluster_id: int
    cluster_name: str
    time: datetime
    request: int = field(repr=False)
