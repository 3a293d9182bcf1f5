"""The token never shows whichever operation fails, however the server echoes it: in pages, messages, stacks, data and headers."""

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
from tests.faults.echoes import ECHOES, ENDS, TOKEN
from tests.faults.operations import OPERATIONS, prepare
from tests.faults.spellings import leaks

if TYPE_CHECKING:
    from ta_cluster_async.emulator import Fault
    from tests.faults.operations import Operation


class Listener(logging.Handler):
    """Keeps all that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, with the arguments that a formatter may not show."""
        self.text += f"{record.getMessage()} {record.__dict__!r}\n"


@pytest.fixture
def listener() -> Any:
    """All that is logged from DEBUG on."""
    root, heard = logging.getLogger(), Listener()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    yield heard
    root.removeHandler(heard)
    root.setLevel(level)


async def fails(operation: Operation, echo: Fault) -> BaseException | None:
    """What the operation raises when its own request and every later one is answered so."""
    async with Emulator(settings=Settings(evaluate=False), token=TOKEN) as em, TaSession(em.url, TOKEN) as ta:
        em.seed_clusters(1)
        await prepare(em, operation)
        em.faults.add(echo, nth=operation.before + 1, count=None)
        try:
            await operation.act(ta)
        except TaError as problem:
            return problem
        return None


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("echo", ECHOES)
def test_no_operation_passes_an_echo_of_the_token_on(echo: str, operation: Operation, listener: Any) -> None:
    error = run(fails(operation, ECHOES[echo]))
    if error is None:
        assert (echo, operation.kind) in {
            ("data of wrong types", kind) for kind in ("update", "delete", "refresh", "call")
        }
        assert leaks(TOKEN, *ENDS, logs=listener.text) == []
        return
    locals_too = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    shown = {
        "str": str(error),
        "repr": repr(error),
        "attributes": repr(vars(error)),
        # The frames of this file know the token, and are not what is looked at.
        "traceback with locals": "".join(part for part in locals_too if __file__ not in part),
        "pickle": pickle.dumps(error).decode("latin-1"),
        "logs": listener.text,
    }
    assert error.__cause__ is error.__context__ is None
    assert leaks(TOKEN, *ENDS, **shown) == []


@pytest.mark.parametrize("token", [TOKEN, "emulator-token#1+1=2&100%", "0123456789abcdef", "令牌令牌"])
@pytest.mark.parametrize("before", ["", "x", "xy", "?token="])
@pytest.mark.parametrize("after", ["", "z", "&x=1"])
def test_the_token_is_masked_in_base64_and_in_digits_wherever_it_stands(
    token: str, before: str, after: str
) -> None:
    data = f"{before}{token}{after}".encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.b16encode):
        masked = Secret(token).mask(f"it is {encode(data).decode()} here")
        assert masked.startswith("it is ")
        assert masked.endswith(" here")
        assert "***" in masked
        assert leaks(token, masked=masked) == []


def test_what_a_short_token_looks_like_in_base64_is_left_alone() -> None:
    assert Secret("abc").mask("YWJj 616263") == "YWJj 616263"
