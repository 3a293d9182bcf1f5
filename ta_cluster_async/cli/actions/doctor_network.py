"""Checks of the server below the session: whether it answers, its certificate and its clock. No token is sent."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import frozen

from ...client.validation import check_base_url, check_ssl
from ..exit_codes import Exit
from ..i18n.translate import ntr, tr
from .doctor_checks import CheckResult, CheckStatus

if TYPE_CHECKING:
    from ...session import TaSession
    from ..config.settings import Settings

_PATIENCE = 5.0
_SOON = 14
_WRONG = 60.0


@frozen(kw_only=True)
class Place:
    """Where the server is.

    Attributes:
        host: Its name or address.
        port: The port.
        path: The prefix of its paths.
        context: How its certificate is checked; None without TLS.
        is_checked: Whether it is checked at all.
    """

    host: str
    port: int
    path: str
    context: ssl.SSLContext | None
    is_checked: bool

    @classmethod
    def of(cls, settings: Settings, session: TaSession | None) -> Place:
        """Raises ConfigurationError when the address or the certificate file cannot be right."""
        url = session.base_url if session is not None else check_base_url(settings.base_url, None)
        if not isinstance(url, str):
            raise url
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        checked = check_ssl(settings.profile.session_settings(settings.ca_file)["ssl"])
        context: ssl.SSLContext | None = None
        if is_tls:
            context = checked if isinstance(checked, ssl.SSLContext) else ssl.create_default_context()
            if checked is False:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
        return cls(
            host=parts.hostname or "",
            port=parts.port or (443 if is_tls else 80),
            path=parts.path,
            context=context,
            is_checked=checked is not False,
        )


async def reach(place: Place) -> CheckResult:
    """Open a connection and close it."""
    return await asyncio.to_thread(_reach, place)


async def check_tls(place: Place) -> CheckResult:
    """Shake hands, and read the certificate."""
    return await asyncio.to_thread(_check_tls, place)


async def check_clock(place: Place) -> CheckResult:
    """Compare the clock of whoever answers with this machine's."""
    return await asyncio.to_thread(_check_clock, place)


def _reach(place: Place) -> CheckResult:
    where = f"{place.host}:{place.port}"
    began = time.monotonic()
    try:
        socket.create_connection((place.host, place.port), timeout=_PATIENCE).close()
    except socket.gaierror:
        what = tr("The host {host} has no address.", host=place.host)
        advice = tr("Check the host in the base URL and the DNS of this machine.")
    except ConnectionRefusedError:
        what = tr("Nothing listens at {where}.", where=where)
        advice = tr("Check the port in the base URL: the Open API often has 8992. Is the server running?")
    except TimeoutError:
        what = tr("{where} does not answer within {seconds:.0f} s.", where=where, seconds=_PATIENCE)
        advice = tr("A firewall may block it: ask for access from this machine to that port.")
    except OSError as problem:
        what = tr(
            "{where} cannot be reached: {reason}.",
            where=where,
            reason=problem.strerror or type(problem).__name__,
        )
        advice = tr("Check the base URL and the network.")
    else:
        took = 1000 * (time.monotonic() - began)
        return CheckResult(
            CheckStatus.OK, tr("address"), tr("{where} answers after {took:.0f} ms.", where=where, took=took)
        )
    return CheckResult(CheckStatus.FAILED, tr("address"), what, advice, Exit.UNREACHABLE)


def _check_tls(place: Place) -> CheckResult:
    if place.context is None:
        return CheckResult(
            CheckStatus.SKIPPED,
            "TLS",
            tr("The base URL begins with http://, so the token is sent unencrypted."),
            tr("Use https:// if the server has it."),
        )
    try:
        with (
            socket.create_connection((place.host, place.port), timeout=_PATIENCE) as plain,
            place.context.wrap_socket(plain, server_hostname=place.host) as secured,
        ):
            version, certificate = secured.version() or "TLS", secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as problem:
        return CheckResult(
            CheckStatus.FAILED,
            "TLS",
            tr("The certificate is not trusted: {reason}.", reason=problem.verify_message),
            tr("If the server has a private CA, give its certificate with --ca-file or TA_CA_FILE."),
            Exit.UNREACHABLE,
        )
    except OSError as problem:  # ssl.SSLError is one
        reason = getattr(problem, "reason", None) or problem.strerror or type(problem).__name__
        return CheckResult(
            CheckStatus.FAILED,
            "TLS",
            tr("There is no TLS at this port: {reason}.", reason=reason),
            tr("Check the port, or write http:// if the server has no TLS."),
            Exit.UNREACHABLE,
        )
    if not place.is_checked:
        return CheckResult(
            CheckStatus.WARNING,
            "TLS",
            tr("The profile has verify = false, so anyone could impersonate the server and read the token."),
            tr("Set ca_file to the certificate of the CA instead."),
        )
    return _check_expiry(version, str(certificate.get("notAfter", "")))


def _check_expiry(version: str, not_after: str) -> CheckResult:
    if not not_after:
        return CheckResult(
            CheckStatus.OK, "TLS", tr("{version}; the certificate is trusted.", version=version)
        )
    days = (ssl.cert_time_to_seconds(not_after) - time.time()) / 86400
    what = ntr(
        "{version}; the certificate is valid for {count} more day.",
        "{version}; the certificate is valid for {count} more days.",
        round(days),
        version=version,
    )
    if days < _SOON:
        return CheckResult(CheckStatus.WARNING, "TLS", what, tr("Renew it soon."))
    return CheckResult(CheckStatus.OK, "TLS", what)


def _check_clock(place: Place) -> CheckResult:
    subject = tr("clock")
    connection: http.client.HTTPConnection = (
        http.client.HTTPConnection(place.host, place.port, timeout=_PATIENCE)
        if place.context is None
        else http.client.HTTPSConnection(place.host, place.port, timeout=_PATIENCE, context=place.context)
    )
    try:
        connection.request("GET", f"{place.path}/")
        date = connection.getresponse().getheader("Date")
    except (OSError, http.client.HTTPException):
        date = None
    finally:
        connection.close()
    try:
        theirs = None if date is None else parsedate_to_datetime(date)
    except ValueError:
        theirs = None
    if theirs is None:
        return CheckResult(CheckStatus.SKIPPED, subject, tr("The server does not send its time."))
    ours = datetime.now(UTC)
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    apart = (ours - theirs).total_seconds()
    if abs(apart) > _WRONG:
        return CheckResult(
            CheckStatus.WARNING,
            subject,
            tr("This machine's clock is {seconds:.0f} s ahead of the server's.", seconds=apart)
            if apart > 0
            else tr("This machine's clock is {seconds:.0f} s behind the server's.", seconds=-apart),
            tr("Correct one of the two clocks: tickets and --stale-older-than depend on them."),
        )
    return CheckResult(
        CheckStatus.OK,
        subject,
        tr("It agrees with the server's clock to within {seconds:.0f} s.", seconds=max(1.0, abs(apart))),
    )
