"""A connection that is lost at the very moment at which an upload has been written."""

import asyncio
import gc

import aiohttp
import pytest

from ta_cluster_async import OutcomeUnknown, TaSession, UploadProgress
from ta_cluster_async.emulator import Emulator, Settings


def test_it_is_told_to_the_caller_and_not_to_the_event_loop_too():
    async def main():
        told: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        async with (
            Emulator(settings=Settings(evaluate=False)) as em,
            aiohttp.ClientSession() as lent,
            TaSession(em.url, em.token, client_session=lent) as ta,
        ):

            def cut(progress: UploadProgress) -> None:
                if progress.done:  # only the mark of the end has to be written yet
                    assert lent.connector is not None
                    for connection in lent.connector._acquired:
                        assert connection.transport is not None
                        connection.transport.abort()

            with pytest.raises(OutcomeUnknown, match="the connection was lost"):
                await ta.project(102).clusters.upload(
                    ["a"], display_name="d", main_column="#account_id", on_progress=cut, timeout=5.0
                )
        gc.collect()  # a task whose error nobody asked for would complain
        return told

    assert asyncio.run(main()) == []
