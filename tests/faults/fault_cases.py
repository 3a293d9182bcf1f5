"""The faults of the matrix: each is what the emulator or the network does."""

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
class Trouble:
    """What goes wrong.

    Attributes:
        fault: What the emulator does.
        lasts: It does so for good.
        connect: The network that fails.
        server_tls: The emulator's context for TLS.
    """

    fault: Fault | None = None
    lasts: bool = False
    connect: Connect | None = None
    server_tls: ssl.SSLContext | None = None


WRONG: Any = {"clusterId": "970", "id": "970", "progress": "80", "userClusters": 7}


def spoilt(change: Callable[[bytes], bytes], status: int = 200) -> Trouble:
    """The real answer with other bytes, after the effect."""
    fault = Fault(
        name="spoilt",
        before=False,
        change=lambda answer, _: evolve(answer, body=change(answer.body), status=status),
    )
    return Trouble(fault)


def too_many(retry_after: str) -> Trouble:
    return Trouble(Fault.status(429, retry_after=retry_after))


def in_seconds(seconds: float) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


@cache
def long_refusal() -> Trouble:
    return Trouble(Fault.return_code(-9, "x" * 10**7))


FAULTS: dict[str, Callable[[], Trouble]] = {
    "refused": lambda: Trouble(connect=network.refusing()),
    "refused once": lambda: Trouble(connect=network.refusing(1)),
    "unknown to the name service": lambda: Trouble(connect=network.unknown),
    "TLS with an unknown CA": lambda: Trouble(connect=network.untrusted, server_tls=network.trusted()),
    "no connection in time": lambda: Trouble(connect=network.mute),
    "cut before the request": lambda: Trouble(connect=network.slamming),
    "stale keep-alive": lambda: Trouble(connect=network.stale),
    "reset before": lambda: Trouble(Fault.reset()),
    "closed before": lambda: Trouble(Fault.disconnect()),
    "reset after": lambda: Trouble(Fault.reset(before=False)),
    "closed after": lambda: Trouble(Fault.disconnect(before=False)),
    "closed after half the answer": lambda: Trouble(Fault.truncated()),
    "reset after half the answer": lambda: Trouble(connect=network.halving),
    "reset before, for good": lambda: Trouble(Fault.reset(), lasts=True),
    "reset after, for good": lambda: Trouble(Fault.reset(before=False), lasts=True),
    "stall before": lambda: Trouble(Fault.stall()),
    "stall after": lambda: Trouble(Fault.stall(before=False)),
    "stall inside the answer": lambda: Trouble(Fault.slow(1e6)),
    "429": lambda: Trouble(Fault.status(429)),
    "429 with seconds": lambda: too_many("3"),
    "429 with a date": lambda: too_many(in_seconds(20)),
    "429 with a past date": lambda: too_many("Thu, 01 Jan 1970 00:00:00 GMT"),
    "429 with negative seconds": lambda: too_many("-5"),
    "429 with garbage": lambda: too_many("soon"),
    "429 with huge seconds": lambda: too_many("86400"),
    "429 with absurd seconds": lambda: too_many("9" * 400),
    "429 with an envelope": lambda: Trouble(Fault.return_code(-7, "slow down", status=429)),
    "429, for good": lambda: Trouble(Fault.status(429), lasts=True),
    "500 before": lambda: Trouble(Fault.status(500)),
    "502 before": lambda: Trouble(Fault.status(502)),
    "503 before": lambda: Trouble(Fault.status(503)),
    "HTML 504 before": lambda: Trouble(Fault.html(504)),
    "408 before": lambda: Trouble(Fault.status(408)),
    "500 after": lambda: Trouble(Fault.status(500, before=False)),
    "502 after": lambda: Trouble(Fault.status(502, before=False)),
    "503 after": lambda: Trouble(Fault.status(503, before=False)),
    "HTML 504 after": lambda: Trouble(Fault.html(504, before=False)),
    "500 with a return_code after": lambda: Trouble(
        Fault.return_code(-9, "internal error", status=500, before=False)
    ),
    "503 before, for good": lambda: Trouble(Fault.status(503), lasts=True),
    "503 after, for good": lambda: Trouble(Fault.status(503, before=False), lasts=True),
    "HTML 400": lambda: Trouble(Fault.html(400)),
    "HTML 404": lambda: Trouble(Fault.html(404)),
    "HTML 405": lambda: Trouble(Fault.html(405)),
    "HTML 413": lambda: Trouble(Fault.html(413)),
    "-1005": lambda: Trouble(Fault.return_code(-1005, "请求频率过快")),
    "-1005, for good": lambda: Trouble(Fault.return_code(-1005, "请求频率过快"), lasts=True),
    "-1001": lambda: Trouble(Fault.return_code(-1001, "token is not valid")),
    "truncated JSON": lambda: Trouble(Fault.half()),
    "no body": lambda: Trouble(Fault.body(b"", before=False)),
    "HTML 200": lambda: Trouble(Fault.html(200, before=False)),
    "not UTF-8": lambda: spoilt(lambda body: body.replace(b"success", "成功".encode("gbk"))),
    "deeply nested": lambda: spoilt(lambda body: body[:-1] + b',"x":' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
    "a list in place of an envelope": lambda: spoilt(lambda body: b"[" + body + b"]"),
    "return_code as text": lambda: Trouble(Fault.return_code_as_text()),
    "return_code null": lambda: Trouble(Fault.rewrite(lambda envelope: {**envelope, "return_code": None})),
    "data of wrong types": lambda: Trouble(Fault.data(WRONG)),
    "10 MB": lambda: spoilt(lambda body: body[:-1] + b',"stackMessage":"' + b"x" * 10**7 + b'"}'),
    "10 MB of refusal": long_refusal,
    "a key twice, the last is good": lambda: spoilt(lambda body: b'{"return_code":-9,' + body[1:]),
    "a key twice, the last is bad": lambda: spoilt(lambda body: body[:-1] + b',"return_code":-9}'),
    "success with status 500": lambda: spoilt(lambda body: body, status=500),
}

SURELY_NOT_APPLIED = frozenset(
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
        "-1001",
    }
)
"""Faults after which everybody may call again without a second effect."""

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
"""The word by which a `TransportError` says what went wrong. A reset may outrun the bytes before it."""
