"""The thin adapter to aiohttp, the only file that imports its client.

It turns a `Request` into a `Response`, and every failure on the way into `NotSent` or `OutcomeUnknown`. Everything else about HTTP is in
`protocol/`.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from ..errors import ConfigurationError, NotJson, NotSent, TransportError
from ..messages import Message
from ..models.ticket_errors import OutcomeUnknown
from ..protocol.answer_limits import SHORT, AnswerLimits
from ..protocol.requests import CSV_TYPE, FORM_TYPE, JSON_TYPE, Response
from . import observing
from .secret import Secret
from .timeouts import Timeouts, is_cancelled

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Awaitable, Callable, MutableMapping

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.connector import Connection
    from multidict import CIMultiDict

    from ..protocol.requests import Request
    from .timeouts import RequestTimeout

_CSV_HEADERS = {"Content-Type": CSV_TYPE}
_FORM_HEADERS = {"Content-Type": FORM_TYPE}

# Gateways add cookies and policies: a header of 9 KB is no fault.
_LONGEST_HEADER = 64 * 2**10
# The envelope of an SQL result, with the names of its columns.
_LONGEST_FIRST_LINE = 2**20
_INSIDE_CHARACTER = bytes(range(0x80, 0xC0))
_DECODING = "Can not decode content-encoding"
# What OpenSSL says of bytes that are not TLS.
_NO_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "RECORD_LAYER_FAILURE",
        "PACKET_LENGTH_TOO_LONG",
        "HTTP_REQUEST",
        "UNKNOWN_PROTOCOL",
    }
)

# Longer than the longest poll interval of `PollPolicy`, so that each poll finds its connection open.
_KEEP_SECONDS = 60.0


def _connect_within(seconds: float) -> aiohttp.ClientTimeout:
    # Only the time to connect: `Timeouts` keeps that of the whole request. Without aiohttp's rounding up to whole seconds.
    return aiohttp.ClientTimeout(total=None, connect=seconds, ceil_threshold=math.inf)


# Connecting times out before the request does, which tells a host that does not answer from a slow server.
_CONNECT_SECONDS = 10.0
_CONNECT = _connect_within(_CONNECT_SECONDS)
_CONNECT_SHARE = 0.5
_FULL_CONNECT_FROM = _CONNECT_SECONDS / _CONNECT_SHARE

Answer: TypeAlias = Response | TransportError | NotJson
"""A whole answer, or why there is none."""


class Transport(Protocol):
    """What a session needs of the network. A simulation implements it with a scripted server."""

    async def send(self, request: Request, token: Secret, timeout: float) -> Answer:
        """Send one request and read its answer whole, within `timeout` seconds.

        Failures are returned, not raised, so that no traceback keeps the frames that hold the URL.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""


