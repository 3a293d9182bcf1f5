"""The error tree: what every error carries, and that it survives pickle and copy."""

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from ta_cluster_async import errors
from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    HttpStatusError,
    InvalidRequest,
    JournalBusy,
    JournalError,
    MatchTooLow,
    MembersChanged,
    MembersIncomplete,
    MissingParameter,
    NotFound,
    NotJson,
    NotSent,
    ProtocolError,
    RateLimited,
    SchemaError,
    SourceChanged,
    TaError,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.models import RefreshTicket, ticket_errors
from ta_cluster_async.models.ticket_errors import (
    OutcomeUnknown,
    RefreshError,
    RefreshFailed,
    RefreshStalled,
    RefreshTimeout,
    RefreshUnconfirmed,
)

TICKET = RefreshTicket(project_id=102, cluster_id=970, submitted_at=datetime(2020, 1, 10, tzinfo=UTC))
COMMON: Any = {"endpoint": "refresh", "attempts": 3, "sent": "unknown", "safe_to_retry": False}
SAMPLES: list[TaError] = [
    TaError("said.", **COMMON),
    ConfigurationError("said.", **COMMON),
    InvalidRequest("said.", **COMMON),
    TransportError("said.", reason="lost", **COMMON),
    NotSent("said.", reason="dns", **COMMON),
    OutcomeUnknown("said.", reason="timeout", ticket=TICKET, **COMMON),
    ProtocolError("said.", status=418, **COMMON),
    HttpStatusError("said.", status=503, retry_after=2.5, **COMMON),
    NotJson("said.", status=200, **COMMON),
    SchemaError("said.", path="data.userClusters[3].id", **COMMON),
    ApiError(-9, "text", stack_message="at", status=500, retry_after=1.0, **COMMON),
    TokenRejected(-1001, "text", **COMMON),
    RateLimited(-1005, "text", retry_after=3.0, **COMMON),
    MissingParameter(-1008, "参数(token)为空", **COMMON),
    NotFound(-1, "text", **COMMON),
    RefreshError("said.", ticket=TICKET, progress=7, **COMMON),
    RefreshFailed("said.", ticket=TICKET, progress=-1, **COMMON),
    RefreshUnconfirmed("said.", ticket=TICKET, progress=100, **COMMON),
    RefreshStalled("said.", ticket=TICKET, progress=42, **COMMON),
    RefreshTimeout("said.", ticket=TICKET, progress=None, **COMMON),
    JournalError("said.", **COMMON),
    JournalBusy("said.", **COMMON),
    MatchTooLow("said.", cluster_id=970, required=0.95, match_rate=0.5, upload_num=4, **COMMON),
    MembersIncomplete("said.", count=2, expected=3, members=["1", "2"], **COMMON),
    MembersChanged("said.", **COMMON),
    SourceChanged("said.", cluster_id=970, upload_num=4, **COMMON),
]
each_error = pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)


def test_there_is_a_sample_of_every_class() -> None:
    classes = {
        value
        for module in (errors, ticket_errors)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, TaError)
    }
    assert {type(error) for error in SAMPLES} == classes


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (ConfigurationError, TaError),
        (InvalidRequest, TaError),
        (NotSent, TransportError),
        (OutcomeUnknown, TransportError),
        (TransportError, TaError),
        (HttpStatusError, ProtocolError),
        (NotJson, ProtocolError),
        (SchemaError, ProtocolError),
        (ProtocolError, TaError),
        (TokenRejected, ApiError),
        (RateLimited, ApiError),
        (MissingParameter, ApiError),
        (NotFound, ApiError),
        (ApiError, TaError),
        (RefreshFailed, RefreshError),
        (RefreshUnconfirmed, RefreshError),
        (RefreshStalled, RefreshError),
        (RefreshTimeout, RefreshError),
        (RefreshError, TaError),
        (JournalBusy, JournalError),
        (JournalError, TaError),
        (TaError, Exception),
    ],
)
def test_the_tree_is_the_one_of_the_contract(error: Any, base: Any) -> None:
    assert error.__bases__ == (base,)


@each_error
@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)),
    ],
    ids=["copy", "deepcopy", *(f"pickle{p}" for p in range(pickle.HIGHEST_PROTOCOL + 1))],
)
def test_an_error_survives_with_all_its_attributes(error: Any, duplicate: Any) -> None:
    twin = duplicate(error)
    assert twin is not error
    assert type(twin) is type(error)
    assert vars(twin) == vars(error)
    assert (str(twin), repr(twin), twin.args) == (str(error), repr(error), error.args)


@each_error
def test_a_note_survives_too(error: Any) -> None:
    noted = copy.copy(error)
    noted.add_note("from the batch")
    assert pickle.loads(pickle.dumps(noted)).__notes__ == ["from the batch"]


@each_error
def test_the_message_names_the_endpoint_the_attempts_and_what_to_do_next(error: Any) -> None:
    said = str(error)
    assert said.startswith("refresh: ")
    assert "(3 attempts)" in said
    assert type(error).advice in said


@each_error
def test_every_error_carries_what_a_caller_decides_by(error: Any) -> None:
    assert (error.endpoint, error.attempts, error.sent, error.safe_to_retry) == (
        "refresh",
        3,
        "unknown",
        False,
    )


def test_an_unknown_outcome_that_is_safe_says_so() -> None:
    assert "look before you call again" in str(OutcomeUnknown("lost."))
    assert "safe to call again" in str(OutcomeUnknown("lost.", safe_to_retry=True))


def test_one_attempt_is_not_counted_in_the_message() -> None:
    assert "attempt" not in str(TaError("said.", attempts=1))


def test_an_error_without_history_has_no_frames_and_no_chain() -> None:
    def fail() -> None:
        try:
            raise ValueError("raw")
        except ValueError as problem:
            raise TaError("clean.") from problem

    with pytest.raises(TaError) as caught:
        fail()
    error = caught.value.without_history()
    assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)


@pytest.mark.parametrize("text", ["does not exist", "does not exist.", "标签不存在。"])
def test_the_text_of_a_server_ends_with_one_full_stop(text: str) -> None:
    error = errors.ApiError(-1, text)
    assert str(error) == f"the server answered return_code -1: {text.rstrip('.。')}."
    assert error.return_message == text


def test_an_argument_that_no_error_has_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'atempts'"):
        TaError("said.", atempts=1)  # type: ignore[call-arg]
