"""What mutants of the protocol told apart nobody else did: bounds to the last number, and which words a message has."""
# ruff: noqa: DTZ001 - server times have no zone

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from attrs import evolve

from ta_cluster_async.errors import (
    ApiError,
    HttpStatusError,
    InvalidRequest,
    NotJson,
    RateLimited,
    SchemaError,
    TaError,
    TokenRejected,
)
from ta_cluster_async.models import RefreshTicket
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol import json
from ta_cluster_async.protocol.attempts import Attempts
from ta_cluster_async.protocol.csv import Dropped, encode_ids, encode_pairs
from ta_cluster_async.protocol.endpoints import (
    CREATE,
    DETAIL,
    UPDATE,
    UPLOAD,
    Replay,
)
from ta_cluster_async.protocol.envelope import decode
from ta_cluster_async.protocol.refresh import (
    PollPolicy,
    Verdict,
    Watch,
    has_begun,
    look,
)
from ta_cluster_async.protocol.requests import Response, build, ref_query
from ta_cluster_async.protocol.retry import (
    RetryBudget,
    RetryPolicy,
    is_rate_limit,
    may_have_applied,
    may_resend,
)
from ta_cluster_async.protocol.validation import (
    check_display_name,
    check_id,
    check_name,
    check_ref,
)

T0 = datetime(2020, 1, 9, 10, 51, 14)
T1 = datetime(2020, 1, 10, 10, 51, 14)
# A Wednesday, and ten seconds before the date of the header.
NOW = 1_600_000_000.0
IN_TEN_SECONDS = "Sun, 13 Sep 2020 12:26:50 GMT"


# Answers


def error(body: bytes, status: int = 200, retry_after: str | None = None) -> Any:
    problem = decode(Response(status, body, retry_after), lambda text: text.replace("s3cr3t", "***"), NOW)
    assert isinstance(problem, TaError)
    return problem


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b" \r\n", "an empty body"),
        (b"\xff\xfe\xfd", "3 bytes that are not UTF-8"),
        (b"busy  \n now", "text ('busy now')"),
        (b"token s3cr3t", "text ('token ***')"),
        (b"<html></html>", "an HTML page"),
        (b"  <p>busy", "an HTML page"),
        (b"oops <HTML>", "an HTML page"),
        (b"x" * 1019 + b"<html", "an HTML page"),
        (b"<html><title> Bad  Gateway </title>", "an HTML page ('Bad Gateway')"),
        (b"<HTML><TITLE>Bad Gateway</TITLE>", "an HTML page ('Bad Gateway')"),
        (b"<html><title> </title>", "an HTML page"),
        (b'{"return_code": 0', "broken or truncated JSON"),
        (b'  {"return_code": 0', "broken or truncated JSON"),
        (b"[1, 2", "broken or truncated JSON"),
    ],
)
@pytest.mark.parametrize(
    ("status", "whole"),
    [(200, "HTTP 200 with {} in place of JSON{}."), (502, "HTTP 502 with {} in place of an answer{}.")],
)
def test_what_is_no_json_is_named_and_shown_where_it_can_be_read(
    body: bytes, said: str, status: int, whole: str
) -> None:
    problem = error(body, status)
    what, mark, shown = said.partition(" (")
    assert problem.message == whole.format(what, mark + shown)
    assert problem.status == status
    assert type(problem) is (NotJson if status == 200 else HttpStatusError)


def test_what_is_no_json_keeps_its_status() -> None:
    assert error(b"created", 201).status == 201


def test_json_without_a_return_code_is_called_so() -> None:
    assert error(b"{}").message == "the answer is JSON without a return_code."
    assert error(b'{"return_code":"0"}').message == "return_code has to be an integer, not a string."


def test_a_page_whose_first_kibibyte_is_no_html_is_text() -> None:
    assert "with text in place" in error(b"x" * 1020 + b"<html").message


def test_an_excerpt_ends_after_120_characters() -> None:
    assert error(b"y" * 500).message == f"HTTP 200 with text in place of JSON ({'y' * 120!r})."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (299, SchemaError),
        (300, HttpStatusError),
        (399, HttpStatusError),
        (400, HttpStatusError),
        (401, TokenRejected),
        (403, TokenRejected),
        (404, HttpStatusError),
    ],
)
@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"return_code":"0"}', b'{"return_code":null}'])
def test_json_without_a_return_code_is_of_the_kind_of_its_status(
    status: int, kind: type[TaError], body: bytes
) -> None:
    problem = error(body, status)
    assert problem.status == status
    assert type(problem) is kind
    if status >= 400:
        assert f"HTTP {status} with other JSON in place of an answer ({body.decode()!r})" in problem.message


