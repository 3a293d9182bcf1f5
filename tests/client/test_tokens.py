"""The async token provider: asked when needed, anew after a rejection, by all calls together."""

import asyncio
from typing import Any

import pytest

from ta_cluster_async.client.secret import Secret
from ta_cluster_async.emulator.loop import run
from ta_cluster_async.errors import ConfigurationError, NotSent, TokenRejected
from ta_cluster_async.protocol.endpoints import CREATE, PROGRESS, REFRESH
from ta_cluster_async.protocol.requests import Request
from ta_cluster_async.protocol.retry import RetryPolicy

READ = Request(PROGRESS, "projectId=102&clusterId=970")
POST = Request(REFRESH, "projectId=102&clusterId=970")
MAKE = Request(CREATE, "", b"{}")


def same(data: Any) -> Any:
    return data


class Provider:
    """Gives its tokens one after the other, the last one for ever; each asking takes a second."""

    def __init__(self, *tokens: Any, seconds: Any = 1.0) -> None:
        self.tokens = list(tokens)
        self.seconds = seconds
        self.asked = 0

    async def __call__(self) -> Any:
        token = self.tokens[min(self.asked, len(self.tokens) - 1)]
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if isinstance(token, BaseException):
            raise token
        return token


@pytest.fixture
def server(ok: Any, refusal: Any) -> Any:
    """A server that accepts some tokens."""

    def make(*accepted: Any) -> Any:
        async def answer(sending: Any) -> Any:
            await asyncio.sleep(0.01)
            return ok if sending.token in accepted else refusal(-1001, f"token {sending.token} is invalid")

        return answer

    return make


def test_it_is_asked_once_for_many_calls(scripted: Any, server: Any) -> None:
    async def main() -> Any:
        async with transport.session(provider) as ta:
            return await asyncio.gather(*(ta.call(READ, same) for _ in range(20)))

    provider = Provider("good")
    transport = scripted(server("good"))
    assert run(main()) == [7] * 20
    assert provider.asked == 1


def test_it_is_not_asked_before_the_first_call(scripted: Any, server: Any) -> None:
    async def main() -> None:
        async with transport.session(provider):
            await asyncio.sleep(10)

    provider = Provider("good")
    transport = scripted(server("good"))
    run(main())
    assert provider.asked == 0


@pytest.mark.parametrize("token", ["good", Secret("good")])
def test_it_may_give_a_str_or_a_secret(scripted: Any, server: Any, token: Any) -> None:
    async def main() -> Any:
        async with transport.session(Provider(token)) as ta:
            return await ta.call(READ, same)

    transport = scripted(server("good"))
    assert run(main()) == 7


@pytest.mark.parametrize("request_", [READ, MAKE], ids=["read", "create"])
@pytest.mark.parametrize("attempts", [1, 4])
def test_it_is_token_renewed_after_a_rejection_and_the_request_is_sent_again(
    scripted: Any, server: Any, request_: Any, attempts: Any
) -> None:
    async def main() -> Any:
        async with transport.session(provider, retry=RetryPolicy(attempts=attempts)) as ta:
            return await ta.call(request_, same)

    provider = Provider("old", "new")
    transport = scripted(server("new"))
    assert run(main()) == 7
    assert [sending.token for sending in transport.sendings] == ["old", "new"]


def test_many_calls_with_a_rejected_token_share_one_asking(scripted: Any, server: Any) -> None:
    async def main() -> Any:
        async with transport.session(provider) as ta:
            assert await ta.call(READ, same) == 7
            transport.steps = [server("new")]
            return await asyncio.gather(*(ta.call(READ, same) for _ in range(20)))

    provider = Provider("old", "new")
    transport = scripted(server("old"))
    assert run(main()) == [7] * 20
    assert provider.asked == 2
    assert [sending.token for sending in transport.sendings].count("old") == 21


def test_a_late_rejection_of_the_old_token_does_not_reject_the_new_one(
    scripted: Any, ok: Any, refusal: Any
) -> None:
    async def answer(sending: Any) -> Any:
        if sending.token == "old":
            await asyncio.sleep(next(waits))
            return refusal(-1001, "invalid")
        return ok

    async def main() -> Any:
        async with transport.session(provider) as ta:
            return await asyncio.gather(ta.call(READ, same), ta.call(READ, same))

    waits = iter([1, 10])
    provider = Provider("old", "new")
    transport = scripted(answer)
    assert run(main()) == [7, 7]
    assert provider.asked == 2


def test_a_call_tries_two_tokens_at_most(scripted: Any, server: Any) -> None:
    async def main() -> Any:
        async with transport.session(provider) as ta:
            with pytest.raises(TokenRejected):
                await ta.call(READ, same)
            first = provider.asked
            with pytest.raises(TokenRejected):
                await ta.call(READ, same)
            return first

    provider = Provider(*"abcdefgh")
    transport = scripted(server())
    assert run(main()) == 2
    assert provider.asked == 4
    assert [sending.token for sending in transport.sendings] == ["a", "b", "c", "d"]