class _Request(aiohttp.ClientRequest):
    """aiohttp's request, whose URL holds the token only while the head is written.

    Instrumentations patch a `TraceConfig` into every `ClientSession`. What they are given (URLs, responses, exceptions and their frames)
    comes from a request without the token.
    """

    add_token: Callable[[], URL]
    """Returns the URL with the token. Set by `_AddToken`."""

    @property
    def request_info(self) -> aiohttp.RequestInfo:
        """What responses and exceptions keep of the request."""
        headers = CIMultiDictProxy(self.headers)
        return aiohttp.RequestInfo(self.original_url, self.method, headers, self.original_url)

    async def send(self, conn: Connection) -> ClientResponse:
        try:
            self.url = self.add_token()
            return await super().send(conn)
        except BaseException as problem:  # noqa: BLE001
            # The locals of aiohttp's frame hold the request line.
            problem.__cause__ = problem.__context__ = None
            raise problem.with_traceback(None)  # noqa: B904
        finally:
            self.url = self.original_url

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Write the body. Where the connection is lost at its end, close it: the reader reports the loss, raising would only log it."""
        self.url = self.original_url  # eager tasks begin inside send()
        try:
            await super().write_bytes(writer, conn, content_length)
        except aiohttp.ClientConnectionResetError:
            conn.close()

    async def _on_headers_request_sent(self, method: str, url: URL, headers: CIMultiDict[str]) -> None:  # noqa: ARG002
        await super()._on_headers_request_sent(method, self.original_url, headers)

    async def _on_chunk_request_sent(self, method: str, url: URL, chunk: bytes) -> None:  # noqa: ARG002
        await super()._on_chunk_request_sent(method, self.original_url, chunk)


class _AddToken:
    """Gives the request that aiohttp is about to write what puts the token into its URL: the only place that does. No local keeps it."""

    __slots__ = ("_authority", "_called", "_parameter", "_path", "_query", "_scheme", "_show")

    def __init__(  # noqa: PLR0917  (one caller, once per request)
        self,
        scheme: str,
        authority: str,
        path: str,
        query: str,
        parameter: Secret,
        show: Callable[[], None] | None,
    ) -> None:
        self._scheme = scheme
        self._authority = authority
        self._path = path
        self._query = query
        self._parameter = parameter
        self._show = show
        self._called = False

    def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> Awaitable[ClientResponse]:
        if self._called:
            # aiohttp would send a GET once more by itself. Retries are the session's: it counts and spaces them.
            raise aiohttp.ServerDisconnectedError
        self._called = True
        if self._show is not None:
            self._show()  # traces have been told of the request; the source of an upload has a context of its own
        assert isinstance(request, _Request)
        request.add_token = self._url
        return handler(request)

    def _url(self) -> URL:
        query, parameter = self._query, self._parameter
        return URL.build(
            scheme=self._scheme,
            authority=self._authority,
            path=self._path,
            query_string=f"{query}&{parameter.reveal()}" if query else parameter.reveal(),
            encoded=True,
        )


class AiohttpTransport:
    """HTTP by aiohttp: keep-alive connections, no cookies, no redirects, no traces, no proxy of the environment.

    A borrowed `aiohttp.ClientSession` lends its connection pool (with its TLS settings, resolver and limits), its default headers and its
    use of the proxy environment. Its traces, cookies and middlewares do not see these requests, because they would see the token.

    Raises:
        ConfigurationError: The borrowed session is closed, or belongs to another event loop.
    """

    def __init__(
        self,
        base_url: str,
        *,
        ssl: ssl_module.SSLContext | bool,
        borrowed: aiohttp.ClientSession | None = None,
        limits: AnswerLimits | None = None,
    ) -> None:
        base = URL(base_url, encoded=True)
        self._host = f"{base.host}:{base.port}"
        self._scheme, self._authority, self._prefix = (
            base.scheme,
            base.raw_authority,
            base.raw_path.rstrip("/"),
        )
        self._urls: dict[str, URL] = {}
        self._limits = limits if limits is not None else AnswerLimits()
        if borrowed is None:
            # The session's limiter keeps the limit.
            connector: aiohttp.BaseConnector = aiohttp.TCPConnector(
                limit=0, ssl=ssl, keepalive_timeout=_KEEP_SECONDS
            )
        else:
            connector = _borrowed_pool(borrowed)
        self._ssl = True if borrowed is None else ssl  # a pool of our own has it already
        self._session = aiohttp.ClientSession(
            connector=connector,
            connector_owner=borrowed is None,
            headers=_headers(borrowed),
            request_class=_Request,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=borrowed is not None and borrowed.trust_env,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        # What `request` awaits, without its context manager, which takes a twenty-fifth of a call.
        self._request: Callable[..., Awaitable[ClientResponse]] = getattr(
            self._session, "_request", self._session.request
        )
        self._pool = connector
        self._token: Secret | None = None
        self._parameter = Secret("")
        self._timeouts = Timeouts()

    async def send(self, request: Request, token: Secret, timeout: float) -> Answer:
        """See `Transport.send`."""
        if self._pool.closed:
            return _pool_closed()
        answer: Answer | None = None
        stop: BaseException | None = None
        show = None if observing.observer is None else observing.observer.hide()
        limit = self._timeouts.start(timeout)
        try:
            response = await self._begin(request, token, timeout, show)
            if request.streamed:
                answer = await self._read_first_line(response, request)
            else:
                answer = await _read(response, request, self._limits)
        except Exception as problem:  # noqa: BLE001  (whatever it is, its frames hold the URL and must not leave)
            answer = self._error_for(problem, timeout)
        except BaseException as problem:  # noqa: BLE001  (raised again below)
            stop = problem
        finally:
            self._timeouts.stop(limit)
            if show is not None:
                show()
        if answer is not None:
            if not limit.expired:
                return answer
            limit.uncancel()  # pragma: no cover - only where aiohttp took the cancellation for its own
            return (
                answer if isinstance(answer, Response) else _timed_out(timeout)
            )  # pragma: no cover - as above
        assert stop is not None
        return self._stopped(stop, limit, timeout)

    async def read_on(self, response: ClientResponse, timeout: float) -> bytes | TransportError:
        """Return the next bytes of an answer, b"" at its end, or why there are none within `timeout` seconds."""
        limit = self._timeouts.start(timeout)
        try:
            return await response.content.readany()
        except Exception as problem:  # noqa: BLE001  (as above)
            return self._error_for(problem, timeout)
        except BaseException as problem:  # noqa: BLE001  (raised again below)
            stop = problem
        finally:
            self._timeouts.stop(limit)
        return self._stopped(stop, limit, timeout)

    def _stopped(self, stop: BaseException, limit: RequestTimeout, timeout: float) -> TransportError:
        """Return the error that a cancellation stands for, or raise what stopped the request."""
        if isinstance(stop, asyncio.CancelledError):
            if limit.expired and limit.uncancel():
                return _timed_out(timeout)
            if self._is_closed() and not is_cancelled():
                return _pool_closed()  # closing a pool cancels those who wait in it
        # The traceback begins here: the locals of aiohttp's frames hold the URL.
        stop.__cause__ = stop.__context__ = None
        try:
            raise stop.with_traceback(None)
        finally:
            del stop

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        self._timeouts.close()
        await self._session.close()

    def _begin(
        self, request: Request, token: Secret, timeout: float, show: Callable[[], None] | None
    ) -> Awaitable[ClientResponse]:
        """Start the request: the result is awaited for the head of the answer."""
        if token is not self._token:
            self._token, self._parameter = token, Secret("token=" + quote(token.reveal(), safe=""))
        path = self._prefix + request.endpoint.path
        upload = request.upload
        data: object = request.body
        headers = None
        if request.endpoint.body == "form":
            headers = _FORM_HEADERS
        elif upload is not None:
            data = upload.chunks()
            length = upload.length
            headers = _CSV_HEADERS if length is None else {**_CSV_HEADERS, "Content-Length": str(length)}
        return self._request(
            request.endpoint.method,
            self._urls.get(path) or self._url(path),
            data=data,
            headers=headers,
            timeout=_CONNECT if timeout >= _FULL_CONNECT_FROM else _connect_within(timeout * _CONNECT_SHARE),
            allow_redirects=False,
            ssl=self._ssl,
            middlewares=(
                _AddToken(self._scheme, self._authority, path, request.query, self._parameter, show),
            ),
        )

    async def _read_first_line(self, response: ClientResponse, request: Request) -> Response | NotJson:
        """Read the first line of an answer where it is one JSON value, else the whole answer, as of a gateway's page."""
        content, start = response.content, b""
        try:
            while b"\n" not in start and len(start) <= _LONGEST_FIRST_LINE and not content.at_eof():
                start += await content.readany()
        except BaseException:
            response.close()
            raise
        line, newline, following = start.partition(b"\n")
        if not newline or not line.rstrip().endswith((b"}", b"]")):
            return await _read(response, request, self._limits, start)
        rest = _Rest(self, response, following)
        return Response(response.status, line, response.headers.get(aiohttp.hdrs.RETRY_AFTER), rest)

    def _url(self, path: str) -> URL:
        url = URL.build(scheme=self._scheme, authority=self._authority, path=path, encoded=True)
        self._urls[path] = url
        return url

    def _is_closed(self) -> bool:
        return self._pool.closed

    def _error_for(self, problem: Exception, timeout: float) -> TransportError:  # noqa: C901  (a decision table)
        """Return the error for a problem, without the problem itself: aiohttp's exceptions hold the URL."""
        match problem:
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return NotSent(_tls_problem(problem, self._host), reason="tls")
            case aiohttp.ClientConnectorDNSError():
                return NotSent(Message("host-unknown", host=problem.host), reason="dns")
            case aiohttp.ClientConnectorError():
                host, reason = f"{problem.host}:{problem.port}", _os_reason(problem.os_error)
                return NotSent(Message("connection-refused", host=host, reason=reason), reason="refused")
            case aiohttp.ClientHttpProxyError():
                return NotSent(Message("proxy-refused", status=problem.status), reason="refused")
            case aiohttp.ConnectionTimeoutError():
                seconds = min(_CONNECT_SECONDS, timeout * _CONNECT_SHARE)
                message = Message("connection-out-of-time", host=self._host, seconds=seconds)
                return NotSent(message, reason="connect")
            case asyncio.TimeoutError():
                return _timed_out(timeout)
            case aiohttp.ClientPayloadError() if _DECODING in str(problem):
                return OutcomeUnknown(Message("answer-wrongly-compressed"), reason="truncated")
            case aiohttp.ClientPayloadError():
                return OutcomeUnknown(Message("answer-truncated"), reason="truncated")
            case aiohttp.ClientResponseError():
                return OutcomeUnknown(_head_problem(problem.message), reason="lost")
            case _ if self._is_closed():
                return OutcomeUnknown(Message("pool-closed-during-request"), reason="closed")
            case aiohttp.ClientError() | OSError():
                return OutcomeUnknown(Message("connection-lost", kind=type(problem).__name__), reason="lost")
            case _:
                return OutcomeUnknown(Message("request-failed", kind=type(problem).__name__), reason="lost")


