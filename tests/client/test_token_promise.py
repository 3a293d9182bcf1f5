"""The token never shows: every failure kind times every surface.

Each failure happens once for each token, in a loop in debug mode that logs every callback, with all loggers at DEBUG. What each surface
showed is then looked through for the token in every spelling that an escape or an encoding may give it.
"""

import asyncio
import base64
import copy
import gc
import html
import json
import logging
import pickle
import traceback
import warnings
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from ta_cluster_async.emulator.loop import run as run_in_virtual_time
from ta_cluster_async.errors import TaError
from ta_cluster_async.protocol.endpoints import PROGRESS
from ta_cluster_async.protocol.requests import Request
from ta_cluster_async.session import TaSession
from tests.client.token_failures import (
    ANSWERS,
    KINDS,
    SITUATIONS,
    Seen,
    envelope,
    fails_by_answer,
    http,
    traced_by_an_agent,
    writes,
)
from tests.faults.leaks import leaks

AWKWARD = "a#b+c%d&e f中\"<'\\"
MARKED = "Kx7Kx7#b+c%d&e f中\"<'\\Qz9Qz9"
TOKENS = {"awkward": AWKWARD, "marked": MARKED}
ENDS = {MARKED: ("kx7kx7", "qz9qz9")}
"""Parts that give a token away by themselves, however it is cut."""


class _Listener(logging.Handler):
    def __init__(self, lines: Any) -> None:
        super().__init__(logging.DEBUG)
        self.lines = lines

    def emit(self, record: Any) -> None:
        self.lines.append(f"{logging.Formatter().format(record)} {record.__dict__!r}")


@pytest.fixture(scope="module")
def observe() -> Any:
    """`observe(kind, token, raw_server)`: let it fail, once for all tests, and return what was seen."""
    done = {}

    def run(kind: Any, name: Any, serve: Any) -> Any:
        if (kind, name) not in done:
            done[kind, name] = _fail(kind, name, serve)
        return done[kind, name]

    return run


def _fail(kind: Any, name: Any, serve: Any) -> Any:
    seen = Seen(TOKENS[name])
    root = logging.getLogger()
    listener, level = _Listener(seen.logs), root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 0
        loop.set_exception_handler(lambda _, context: seen.logs.append(repr(context)))
        failing = (
            SITUATIONS[kind][0](seen, serve)
            if kind in SITUATIONS
            else fails_by_answer(seen, serve, ANSWERS[kind][0])
        )
        await failing

    gc.freeze()  # else the collection below would go through all that the whole suite holds
    try:
        with warnings.catch_warnings(record=True) as warned, traced_by_an_agent(seen):
            warnings.simplefilter("always")
            try:
                run_in_virtual_time(main(), debug=True)
            except BaseException as problem:  # noqa: BLE001  (also a CancelledError)
                seen.error = problem
            gc.collect()
        seen.warned += [f"{w.category.__name__}: {w.message} {w.source!r}" for w in warned]
    finally:
        gc.unfreeze()
        root.removeHandler(listener)
        root.setLevel(level)
    return seen