@pytest.mark.parametrize(("status", "redirects"), [(300, True), (399, True), (400, False)])
def test_a_redirect_is_a_status_of_300_to_399(status: int, redirects: bool) -> None:  # noqa: FBT001
    problem = error(b"<html>", status)
    assert ("redirects" in problem.message) is redirects
    assert problem.status == status


def test_a_rejection_without_an_envelope_has_the_status_for_its_code() -> None:
    problem = error(b"", 403)
    assert (problem.return_code, problem.status) == (403, 403)
    assert problem.return_message == "HTTP 403 with an empty body in place of an answer"
    assert problem.message == "HTTP 403 with an empty body in place of an answer."


@pytest.mark.parametrize("body", [b"busy", b"{}", b'{"return_code":-1}', b'{"return_code":"-1"}'])
def test_retry_after_is_a_date_from_now_on_in_every_kind_of_answer(body: bytes) -> None:
    problem = error(body, 429, IN_TEN_SECONDS)
    assert problem.retry_after == 10
    assert problem.status == 429


@pytest.mark.parametrize(("length", "is_cut"), [(16 * 1024, False), (16 * 1024 + 1, True)])
def test_of_a_long_message_only_the_beginning_is_looked_through(length: int, is_cut: bool) -> None:  # noqa: FBT001
    problem = error(b'{"return_code":-1,"return_message":"%s"}' % (b"m" * length))
    assert problem.return_message == ("m" * 12 * 1024 + "…" if is_cut else "m" * length)


def test_json_is_read_without_msgspec_whatever_stands_around_it() -> None:
    for text in (b' {"a":1}', b'{"a":1} ', b"\n[1]\n", b' {"a":1}\n', b'[{"a":1}'):
        if text.startswith(b"[{"):
            with pytest.raises(ValueError, match="delimiter"):
                json.read_slowly(text)
        else:
            assert json.read_slowly(text) in ({"a": 1}, [1])


# Retries


def test_a_refusal_that_nobody_knows_of_a_create_is_not_safe_to_repeat() -> None:
    met = Attempts(CREATE)
    met.add(ApiError(-2000, "?"))
    assert not met.failure().safe_to_retry
    met = Attempts(UPDATE)
    met.add(ApiError(-2000, "?"))
    assert met.failure().safe_to_retry


def test_what_may_have_had_an_effect_gets_no_wait_but_an_end() -> None:
    lost = OutcomeUnknown("lost.", reason="lost")
    policy = RetryPolicy()
    assert policy.delay(lost, Replay.RECONCILE, 1, Random(1)) is None
    assert policy.delay(lost, Replay.REPLAYABLE, 1, Random(1)) is not None


def test_a_rate_limit_pauses_the_session_by_what_was_asked_up_to_the_cap() -> None:
    policy = RetryPolicy(base=2.0, cap=7.0, retry_after_cap=60.0)
    assert [policy.pause(RateLimited(-1005, ""), attempt) for attempt in (1, 2, 3)] == [2, 4, 7]
    assert policy.pause(RateLimited(-1005, "", retry_after=5.0), 1) == 5
    assert policy.pause(HttpStatusError("", status=429, retry_after=500.0), 1) == 60
    assert policy.pause(HttpStatusError("", status=503, retry_after=5.0), 1) == 0


@pytest.mark.parametrize(
    "wrong", [SchemaError("", status=429), NotJson("", status=429), OutcomeUnknown("", reason="lost")]
)
def test_only_a_refusal_is_a_rate_limit(wrong: TaError) -> None:
    # An envelope with return_code 0 is a success whatever its status, also where its data cannot be read.
    assert not is_rate_limit(wrong)
    assert may_have_applied(wrong)
    assert not may_resend(wrong, Replay.RECONCILE)


def test_a_budget_is_never_more_than_it_was() -> None:
    budget = RetryBudget(RetryPolicy(budget=2.0, refund=0.75))
    assert [budget.take(), budget.take(), budget.take()] == [True, True, False]
    left = []
    for _ in range(4):
        budget.give()
        left.append(budget.left)
    assert left == [0.75, 1.5, 2.0, 2.0]


# Requests


def test_a_request_is_of_its_endpoint_and_has_its_body() -> None:
    upload: Any = object()
    query: Any = {"projectId": 1, "displayName": "x", "mainColumnName": "#account_id"}
    request = build(UPLOAD, query, upload=upload)
    assert request.endpoint is UPLOAD
    assert request.upload is upload
    assert request.body is None
    assert build(UPDATE, {"clusterId": 1}, {}).body == b"{}"