class _Rest:
    """See `Rest`."""

    def __init__(self, transport: AiohttpTransport, response: ClientResponse, following: bytes) -> None:
        self._transport = transport
        self._response = response
        self._following = following

    async def read(self, timeout: float) -> bytes | TransportError:
        if self._following:
            data, self._following = self._following, b""
            return data
        return await self._transport.read_on(self._response, timeout)

    def unread(self, data: bytes) -> None:
        self._following = data + self._following

    def close(self) -> None:
        self._response.close()


async def _read(
    response: ClientResponse, request: Request, limits: AnswerLimits, start: bytes = b""
) -> Response | NotJson:
    """Read the whole answer, up to the limits of its endpoint. Of a longer error page the beginning is kept.

    `start` has been read already.
    """
    content, kind = response.content, request.endpoint.answer
    excess: Message | None = None
    try:
        body: bytes | bytearray = start + await content.readany()
        if content.at_eof():
            if len(body) > SHORT:
                excess = limits.excess_of_bytes(len(body), content.total_raw_bytes, kind)
        else:
            body = bytearray(body)  # no object for each of many small parts
            while not (excess := limits.excess_of_bytes(len(body), content.total_raw_bytes, kind)) and (
                part := await content.readany()
            ):
                body += part
    except BaseException:
        response.close()
        raise
    if request.upload is not None or excess is not None:
        _abort(response)  # the server answered before the end of the body, or the answer is too long
    if excess is not None and response.status < 300:
        return NotJson(limits.too_large(excess, kind, response.status), status=response.status)
    if excess is not None:
        # Not in the middle of a character.
        body = body[: limits.size(kind)].rstrip(_INSIDE_CHARACTER)[:-1]
    return Response(response.status, bytes(body), response.headers.get(aiohttp.hdrs.RETRY_AFTER))


