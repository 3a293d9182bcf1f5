"""Requests and responses as plain values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.parse import quote

from attrs import define, field

from ..errors import InvalidRequest
from ..messages import Message
from ..models.scalars import plain_scalar
from . import json
from .endpoints import Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from ..errors import TransportError
    from .endpoints import Ref

JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"
FORM_TYPE = "application/x-www-form-urlencoded"

Chunk: TypeAlias = bytes | memoryview
"""A part of a body."""


class Upload(Protocol):
    """A body that is streamed: what the transport needs to know of it."""

    @property
    def length(self) -> int | None:
        """Bytes, or None when not known beforehand."""

    @property
    def can_start(self) -> bool:
        """True when the whole body can be produced (again); a one-shot source can be only once."""
        ...

    @property
    def failure(self) -> BaseException | None:
        """What the source itself raised while it was read, if it did."""

    def chunks(self) -> AsyncIterator[Chunk]:
        """Return the body from its start."""
        ...


class Rest(Protocol):
    """What follows the first line of an answer that is read as it comes."""

    async def read(self, timeout: float) -> bytes | TransportError:
        """Return the next bytes, b"" at the end, or why there are none within `timeout` seconds."""
        ...

    def unread(self, data: bytes) -> None:
        """Put bytes before what is read next."""

    def close(self) -> None:
        """Read no more. The connection is closed unless the answer was read to its end."""


_NAME_OF_DIGITS = re.compile(r"\bclusterName=[0-9]+(?:&|$)")


@define(eq=False)
class Request:
    """One request without base URL and token.

    Attributes:
        endpoint: The row of the endpoint table.
        query: The encoded query string without the token.
        body: The JSON body or form, or None.
        upload: The streamed CSV body, or None.
        streamed: Of the answer only the first line is read; the rest as it is needed.
        rest: That rest, once the request has succeeded.
    """

    endpoint: Endpoint
    query: str = ""
    body: bytes | None = field(default=None, repr=False)
    upload: Upload | None = field(default=None, repr=False)
    streamed: bool = False
    rest: Rest | None = field(default=None, repr=False)

    @property
    def names_digits(self) -> bool:
        """Whether the cluster or tag is named by digits only."""
        return _NAME_OF_DIGITS.search(self.query) is not None


@define(eq=False)
class Response:
    """What came back, with what matters of its headers. Its repr shows nothing that the server wrote."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str | None = field(default=None, repr=False)
    rest: Rest | None = field(default=None, repr=False)


def build(
    endpoint: Endpoint,
    query: Mapping[str, str | int | None],
    body: Mapping[str, object] | None = None,
    *,
    upload: Upload | None = None,
) -> Request:
    """Build a request without the parameters that are None. Raises InvalidRequest for a body that JSON cannot express."""
    missing = [name for name in endpoint.required if query.get(name) is None]
    unknown = query.keys() - set(endpoint.query)
    if missing or unknown:
        raise InvalidRequest(
            Message(
                "query-parameters",
                endpoint=endpoint.name,
                required=", ".join(sorted(endpoint.required)),
                allowed=", ".join(endpoint.query),
            )
        )
    text = urlencoded((name, query.get(name)) for name in endpoint.query)
    return Request(endpoint, text, None if body is None else _encode(endpoint, body), upload)


def urlencoded(pairs: Iterable[tuple[str, str | int | None]]) -> str:
    """Return parameters as a query string or form, without those that are None."""
    return "&".join(f"{_quote(name)}={_quote(value)}" for name, value in pairs if value is not None)


def ref_query(endpoint: Endpoint, project_id: int, ref: Ref) -> str:
    """Return the query string that names one cluster or tag: the fast path of the calls that are made most."""
    project = f"projectId={project_id}&" if "projectId" in endpoint.query else ""
    if isinstance(ref, str):
        return f"{project}clusterName={_quote(ref)}"
    return f"{project}clusterId={ref}"


def _quote(value: str | int) -> str:
    try:
        return quote(str(plain_scalar(value)), safe="")
    except UnicodeEncodeError:
        pass
    raise InvalidRequest(Message("text-with-surrogate"))


def _encode(endpoint: Endpoint, body: Mapping[str, object]) -> bytes:
    try:
        return json.dumps(body)
    except TypeError as problem:
        reason = str(problem)
    except (ValueError, RecursionError) as problem:
        reason = type(problem).__name__
    raise InvalidRequest(
        Message("body-not-json", endpoint=endpoint.name, reason=reason), endpoint=endpoint.name
    )
