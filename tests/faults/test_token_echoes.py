"""No failing operation shows the token, however the server echoes it: in pages, messages, stacks, data and headers."""

from __future__ import annotations

import base64
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from ta_cluster_async.client.secret import Secret
from ta_cluster_async.emulator import Emulator, Settings, run
from ta_cluster_async.errors import TaError
from ta_cluster_async.session import TaSession
from tests.faults.leaks import leaks
from tests.faults.operations import operations_as_parameters, prepare
from tests.faults.token_echoes import ECHOES, TOKEN, TOKEN_ENDS

if TYPE_CHECKING:
    from ta_cluster_async.emulator import Fault
    from tests.faults.operations import Operation


class LogCollector(logging.Handler):
    """Keeps everything that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record with all its attributes, also those that no formatter shows."""
        self.text += f"{record.getMessage()} {record.__dict__!r}\n"


@pytest.fixture
def logs() -> Any:
    """Everything that is logged from DEBUG on."""
    root, collector = logging.getLogger(), LogCollector()
    level = root.level
    root.addHandler(collector)
    root.setLevel(logging.DEBUG)
    yield collector
    root.removeHandler(collector)
    root.setLevel(level)


async def error_of(operation: Operation, echo: Fault) -> BaseException | None:
    """The error of an operation whose own request and all later ones are answered with an echo."""
    async with Emulator(settings=Settings(evaluate=False), token=TOKEN) as em, TaSession(em.url, TOKEN) as ta:
        em.seed_clusters(1)
        await prepare(em, operation)
        em.faults.add(echo, nth=operation.before + 1, count=None)
        try:
            await operation.act(ta)
        except TaError as problem:
            return problem
        return None


@pytest.mark.parametrize("operation", operations_as_parameters())
@pytest.mark.parametrize("echo", ECHOES)
def test_no_operation_shows_an_echo_of_the_token(echo: str, operation: Operation, logs: Any) -> None:
    error = run(error_of(operation, ECHOES[echo]))
    if error is None:
        assert (echo, operation.kind) in {
            ("data of wrong types", kind) for kind in ("update", "delete", "refresh", "call")
        }
        assert leaks(TOKEN, *TOKEN_ENDS, logs=logs.text) == []
        return
    locals_too = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    shown = {
        "str": str(error),
        "repr": repr(error),
        "attributes": repr(vars(error)),
        # The frames of this file contain the token and are left out.
        "traceback with locals": "".join(part for part in locals_too if __file__ not in part),
        "pickle": pickle.dumps(error).decode("latin-1"),
        "logs": logs.text,
    }
    assert error.__cause__ is error.__context__ is None
    assert leaks(TOKEN, *TOKEN_ENDS, **shown) == []


@pytest.mark.parametrize("token", [TOKEN, "emulator-token#1+1=2&100%", "0123456789abcdef", "令牌令牌"])
@pytest.mark.parametrize("before", ["", "x", "xy", "?token="])
@pytest.mark.parametrize("after", ["", "z", "&x=1"])
def test_the_token_is_masked_in_base64_and_in_digits_at_any_offset(
    token: str, before: str, after: str
) -> None:
    data = f"{before}{token}{after}".encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.b16encode):
        masked = Secret(token).mask(f"it is {encode(data).decode()} here")
        assert masked.startswith("it is ")
        assert masked.endswith(" here")
        assert "***" in masked
        assert leaks(token, masked=masked) == []


def test_the_base64_of_a_short_token_is_not_masked() -> None:
    assert Secret("abc").mask("YWJj 616263") == "YWJj 616263"