def _abort(response: ClientResponse) -> None:
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()  # close() would first send what is left to a server that reads no more
    response.close()


def _borrowed_pool(borrowed: aiohttp.ClientSession) -> aiohttp.BaseConnector:
    pool = borrowed.connector
    if pool is None or pool.closed:
        raise ConfigurationError(Message("client-session-closed"))
    if pool._loop is not asyncio.get_running_loop():  # noqa: SLF001  (it has no public name)
        raise ConfigurationError(Message("client-session-in-other-loop"))
    return pool


def _headers(borrowed: aiohttp.ClientSession | None) -> MutableMapping[str, str]:
    """Return the headers of all requests. The specification gives one type for all but the uploads, also where there is no body."""
    headers: MutableMapping[str, str] = {} if borrowed is None else borrowed.headers.copy()
    headers[aiohttp.hdrs.CONTENT_TYPE] = JSON_TYPE
    headers[aiohttp.hdrs.ACCEPT_ENCODING] = "gzip, deflate"  # never what only some installations can decode
    return headers


def _pool_closed() -> NotSent:
    return NotSent(Message("pool-closed"), reason="closed")


def _timed_out(seconds: float) -> OutcomeUnknown:
    return OutcomeUnknown(Message("answer-out-of-time", seconds=seconds), reason="timeout")


def _os_reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _head_problem(reason: str) -> Message:
    """Return what is wrong with the head of an answer. aiohttp tells it by its text alone, which quotes the answer and is not shown."""
    if reason.startswith("Bad status line"):
        return Message("answer-not-http")
    if reason.startswith(("Got more than", "Too many headers")):
        return Message("answer-head-too-long", limit=_LONGEST_HEADER)
    if _DECODING in reason:
        return Message("answer-compressed")
    if "Transfer-Encoding" in reason and "Content-Length" in reason:
        return Message("answer-with-two-lengths")
    return Message("answer-head-invalid")


def _tls_problem(problem: Exception, host: str) -> Message:
    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        error: BaseException = problem.certificate_error
        reason = str(
            getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__
        )
        return Message("tls-failed", host=host, reason=reason)
    error = getattr(problem, "os_error", problem)
    reason = str(getattr(error, "reason", "") or type(error).__name__)
    return Message("tls-not-spoken" if reason in _NO_TLS else "tls-broken", host=host, reason=reason)
