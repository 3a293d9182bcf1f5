"""The checks of the settings of a session. Their messages never show the value, which may be or contain the token."""

from __future__ import annotations

import ipaddress
import math
import os
import re
import socket
import ssl as ssl_module
import sys
import warnings
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from ..errors import ConfigurationError, TaWarning
from ..messages import Message
from .secret import Secret

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_LONG = 8  # a shorter token may be part of the address by chance
_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x20\x7f-\x9f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LOCAL_SUFFIXES = (".local", ".internal", ".lan", ".localhost", ".home.arpa", ".test", ".invalid")


def check_base_url(value: object, token: Secret | None) -> str | ConfigurationError:
    """Return the base URL in ASCII and without a slash at its end, or the error that it is."""
    if not isinstance(value, str) or not value:
        return _wrong("base-url-not-a-str")
    if token is not None and len(token.reveal()) >= _LONG and token.reveal() in value:
        return _wrong("base-url-with-token")
    if _BLANK_OR_CONTROL.search(value) or "\\" in value:
        return _wrong("base-url-with-blank")
    if "?" in value or "#" in value:
        return _wrong("base-url-with-query")
    try:
        parts = urlsplit(value)
        port = parts.port
        host = _ascii_host(parts)
    except ValueError:  # UnicodeError is one
        return _wrong("base-url-invalid-host")
    if parts.scheme not in ("http", "https"):
        return _wrong("base-url-without-scheme")
    if "@" in parts.netloc:
        return _wrong("base-url-with-user")
    if not host or port == 0:
        return _wrong("base-url-without-host")
    netloc = host if port is None else f"{host}:{port}"
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._").rstrip("/")
    return f"{parts.scheme}://{netloc}{path}"


def warn_if_unencrypted(base_url: str) -> None:
    """Warn when the token would travel unencrypted over the public internet.

    The warning names the file of the caller without a line: Python would print that line, in which the token may stand.
    """
    parts = urlsplit(base_url)
    if parts.scheme == "http" and parts.hostname and _is_public(parts.hostname):
        caller = sys._getframe(2)  # noqa: SLF001  (where `warnings.warn` has it from)
        warnings.warn_explicit(
            TaWarning(Message("token-unencrypted", host=parts.hostname)),
            TaWarning,
            caller.f_code.co_filename,
            0,
            module=caller.f_globals.get("__name__"),
            registry=caller.f_globals.setdefault("__warningregistry__", {}),
        )


def check_token(value: object) -> Secret:
    """Return the token as a Secret. Raises ConfigurationError, never with the token in it."""
    secret = Secret(value) if isinstance(value, str) else value
    value = None
    if not isinstance(secret, Secret):
        raise _wrong("token-wrong-type")
    if not secret:
        raise _wrong("token-empty")
    problem = _token_problem(secret)
    if problem is not None:
        raise ConfigurationError(Message("token-unusable", problem=problem))
    return secret


def check_ssl(value: object) -> ssl_module.SSLContext | bool:
    """Return what the transport takes: a context, True for the default check, False for none. Raises ConfigurationError."""
    if isinstance(value, bool | ssl_module.SSLContext):
        return value
    if not isinstance(value, str | os.PathLike):
        raise _wrong("ssl-wrong-type")
    try:
        return ssl_module.create_default_context(cafile=value)
    except (OSError, ValueError) as problem:  # ssl.SSLError is an OSError
        reason = getattr(problem, "strerror", None) or type(problem).__name__
    raise ConfigurationError(Message("certificate-unusable", path=str(os.fspath(value)), reason=reason))


def positive(value: object, name: str) -> float:
    """Return a finite number above 0 as a float. Raises ConfigurationError."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise ConfigurationError(Message("must-be-positive", name=name))


def at_least_one(value: object, name: str) -> int:
    """Return an int above 0. Raises ConfigurationError."""
    if type(value) is int and value >= 1:
        return value
    raise ConfigurationError(Message("must-be-at-least-one", name=name))


def not_negative(value: object, name: str) -> int:
    """Return an int of at least 0. Raises ConfigurationError."""
    if type(value) is int and value >= 0:
        return value
    raise ConfigurationError(Message("must-not-be-negative", name=name))


def _wrong(code: str) -> ConfigurationError:
    return ConfigurationError(Message(code))


def _token_problem(secret: Secret) -> Message | None:
    text = secret.reveal()
    if text != text.strip():
        return Message("token-with-white-space")
    if _CONTROL.search(text):
        return Message("token-with-control-character")
    try:
        text.encode()
    except UnicodeEncodeError:
        return Message("token-with-surrogate")
    return None


def _ascii_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        ipaddress.IPv6Address(host)
        return f"[{host}]"
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _is_public(host: str) -> bool:
    """True unless the host is known not to be: loopback, private, a bare name, or a name of a local domain."""
    name = host.rstrip(".").lower()
    address = _address(name)
    if address is None:
        return "." in name and not name.endswith(_LOCAL_SUFFIXES)
    return address.is_global


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is, also one that is written as a number or with less than four (134744072, 0x8.8.8.8), or None."""
    try:
        if ":" in host:
            address = ipaddress.IPv6Address(host)
            return address.ipv4_mapped or address
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