def test_a_provider_that_gives_the_rejected_token_again_ends_the_call_with_the_rejection(
    scripted: Any, server: Any
) -> None:
    async def main() -> Any:
        async with transport.session(provider) as ta:
            with pytest.raises(TokenRejected) as caught:
                await ta.call(READ, same)
            return caught.value

    provider = Provider("old")
    transport = scripted(server())
    error = run(main())
    assert (error.attempts, error.sent) == (1, "yes")
    assert "old" not in str(error)
    assert len(transport.sendings) == 1


@pytest.mark.parametrize(("attempts", "tries"), [(1, 1), (4, 2)])
def test_a_fixed_token_is_rejected_when_it_is_so_again_at_a_second_try(
    scripted: Any, server: Any, attempts: int, tries: int
) -> None:
    async def main() -> None:
        async with transport.session("old", retry=RetryPolicy(attempts=attempts)) as ta:
            with pytest.raises(TokenRejected, match="Check the token") as caught:
                await ta.call(POST, same)
            assert not caught.value.may_pass

    transport = scripted(server())
    run(main())
    assert len(transport.sendings) == tries


def test_a_fixed_token_that_one_answer_rejects_is_tried_again(scripted: Any, ok: Any, refusal: Any) -> None:
    async def main() -> Any:
        async with transport.session("old") as ta:
            return await ta.call(POST, same)

    transport = scripted(refusal(-1001, "token error"), ok)
    assert run(main()) == 7


def test_the_provider_is_asked_again_also_after_another_kind_of_failure(
    scripted: Any, server: Any, ok: Any, refusal: Any
) -> None:
    async def main() -> Any:
        async with transport.session(provider) as ta:
            return await ta.call(READ, same)

    provider = Provider("old", "new")
    transport = scripted(NotSent("refused.", reason="refused"), server("new"))
    assert run(main()) == 7
    assert [sending.token for sending in transport.sendings] == ["old", "old", "new"]


@pytest.mark.parametrize(
    "problem", [RuntimeError("hidden-token"), OSError("x"), KeyError("hidden-token"), TimeoutError("x")]
)
def test_what_it_raises_is_named_by_its_class_and_not_shown(scripted: Any, server: Any, problem: Any) -> None:
    async def main() -> Any:
        async with transport.session(Provider(problem)) as ta:
            with pytest.raises(NotSent) as caught:
                await ta.call(READ, same)
            return caught.value

    transport = scripted(server())
    error = run(main())
    assert (error.reason, error.attempts, error.sent, error.endpoint) == ("token", 0, "no", "progress")
    assert type(problem).__name__ in str(error)
    assert "hidden" not in str(error)
    assert error.__cause__ is error.__context__ is None
    assert not transport.sendings


@pytest.mark.parametrize("garbage", ["", " a", "a\n", "a\rb", b"hidden", None, 5, ["hidden"], "\ud800"])
def test_what_is_no_token_is_a_clear_error_that_does_not_show_it(
    scripted: Any, server: Any, garbage: Any
) -> None:
    async def main() -> Any:
        async with transport.session(Provider(garbage)) as ta:
            with pytest.raises(ConfigurationError, match="token provider") as caught:
                await ta.call(READ, same)
            return caught.value

    transport = scripted(server())
    error = run(main())
    assert "hidden" not in str(error)
    assert not transport.sendings


def test_a_function_that_is_not_async_is_a_clear_error(scripted: Any, server: Any) -> None:
    async def main() -> None:
        async with transport.session(lambda: "hidden") as ta:
            with pytest.raises(ConfigurationError, match="async function"):
                await ta.call(READ, same)

    transport = scripted(server())
    run(main())


def test_one_that_hangs_ends_at_the_deadline_of_each_call(scripted: Any, server: Any) -> None:
    async def one(ta: Any, timeout: Any) -> Any:
        with pytest.raises(NotSent) as caught:
            await ta.call(READ, same, timeout=timeout)
        return caught.value.reason, asyncio.get_running_loop().time()

    async def main() -> Any:
        async with transport.session(Provider("good", seconds=1e6)) as ta:
            return await asyncio.gather(one(ta, 5), one(ta, 2), one(ta, 9))

    transport = scripted(server())
    assert run(main()) == [("token", 5), ("token", 2), ("token", 9)]


def test_its_failure_is_shared_by_waiting_calls_and_the_next_call_asks_again(
    scripted: Any, server: Any
) -> None:
    async def main() -> Any:
        async with transport.session(provider) as ta:
            outcomes = await asyncio.gather(*(ta.call(READ, same) for _ in range(10)), return_exceptions=True)
            assert all(type(outcome) is NotSent for outcome in outcomes)
            assert len({id(outcome) for outcome in outcomes}) == 10
            assert provider.asked == 1
            return await ta.call(READ, same)

    provider = Provider(RuntimeError("x"), "good")
    transport = scripted(server("good"))
    assert run(main()) == 7


