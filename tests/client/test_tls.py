"""TLS: private CAs, unknown ones, and what was sent when the handshake fails."""

import asyncio
import ssl
from typing import Any

import pytest
import trustme

from ta_cluster_async.errors import NotSent
from ta_cluster_async.models.ticket_errors import OutcomeUnknown
from ta_cluster_async.protocol.endpoints import REFRESH
from ta_cluster_async.protocol.requests import Request
from ta_cluster_async.protocol.retry import RetryPolicy
from ta_cluster_async.session import TaSession

START = Request(REFRESH, "projectId=102&clusterId=970")
ONCE = RetryPolicy(attempts=1)


def same(data: Any) -> Any:
    return data


async def takes(reader: Any, writer: Any, server: Any) -> Any:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"return_code":0,"data":7}')
    return True


def serving(authority: Any, name: Any = "127.0.0.1") -> Any:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def over_tls(raw_server: Any, served: Any, **settings: Any) -> Any:
    async def main() -> Any:
        retry = RetryPolicy(attempts=3, base=0)
        async with (
            raw_server(takes, ssl=served) as server,
            TaSession(server.url, "t", retry=retry, **settings) as ta,
        ):
            try:
                return await ta.call(START, same), server
            except NotSent as problem:
                return problem, server

    return asyncio.run(main())


@pytest.fixture(scope="module")
def authority() -> Any:
    return trustme.CA()


def test_a_private_ca_is_trusted_by_its_file_or_a_context(
    raw_server: Any, authority: Any, tmp_path: Any
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    for setting in (file, str(file), context, False):
        assert over_tls(raw_server, serving(authority), ssl=setting)[0] == 7


@pytest.mark.parametrize("setting", ["default", "another"])
def test_an_unknown_ca_is_not_sent_and_not_tried_again(
    raw_server: Any, authority: Any, tmp_path: Any, setting: Any
) -> None:
    file = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    problem, server = over_tls(raw_server, serving(authority), ssl=True if setting == "default" else file)
    assert (type(problem), problem.reason, problem.attempts) == (NotSent, "tls", 1)
    assert "certificate" in str(problem)
    assert "ssl=" in str(problem)
    assert server.heads == []


def test_a_certificate_for_another_name_is_not_sent(raw_server: Any, authority: Any, tmp_path: Any) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    problem, server = over_tls(raw_server, serving(authority, "ta.example.com"), ssl=file)
    assert (type(problem), problem.reason) == (NotSent, "tls")
    assert server.heads == []


def test_a_server_that_wants_a_client_certificate_is_no_clean_not_sent(
    raw_server: Any, authority: Any, tmp_path: Any
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    served = serving(authority)
    authority.configure_trust(served)
    served.verify_mode = ssl.CERT_REQUIRED

    async def main() -> Any:
        async with (
            raw_server(takes, ssl=served) as server,
            TaSession(server.url, "t", ssl=file, retry=ONCE) as ta,
        ):
            with pytest.raises((OutcomeUnknown, NotSent)) as caught:
                await ta.call(START, same)
            return caught.value

    # With TLS 1.3 the refusal comes after the handshake, when the request may have left already.
    assert type(asyncio.run(main())) is OutcomeUnknown
