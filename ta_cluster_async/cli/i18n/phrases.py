"""Texts of Python, the operating system, TLS, YAML and typer in Chinese, which none of them knows."""

from __future__ import annotations

import re

from .language import is_chinese
from .language import look_up as tr


def translated(text: str) -> str:
    """Return a text that another library or the operating system wrote in Chinese, if the user reads Chinese and it is known."""
    if not is_chinese():
        return text
    for pattern, phrase in _phrases():
        found = re.fullmatch(pattern, text, re.IGNORECASE)
        if found:
            parts = (translated(part.replace("', '", "'、'")) for part in found.groups())
            return phrase.format(*parts)
    return text


def _phrases() -> tuple[tuple[str, str], ...]:
    """Return the patterns of known texts with their translations, in which `{0}` stands for the first group."""
    return (
        # The operating system.
        (r"No such file or directory", tr("No such file or directory")),
        (r"Permission denied", tr("Permission denied")),
        (r"Operation not permitted", tr("Operation not permitted")),
        (r"Is a directory", tr("Is a directory")),
        (r"Not a directory", tr("Not a directory")),
        (r"File exists", tr("File exists")),
        (r"File name too long", tr("File name too long")),
        (r"No space left on device", tr("No space left on device")),
        (r"Disk quota exceeded", tr("Disk quota exceeded")),
        (r"Read-only file system", tr("Read-only file system")),
        (r"Too many open files(?: in system)?", tr("Too many open files")),
        (r"Too many levels of symbolic links", tr("Too many levels of symbolic links")),
        (r"Input/output error", tr("Input/output error")),
        (r"Broken pipe", tr("Broken pipe")),
        (r"Connection refused", tr("Connection refused")),
        (r"Connect call failed .*", tr("Connect call failed")),
        (r"Multiple exceptions: .*", tr("Connect call failed")),
        (r"Connection reset by peer", tr("Connection reset by peer")),
        (r"Connection timed out|Operation timed out", tr("Connection timed out")),
        (r"Network is unreachable", tr("Network is unreachable")),
        (r"No route to host", tr("No route to host")),
        (r"Address already in use", tr("Address already in use")),
        (
            r"Cannot assign requested address|Can't assign requested address",
            tr("Cannot assign requested address"),
        ),
        (
            r"(?:\[Errno \d+\] )?error while attempting to bind on address \('(.+?)', (\d+).*\): (?:\[errno \d+\] )?(.+)",
            tr("{0} cannot be listened to at port {1}: {2}"),
        ),
        # TLS.
        (r"certificate has expired", tr("certificate has expired")),
        (r"certificate is not yet valid", tr("certificate is not yet valid")),
        (r"self[- ]signed certificate", tr("self-signed certificate")),
        (
            r"self[- ]signed certificate in certificate chain",
            tr("self-signed certificate in certificate chain"),
        ),
        (r"unable to get (?:local )?issuer certificate", tr("unable to get local issuer certificate")),
        (
            r"(?:Hostname|IP address) mismatch, certificate is not valid for '(.+)'\.?",
            tr("certificate is not valid for {0}"),
        ),
        (r"\[X509: NO_CERTIFICATE_OR_CRL_FOUND\].*", tr("no certificate found")),
        # YAML.
        (r"could not find expected ':'", tr("could not find expected ':'")),
        (r"mapping values are not allowed here", tr("mapping values are not allowed here")),
        (r"mapping keys are not allowed here", tr("mapping keys are not allowed here")),
        (r"sequence entries are not allowed here", tr("sequence entries are not allowed here")),
        (
            r"found character '\\t' that cannot start any token",
            tr("a tab cannot begin this, indent with blanks"),
        ),
        (
            r"found character (.+) that cannot start any token",
            tr("{0} cannot begin this, quotes may be missing"),
        ),
        (r"found unexpected end of stream", tr("found unexpected end of stream")),
        (r"found undefined alias (.+)", tr("found undefined alias {0}")),
        (r"second occurrence", tr("the anchor is there already")),
        (r"found unknown escape character (.+)", tr("found unknown escape character {0}")),
        (r"expected '(<document start>)', but found (.+)", tr("expected {0}, but found {1}")),
        (r"expected <block end>, but found (.+)", tr("expected the end of the block, but found {0}")),
        (r"expected the node content, but found (.+)", tr("expected a value, but found {0}")),
        (r"expected (',' or '.'), but got (.+)", tr("expected {0}, but found {1}")),
        (r"but found another document", tr("but found another document")),
    )
