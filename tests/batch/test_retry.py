"""What the failure of a request means for a batch."""

from typing import Any

import pytest

from ta_cluster_async.batch.retry import ends_the_batch, is_refusal
from ta_cluster_async.errors import (
    ApiError,
    ConfigurationError,
    HttpStatusError,
    MissingParameter,
    NotFound,
    NotJson,
    NotSent,
    RateLimited,
    SchemaError,
    TokenRejected,
    TransportError,
)
from ta_cluster_async.models.ticket_errors import OutcomeUnknown


@pytest.mark.parametrize(
    ("error", "means"),
    [  # it may pass, it is a refusal, it ends the batch
        (NotSent("", reason="refused"), (True, False, False)),
        (NotSent("", reason="tls"), (False, False, False)),
        (NotSent("", reason="closed"), (False, False, True)),
        (OutcomeUnknown("", reason="lost"), (True, False, False)),
        (OutcomeUnknown("", reason="closed"), (False, False, True)),
        (ConfigurationError(""), (False, False, True)),
        (NotJson(""), (True, False, False)),
        (SchemaError(""), (False, False, False)),
        (SchemaError("", path="data.id"), (False, False, False)),
        (SchemaError("", path="return_code"), (True, False, False)),
        (HttpStatusError("", status=500), (True, False, False)),
        (HttpStatusError("", status=302), (True, False, False)),
        (HttpStatusError("", status=401), (True, False, False)),
        (HttpStatusError("", status=403), (True, False, False)),
        (HttpStatusError("", status=404), (True, False, False)),
        (HttpStatusError("", status=413), (False, False, False)),
        (HttpStatusError("", status=408), (True, False, False)),
        (HttpStatusError("", status=429), (True, False, False)),
        (RateLimited(-1005, ""), (True, False, False)),
        (ApiError(-1, "", status=429), (True, False, False)),
        (ApiError(-1, "", status=500), (True, False, False)),
        (ApiError(-1, ""), (True, True, False)),
        (ApiError(-3001, "", status=499), (False, True, False)),
        (ApiError(-3001, "", status=500), (True, False, False)),
        (ApiError(-3001, ""), (False, True, False)),
        (NotFound(-1, ""), (False, True, False)),
        (MissingParameter(-1, ""), (False, True, False)),
        (TokenRejected(-1, ""), (False, False, False)),
        (NotFound(-1, "", status=500), (False, True, False)),
        (MissingParameter(-1008, "", status=500), (False, True, False)),
        (TokenRejected(-1001, "", status=500), (False, False, False)),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.reason}" if isinstance(value, TransportError) else None,
)
def test_what_the_failure_of_a_request_means(error: Any, means: tuple[bool, bool, bool]) -> None:
    assert (error.may_pass, is_refusal(error), ends_the_batch(error)) == means
