"""The faults of the matrix: what the emulator or the network does."""

from __future__ import annotations

import ssl
import time
from email.utils import formatdate
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from ta_cluster_async.emulator import Fault
from tests.faults import network
from tests.faults.network import Connect

if TYPE_CHECKING:
    from collections.abc import Callable


@frozen
class FaultCase:
    """One fault of the matrix.

    Attributes:
        fault: What the emulator does.
        lasts: Whether the fault is permanent.
        connect: Makes the failing network.
        server_tls: The emulator's context for TLS.
    """

    fault: Fault | None = None
    lasts: bool = False
    connect: Connect | None = None
    server_tls: ssl.SSLContext | None = None


WRONG: Any = {"clusterId": 970.5, "id": "970", "progress": "80", "userClusters": 7}


def corrupted(change: Callable[[bytes], bytes], status: int = 200) -> FaultCase:
    """The real answer with changed bytes, after the effect."""
    fault = Fault(
        name="corrupted",
        before=False,
        change=lambda answer, _: evolve(answer, body=change(answer.body), status=status),
    )
    return FaultCase(fault)


def too_many_requests(retry_after: str) -> FaultCase:
    return FaultCase(Fault.status(429, retry_after=retry_after))


def http_date(seconds: float) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


@cache
def long_error() -> FaultCase:
    return FaultCase(Fault.return_code(-9, "x" * 60_000))