def _chain(error: Any) -> Any:
    """The error and everything that hangs on it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _pickled(error: Any) -> Any:
    return pickle.dumps(error).decode("latin-1") if isinstance(error, TaError) else ""


SURFACES: dict[str, Any] = {
    "str": lambda seen: str(seen.error),
    "repr": lambda seen: repr(seen.error),
    "attributes": lambda seen: repr([vars(error) for error in _chain(seen.error)]),
    "traceback": lambda seen: "".join(traceback.format_exception(seen.error)),
    "traceback with locals": lambda seen: "".join(
        traceback.TracebackException.from_exception(seen.error, capture_locals=True).format()
    ),
    "pickle": lambda seen: _pickled(seen.error),
    "copies": lambda seen: repr([vars(make(seen.error)) for make in (copy.copy, copy.deepcopy)]),
    "logs": lambda seen: "\n".join(seen.logs),
    "traces of a borrowed session": lambda seen: "\n".join(seen.traces),
    "traces of an agent": lambda seen: "\n".join(seen.agent),
    "tasks and our frames while it runs": lambda seen: "\n".join(seen.during),
    "warnings": lambda seen: "\n".join(seen.warned),
}


def found_in(seen: Any) -> Any:
    """The surfaces that show the token."""
    return leaks(
        seen.token, *ENDS.get(seen.token, ()), **{name: show(seen) for name, show in SURFACES.items()}
    )


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_token_is_nowhere(kind: Any, token: Any, observe: Any, raw_server: Any) -> None:
    assert found_in(observe(kind, token, raw_server)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_failure_is_its_own_clear_error(kind: Any, observe: Any, raw_server: Any) -> None:
    row: Any = SITUATIONS.get(kind) or ANSWERS[kind]
    _, error, reason = row
    seen = observe(kind, "awkward", raw_server)
    assert type(seen.error) is error
    if reason is not None:
        assert seen.error.reason == reason
    if isinstance(seen.error, TaError):
        assert seen.error.endpoint in {"progress", "update", "upload", "detail", "list"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_error_of_the_http_client_hangs_on_it(kind: Any, observe: Any, raw_server: Any) -> None:
    if SITUATIONS.get(kind, (None, None))[1] is TimeoutError:
        return  # that one is asyncio's, with a CancelledError below it
    seen = observe(kind, "awkward", raw_server)
    assert [type(error).__module__.partition(".")[0] for error in _chain(seen.error)] == [
        type(seen.error).__module__.partition(".")[0]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_of_the_http_client_hangs_on_it(kind: Any, observe: Any, raw_server: Any) -> None:
    for error in _chain(observe(kind, "awkward", raw_server).error):
        for frame, _ in traceback.walk_tb(error.__traceback__):
            assert frame.f_globals["__name__"].partition(".")[0] not in {"aiohttp", "yarl"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_failure_leaves_a_warning(kind: Any, observe: Any, raw_server: Any) -> None:
    assert observe(kind, "awkward", raw_server).warned == []


@pytest.mark.parametrize("kind", ANSWERS)
def test_with_one_attempt_there_is_one_request(kind: Any, observe: Any, raw_server: Any) -> None:
    assert observe(kind, "awkward", raw_server).requests == 1


def test_the_logs_were_listened_to(observe: Any, raw_server: Any) -> None:
    logs = "\n".join(observe("reset", "awkward", raw_server).logs)
    assert "progress attempt 1: OutcomeUnknown" in logs
    assert "Executing <" in logs


def test_the_frames_were_looked_at(observe: Any, raw_server: Any) -> None:
    during = "\n".join(observe("reset", "awkward", raw_server).during)
    assert "TaSession(" in during
    assert "Secret('***')" in during


def test_the_agent_sees_requests_answers_and_failures_by_their_path(observe: Any, raw_server: Any) -> None:
    seen = "\n".join(observe("html", "awkward", raw_server).agent)
    for event in ("RequestStart", "RequestHeadersSent", "RequestEnd"):
        assert f"Trace{event}Params " in seen
    assert seen.count("/open/user-cluster-refresh-progress") > 5
    assert "TraceRequestChunkSentParams " in "\n".join(observe("retries", "awkward", raw_server).agent)
    assert "TraceRequestExceptionParams " in "\n".join(observe("reset", "awkward", raw_server).agent)


@pytest.mark.parametrize("surface", ["logs", "traces", "agent", "during", "warned"])
def test_a_leak_into_what_was_noted_would_be_found(surface: Any) -> None:
    seen = Seen(MARKED, error=ValueError("x"))
    getattr(seen, surface).append("before Kx7Kx7 after")
    assert len(found_in(seen)) == 1


def test_a_leak_into_the_error_would_be_found() -> None:
    def fails() -> None:
        local = f"token={AWKWARD}"
        raise TaError(local)

    with pytest.raises(TaError) as caught:
        fails()
    assert found_in(Seen(AWKWARD, error=caught.value)) == [
        "str",
        "repr",
        "attributes",
        "traceback",
        "traceback with locals",
        "pickle",
        "copies",
    ]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("width", range(3))
def test_the_check_would_see_a_leak_in_any_encoding(token: Any, width: Any) -> None:
    token = TOKENS[token]
    text = f"{'x' * width}{token}xxx"
    for leak in (
        text,
        quote(text, safe=""),
        quote(quote(text, safe=""), safe=""),
        repr(text),
        ascii(text),
        json.dumps(text),
        json.dumps({"said": json.dumps({"is": text})}),
        repr(text.encode()),
        text.encode("unicode_escape").decode(),
        text.encode().hex(),
        base64.b64encode(text.encode()).decode(),
        base64.urlsafe_b64encode(text.encode()).decode(),
        html.escape(text),
    ):
        assert leaks(token, leak=f"before {leak} after") == ["leak"]
    assert leaks(token, nothing='a b c % # "') == []


@pytest.mark.parametrize(
    "token", [AWKWARD, MARKED, "+", "%2B", "a b", "中文令牌", "=&=", "/?:@", "~-._", "🎮", "%", "x\u00a0x"]
)
@pytest.mark.parametrize("query", ["", "projectId=1&clusterName=%23x"])
def test_the_token_arrives_exact(token: Any, query: Any, raw_server: Any) -> None:
    async def main() -> Any:
        async with (
            raw_server(writes(http(envelope(0, "ok", data=1)))) as server,
            TaSession(server.url, token) as ta,
        ):
            await ta.call(Request(PROGRESS, query), lambda data: data)
            return server.heads[0]

    head = asyncio.run(main())
    target = head.split(b"\r\n")[0].split(b" ")[1].decode("ascii")
    pairs = parse_qsl(urlsplit(target).query, strict_parsing=True, keep_blank_values=True)
    assert pairs == [*parse_qsl(query), ("token", token)]
    assert quote(token, safe="").encode() not in head.partition(b"\r\n")[2]