def test_a_slash_in_a_name_stays_in_the_query() -> None:
    assert ref_query(DETAIL, 102, "a/b") == "projectId=102&clusterName=a%2Fb"


def test_what_json_cannot_say_is_told_by_its_kind() -> None:
    with pytest.raises(InvalidRequest, match=r"given to update .* cannot say \(TypeError\)") as caught:
        build(UPDATE, {"clusterId": 1}, {"a": object()})
    assert caught.value.endpoint == "update"


# Names


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (0, "0"),
        (-7, "-7"),
        (True, "bool"),
        (1.5, "float"),
        (None, "NoneType"),
        ("970", "a str"),
        ("", "a blank str"),
        (" ", "a blank str"),
    ],
)
def test_what_is_no_id_is_named_by_its_kind(wrong: Any, kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_id(wrong, "The thing")
    assert caught.value.message == f"The thing has to be a positive int, not {kind}."


def test_what_is_no_ref_is_named_so() -> None:
    with pytest.raises(InvalidRequest, match=r"A ref that is no name has to be a positive int, not float\."):
        check_ref(1.5, strict=True)
    with pytest.raises(InvalidRequest, match="1 to 24 letters"):
        check_ref("a b", strict=True)
    assert check_ref("a b", strict=False) == "a b"


def test_what_is_no_name_is_named_by_its_kind() -> None:
    with pytest.raises(InvalidRequest, match=r"has to be a str, not 5\."):
        check_name(5, strict=True)
    with pytest.raises(InvalidRequest, match=r"not NoneType\."):
        check_display_name(None, strict=True)
    with pytest.raises(InvalidRequest, match=r"not a blank str\."):
        check_display_name(" ", strict=True)


# Uploads


def test_rows_without_an_id_are_left_out_and_counted_where_that_is_wanted() -> None:
    dropped = Dropped()
    assert encode_ids(["a", None, 7, "", " \t", "b,c"], 1, dropped) == b'a\r\n7\r\n"b,c"\r\n'
    assert dropped.num == 3
    assert encode_pairs([("a", 1), (None, 2), (" ", 3), ("b", None)], 1, dropped) == b"a,1\r\nb,\r\n"
    assert dropped.num == 5


@pytest.mark.parametrize("dropped", [None, Dropped()])
def test_what_is_wrong_with_a_row_is_said_with_its_number_and_column(dropped: Dropped | None) -> None:
    def said(encode: Any, rows: Any) -> str:
        with pytest.raises(InvalidRequest) as caught:
            encode(rows, 10, dropped)
        return caught.value.message

    assert said(encode_ids, ["a", "b\0"]) == "The id of row 11 has a NUL character, which CSV cannot say."
    assert said(encode_pairs, [("b", "\0")]).startswith("The tag value of row 10 has a NUL")
    assert said(encode_pairs, [("a", "b"), (1.5, "b")]) == (
        "The id of row 11 has to be a str, an int or a Decimal, not float."
    )
    assert said(encode_pairs, [("a", 1.5)]) == (
        "The tag value of row 10 has to be a str, an int or a Decimal, not float."
    )
    assert said(encode_pairs, ["ab"]) == ("Row 10 has to be a pair of an id and a tag value, not str.")


def test_an_id_that_is_missing_may_be_passed_over_and_a_wrong_one_not() -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode_ids([None], 1)
    assert caught.value.message == (
        "The id of row 1 has to be a str, an int or a Decimal, not NoneType."
        ' Leave it out, or pass on_null="skip".'
    )


def test_ids_are_cut_nowhere_but_at_a_mark_before_the_first() -> None:
    assert encode_ids(["\ufeff\ufeffa"], 1) == "\ufeffa\r\n".encode()
    assert encode_ids(["a", "\ufeffb"], 1) == "a\r\n\ufeffb\r\n".encode()


# Refreshes


def watch_of(**what: Any) -> Watch:
    return evolve(Watch(baseline_progress=100, baseline_time=T0, since=0.0), **what)


def test_a_ticket_gives_the_watch_its_baseline() -> None:
    ticket = RefreshTicket(
        project_id=1,
        cluster_id=970,
        submitted_at=datetime.now(UTC),
        baseline_progress=-1,
        baseline_refresh_time=T0,
    )
    watch = Watch.of(ticket, 7.0)
    assert (watch.baseline_progress, watch.baseline_time, watch.since, watch.moved) == (-1, T0, 7.0, 7.0)
    assert [watch.proven, Watch.of(evolve(ticket, attached=True), 7.0).proven] == [False, True]
    assert Watch.of(evolve(ticket, seen_running=True), 7.0).proven


class Middle(Random):
    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_looks_become_rarer_with_the_time_since_the_post() -> None:
    policy = PollPolicy(first=1.0, share=0.1, longest=30.0)
    waits = [policy.interval(elapsed, Middle()) for elapsed in (0, 5, 50, 200, 300, 10_000)]
    assert waits == [1, 1, 5, 20, 30, 30]
    assert PollPolicy(first=0.0, share=0.0, longest=0.0).interval(0, Middle()) == 0.01


@pytest.mark.parametrize(("progress", "verdict"), [(100, Verdict.SUCCEEDED), (-1, Verdict.FAILED)])
def test_the_progress_of_an_end_is_100_or_what_was_seen_last(progress: int, verdict: Verdict) -> None:
    watch, _ = look(watch_of(), PollPolicy(), 1.0, 40, T0)
    watch, seen = look(watch, PollPolicy(), 2.0, progress, T1)
    assert (seen, watch.progress) == (verdict, 100 if progress == 100 else 40)


def test_an_end_that_was_waited_out_is_forgotten_when_it_runs() -> None:
    watch, _ = look(watch_of(), PollPolicy(), 1.0, 100, T1)
    assert watch.standing == (100, T1, 1.0)
    watch, _ = look(watch, PollPolicy(), 2.0, 3, T1)
    assert watch.standing is None


def test_the_first_progress_that_is_seen_is_no_pause() -> None:
    policy = PollPolicy(stall=0.0)
    watch, verdict = look(watch_of(), policy, 50.0, 10, T0)
    assert (watch.longest_pause, verdict) == (0.0, Verdict.WAIT)
    assert look(watch, policy, 50.1, 10, T0)[1] is Verdict.STALLED


def test_the_longest_pause_of_all_counts_five_times() -> None:
    policy = PollPolicy(stall=1.0)
    watch = watch_of()
    for now, progress in ((0.0, 1), (20.0, 2), (23.0, 3)):
        watch, verdict = look(watch, policy, now, progress, T0)
        assert verdict is Verdict.WAIT
    assert watch.longest_pause == 20
    assert look(watch, policy, 122.9, 3, T0)[1] is Verdict.WAIT
    assert look(watch, policy, 123.0, 3, T0)[1] is Verdict.STALLED


@pytest.mark.parametrize(
    ("progress", "time", "seen", "verdict"),
    [
        (0, None, 0, Verdict.UNCONFIRMED),
        (0, T0, 0, Verdict.STALLED),
        (100, None, 0, Verdict.STALLED),
        (None, None, 0, Verdict.STALLED),
        (0, None, 1, Verdict.STALLED),
    ],
)
def test_only_a_first_computation_that_shows_no_progress_is_unconfirmed_when_it_stands(
    progress: int | None, time: datetime | None, seen: int, verdict: Verdict
) -> None:
    watch = watch_of(baseline_progress=progress, baseline_time=time)
    watch, first = look(watch, PollPolicy(stall=10.0), 1.0, seen, None)
    assert first is Verdict.WAIT
    assert look(watch, PollPolicy(stall=10.0), 10.9, seen, None)[1] is Verdict.WAIT
    assert look(watch, PollPolicy(stall=10.0), 11.0, seen, None)[1] is verdict


@pytest.mark.parametrize(
    ("baseline", "seen", "begun"),
    [
        ((None, None), (0, None), True),
        ((0, None), (0, None), False),
        ((0, T0), (0, None), True),
        ((0, T0), (0, T0), False),
        ((100, T0), (0, T0), True),
        ((99, T0), (99, T0), False),
        ((99, T0), (99, None), True),
        ((100, T0), (100, T0), False),
        ((100, T0), (100, None), False),
        ((100, T0), (100, T1), True),
        ((100, T0), (-1, T0), True),
        ((None, None), (100, T1), False),
        ((None, T0), (100, T1), True),
        ((None, T0), (100, None), False),
    ],
)
def test_a_state_after_a_post_of_unknown_outcome_shows_whether_it_was_applied(
    baseline: Any,
    seen: Any,
    begun: bool,  # noqa: FBT001
) -> None:
    watch = watch_of(baseline_progress=baseline[0], baseline_time=baseline[1])
    assert has_begun(watch, *seen) is begun