FAULTS: dict[str, Callable[[], FaultCase]] = {
    "refused": lambda: FaultCase(connect=network.refuse_connections()),
    "refused once": lambda: FaultCase(connect=network.refuse_connections(1)),
    "unknown to the name service": lambda: FaultCase(connect=network.unknown_host),
    "TLS with an unknown CA": lambda: FaultCase(
        connect=network.untrusted_certificate, server_tls=network.server_tls()
    ),
    "no connection in time": lambda: FaultCase(connect=network.connect_hangs),
    "cut before the request": lambda: FaultCase(connect=network.reset_before_request),
    "stale keep-alive": lambda: FaultCase(connect=network.stale_keep_alive),
    "reset before": lambda: FaultCase(Fault.reset()),
    "closed before": lambda: FaultCase(Fault.disconnect()),
    "reset after": lambda: FaultCase(Fault.reset(before=False)),
    "closed after": lambda: FaultCase(Fault.disconnect(before=False)),
    "closed after half the answer": lambda: FaultCase(Fault.truncated()),
    "reset after half the answer": lambda: FaultCase(connect=network.reset_in_answer),
    "reset before, for good": lambda: FaultCase(Fault.reset(), lasts=True),
    "reset after, for good": lambda: FaultCase(Fault.reset(before=False), lasts=True),
    "stall before": lambda: FaultCase(Fault.stall()),
    "stall after": lambda: FaultCase(Fault.stall(before=False)),
    "stall inside the answer": lambda: FaultCase(Fault.slow(1e6)),
    "429": lambda: FaultCase(Fault.status(429)),
    "429 with seconds": lambda: too_many_requests("3"),
    "429 with a date": lambda: too_many_requests(http_date(20)),
    "429 with a past date": lambda: too_many_requests("Thu, 01 Jan 1970 00:00:00 GMT"),
    "429 with negative seconds": lambda: too_many_requests("-5"),
    "429 with garbage": lambda: too_many_requests("soon"),
    "429 with huge seconds": lambda: too_many_requests("86400"),
    "429 with absurd seconds": lambda: too_many_requests("9" * 400),
    "429 with an envelope": lambda: FaultCase(Fault.return_code(-7, "slow down", status=429)),
    "429, for good": lambda: FaultCase(Fault.status(429), lasts=True),
    "500 before": lambda: FaultCase(Fault.status(500)),
    "502 before": lambda: FaultCase(Fault.status(502)),
    "503 before": lambda: FaultCase(Fault.status(503)),
    "HTML 504 before": lambda: FaultCase(Fault.html(504)),
    "408 before": lambda: FaultCase(Fault.status(408)),
    "500 after": lambda: FaultCase(Fault.status(500, before=False)),
    "502 after": lambda: FaultCase(Fault.status(502, before=False)),
    "503 after": lambda: FaultCase(Fault.status(503, before=False)),
    "HTML 504 after": lambda: FaultCase(Fault.html(504, before=False)),
    "500 with a return_code after": lambda: FaultCase(
        Fault.return_code(-9, "internal error", status=500, before=False)
    ),
    "503 before, for good": lambda: FaultCase(Fault.status(503), lasts=True),
    "503 after, for good": lambda: FaultCase(Fault.status(503, before=False), lasts=True),
    "HTML 400": lambda: FaultCase(Fault.html(400)),
    "HTML 404": lambda: FaultCase(Fault.html(404)),
    "HTML 405": lambda: FaultCase(Fault.html(405)),
    "HTML 413": lambda: FaultCase(Fault.html(413)),
    "-1005": lambda: FaultCase(Fault.return_code(-1005, "请求频率过快")),
    "-1005, for good": lambda: FaultCase(Fault.return_code(-1005, "请求频率过快"), lasts=True),
    "-1001": lambda: FaultCase(Fault.return_code(-1001, "token is not valid")),
    "-1001, for good": lambda: FaultCase(Fault.return_code(-1001, "token is not valid"), lasts=True),
    "truncated JSON": lambda: FaultCase(Fault.half()),
    "no body": lambda: FaultCase(Fault.body(b"", before=False)),
    "HTML 200": lambda: FaultCase(Fault.html(200, before=False)),
    "not UTF-8": lambda: corrupted(lambda body: body.replace(b"success", "成功".encode("gbk"))),
    "deeply nested": lambda: corrupted(
        lambda body: body[:-1] + b',"x":' + b"[" * 10**5 + b"]" * 10**5 + b"}"
    ),
    "a list in place of an envelope": lambda: corrupted(lambda body: b"[" + body + b"]"),
    "return_code as text": lambda: FaultCase(Fault.return_code_as_text()),
    "return_code null": lambda: FaultCase(Fault.rewrite(lambda envelope: {**envelope, "return_code": None})),
    "data of wrong types": lambda: FaultCase(Fault.data(WRONG)),
    "60 KB": lambda: corrupted(lambda body: body[:-1] + b',"stackMessage":"' + b"x" * 60_000 + b'"}'),
    "10 MB": lambda: corrupted(lambda body: body[:-1] + b',"stackMessage":"' + b"x" * 10**7 + b'"}'),
    "60 KB of refusal": long_error,
    "a key twice, the last is good": lambda: corrupted(lambda body: b'{"return_code":-9,' + body[1:]),
    "a key twice, the last is bad": lambda: corrupted(lambda body: body[:-1] + b',"return_code":-9}'),
    "success with status 500": lambda: corrupted(lambda body: body, status=500),
}

NEVER_APPLIED = frozenset(
    {
        "refused",
        "unknown to the name service",
        "TLS with an unknown CA",
        "no connection in time",
        "429 with huge seconds",
        "429 with absurd seconds",
        "429, for good",
        "HTML 400",
        "HTML 404",
        "HTML 405",
        "HTML 413",
        "-1005, for good",
        "-1001, for good",
    }
)
"""Faults after which a call may be repeated without a second effect."""

REASONS = {
    "refused": {"refused"},
    "unknown to the name service": {"dns"},
    "TLS with an unknown CA": {"tls"},
    "no connection in time": {"connect"},
    "cut before the request": {"lost"},
    "stale keep-alive": {"lost"},
    "reset before": {"lost"},
    "closed before": {"lost"},
    "reset after": {"lost"},
    "closed after": {"lost"},
    "closed after half the answer": {"truncated"},
    "reset after half the answer": {"truncated", "lost"},
    "reset before, for good": {"lost"},
    "reset after, for good": {"lost"},
    "stall before": {"timeout"},
    "stall after": {"timeout"},
    "stall inside the answer": {"timeout"},
}
"""The `reason` of a `TransportError`. A reset may arrive before the bytes sent earlier."""