def test_a_rejected_token_that_comes_again_is_shared_too(scripted: Any, server: Any) -> None:
    async def main() -> None:
        async with transport.session(provider) as ta:
            outcomes = await asyncio.gather(*(ta.call(READ, same) for _ in range(10)), return_exceptions=True)
            assert all(type(outcome) is TokenRejected for outcome in outcomes)

    provider = Provider("old")
    transport = scripted(server())
    run(main())
    assert provider.asked == 8, "at once, after 0.25 s, and after pauses that double; each time for all calls"
    assert len(transport.sendings) == 10


@pytest.mark.parametrize("gap", [0.2, 5.0, 20.0])
def test_a_call_waits_for_a_provider_that_learns_of_the_new_token_late(
    scripted: Any, server: Any, gap: float
) -> None:
    async def provider() -> str:
        return "old" if asyncio.get_running_loop().time() < gap else "new"

    async def main() -> list[int]:
        async with transport.session(provider) as ta:
            found = await asyncio.gather(*(ta.call(READ, same) for _ in range(10)))
            assert asyncio.get_running_loop().time() < 2 * gap + 1
            return found

    transport = scripted(server("new"))
    assert run(main()) == [7] * 10
    assert len(transport.sendings) == 20, "the old token is sent once by each call"


def test_a_rejection_may_pass_where_a_provider_gives_the_token(scripted: Any, server: Any) -> None:
    async def rejection(token: Any) -> TokenRejected:
        async with scripted(server()).session(token) as ta:
            with pytest.raises(TokenRejected) as caught:
                await ta.call(READ, same)
            return caught.value

    async def provider() -> str:
        return "old"

    assert run(rejection(provider)).may_pass
    assert not run(rejection("old")).may_pass


def test_when_the_call_that_asks_is_cancelled_the_next_one_asks(scripted: Any, server: Any) -> None:
    async def main() -> Any:
        async with transport.session(provider) as ta:
            first = asyncio.create_task(ta.call(READ, same))
            second = asyncio.create_task(ta.call(READ, same))
            await asyncio.sleep(0.5)
            first.cancel()
            return await second

    provider = Provider("good")
    transport = scripted(server("good"))
    assert run(main()) == 7
    assert provider.asked == 2


def test_a_failure_of_the_provider_after_a_rejection_is_raised(scripted: Any, server: Any) -> None:
    async def main() -> Any:
        async with transport.session(Provider("old", RuntimeError("x"))) as ta:
            with pytest.raises(NotSent, match="token provider failed") as caught:
                await ta.call(READ, same)
            return caught.value

    transport = scripted(server())
    error = run(main())
    assert (error.attempts, error.sent, error.safe_to_retry) == (1, "yes", True)


def test_a_call_that_waited_for_a_slot_takes_the_token_that_was_renewed_meanwhile(
    scripted: Any, ok: Any, refusal: Any
) -> None:
    async def answer(sending: Any) -> Any:
        await asyncio.sleep(1)
        return ok if sending.token == "new" else refusal(-1001, "invalid")

    async def main() -> Any:
        async with transport.session(Provider("old", "new", seconds=5), max_connections=1) as ta:
            return await asyncio.gather(*(ta.call(READ, same) for _ in range(3)))

    transport = scripted(answer)
    assert run(main()) == [7] * 3
    assert [sending.token for sending in transport.sendings] == ["old"] + ["new"] * 3


def test_closing_the_session_ends_an_asking(scripted: Any, server: Any) -> None:
    async def main() -> Any:
        async with transport.session(Provider("good", seconds=1e6)) as ta:
            calls = [asyncio.create_task(ta.call(READ, same)) for _ in range(3)]
            await asyncio.sleep(1)
            await ta.aclose()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            return [
                (type(o), getattr(o, "reason", None)) for o in outcomes
            ], asyncio.get_running_loop().time()

    transport = scripted(server())
    assert run(main()) == ([(NotSent, "closed")] * 3, 1.0)


def test_a_renewal_of_the_token_ends_with_the_time_of_the_call(scripted: Any, refusal: Any) -> None:
    asked = 0

    async def provider() -> str:
        nonlocal asked
        asked += 1
        if asked > 1:
            await asyncio.sleep(100)
        return "bad"

    async def main() -> Any:
        async with scripted(refusal(-1001)).session(provider) as ta:
            with pytest.raises(NotSent) as caught:
                await ta.call(READ, same, timeout=5)
            return caught.value.reason, asyncio.get_running_loop().time()

    assert run(main()) == ("token", 5)


def test_a_renewal_that_fails_ends_the_call(scripted: Any, refusal: Any) -> None:
    asked = 0

    async def provider() -> str:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise OSError
        return "bad"

    async def main() -> Any:
        async with transport.session(provider) as ta:
            with pytest.raises(NotSent) as caught:
                await ta.call(READ, same)
            return caught.value.reason

    transport = scripted(refusal(-1001))
    assert run(main()) == "token"
    assert (asked, len(transport.sendings)) == (2, 1)
