"""Errors and outcomes of the library as a person at the command line reads them, in the user's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import NotFound
from ...messages import MESSAGES, Plural
from ..i18n.language import look_up
from ..i18n.translate import ntr, tr, tr_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...batch.report import Outcome, RefreshReport
    from ...errors import TaError
    from ...messages import Message, Template

COMMAND_MESSAGES: Final[Mapping[str, Template]] = {
    "already-running-fail": "It was being refreshed already, and --on-running is fail.",
    "base-url-with-query": (
        "The base URL contains a '?' or '#': it has only scheme, host, port and path, such as 'http://ta2:8992'."
    ),
    "base-url-with-token": "The base URL contains the token. Leave it out: each request adds the token.",
    "batch-max-failures": Plural(
        "1 refresh failed; --max-failures {limit} was reached.",
        "{count} refreshes failed; --max-failures {limit} was reached.",
    ),
    "base-url-not-a-str": "The base URL is empty. It must be such as 'http://ta2:8992'.",
    "certificate-unusable": "The certificate file {path!r} cannot be used: {reason}.",
    "column-not-a-name": "--column must be the name of a column, or be left out.",
    "column-without-header": "--column chooses a column by the first line of a CSV: give --header as well.",
    "columns-not-names": "--column and --value-column must both be names of columns, or both be left out.",
    "csv-in-utf-16": "{source} starts with a UTF-16 byte order mark. Save the file as UTF-8.",
    "display-name-blank": "The display name must have at least one visible character.",
    "display-name-too-long": (
        "The display name has {length} characters; at most {limit} are allowed. If your server takes longer ones, write"
        " strict_names = false into the profile."
    ),
    "emulator-needs-duckdb": 'The emulator needs DuckDB: python -m pip install "ta-cluster-async[emulator]"',
    "file-not-regular": "The file {path} is not a regular file. Send a pipe or device to standard input, and give - as the file.",
    "gzip-not-csv": "{source} is not CSV text but compressed with gzip: give a file whose name ends in .gz, or unpack it.",
    "header-of-table": "--header is for CSV text; the columns of a Parquet file have names.",
    "journal-without-run": "The journal {path!r} has no run {run_id!r}: `ta-cluster runs list` shows which it has.",
    "left-on-its-way": "{reason} Its request was on its way: `ta-cluster wait` with its ticket shows whether it has begun.",
    "left-running": "{reason} The refresh continues on the server: `ta-cluster wait` with its ticket watches it.",
    "answer-too-large": (
        "HTTP {status} with an answer that is too large: {problem}. If it is what the server should send, set a larger answer_{setting} in"
        " the profile."
    ),
    "length-required": (
        "HTTP {status}: the server or a gateway refuses an upload whose length is not sent. Give a CSV file that goes out as it is, or set"
        " upload_buffer in the profile above the size of the upload (it is {limit} bytes)."
    ),
    "line-too-long": "{source}, line {line}: a row of more than {most} characters. Is it CSV? To allow more, set TA_MAX_LINE.",
    "main-column-invalid": "--main-column must be the name of a property, such as '#account_id'.",
    "member-columns-invalid": "--columns must be names of properties, such as #account_id,#distinct_id.",
    "member-value-of-other-type": (
        "The column {column!r} has values of several types, which a Parquet file does not take: write a .csv or .jsonl file."
    ),
    "members-not-counted": (
        "{count} members came, and the server does not say how many there are: write members_count_rows = false into the profile to take"
        " them unchecked."
    ),
    "members-out-of-time": "the time of the call was over after {count} members.",
    "must-be-positive-int": "{what} must be a whole number above 0, not {actual}.",
    "name-not-allowed": (
        "The name {name!r} is refused: it must be 1 to 24 letters A-Z a-z, digits and '_'. If your server takes other names, write"
        " strict_names = false into the profile."
    ),
    "no-connection-in-time": "no connection became free in time: allow more with max_connections in the profile.",
    "one-column-needed": "{source} has {count} columns: name the one with the ids with --column. It has: {names}.",
    "outcome-unreadable": "This is not an outcome: {problem}",
    "overloaded": (
        "there are more requests than the server answers in their time: {problem}, and an answer takes {usual:.2g} s. Try again later, or"
        " set a smaller max_connections in the profile."
    ),
    "parquet-not-csv": "{source} is not CSV text but Parquet: give a file whose name ends in .parquet.",
    "paused-too-long": "the pause after a rate-limit answer, or rate_limit in the profile, lasts longer than the time of the call.",
    "place-late": "the request waited {waited:.2g} s for a free connection",
    "places-taken": "{ahead} others wait for a free connection already",
    "plan-unreadable": "It is not a plan, or is damaged. Delete it to begin anew: what runs then is attached to.",
    "report-unreadable": "This is not a report: {problem}",
    "row-id-missing": "The id of row {row} is missing. Remove the row, or give --skip-blank.",
    "row-id-with-line-break": "The id of row {row} contains a line break, which the id of a user does not. Remove it.",
    "row-value-type": "The {what} of row {row} must be text, a whole number or a decimal, not {kind}.",
    "text-not-utf-8": "{source} is not UTF-8 (line {line}). Save it as UTF-8.",
    "text-with-nul": "{source} has a NUL character (line {line}). Is it UTF-16? Save it as UTF-8.",
    "ticket-unreadable": "This is not a ticket: {problem}",
    "tls-failed": "TLS with {host} failed ({reason}). For a private CA give its certificate with --ca-file.",
    "too-many-columns": "{source} has a header of {count} columns, more than {most}. Is it CSV? To allow more, set TA_MAX_COLUMNS.",
    "two-columns-needed": Plural(
        "{source} has 1 column; ids and tag values need two. It has: {names}.",
        "{source} has {count} columns: name the two with --column and --value-column. It has: {names}.",
    ),
    "upload-empty": "The upload has no rows, and an upload without rows is refused. It needs at least one id.",
    "upload-without-name": (
        "It has no name to look for. Look for the display name {display_name!r} in the list, where the newest row with it may be this "
        "upload; or give --name, so that it can be looked up."
    ),
    "zstd-not-csv": "{source} is not CSV text but compressed with zstd: give a file whose name ends in .zst, or unpack it.",
}
"""Templates that take the place of the library's where those speak to a programmer."""

COMMAND_ADVICE: Final[Mapping[str, str]] = {
    "MatchTooLow": "Check --main-column and the ids. The cluster is there: replace its upload, or delete it.",
    "RateLimited": "Lower rate_limit or max_connections in the profile, or try again later.",
    "RefreshStalled": "The server may still be working: wait on with `ta-cluster wait`.",
    "RefreshTimeout": "The server is still computing: wait on with `ta-cluster wait`.",
    "RefreshUnconfirmed": "Check the refresh time in TA, or allow more time with poll_grace in the profile.",
}
"""What the user of the command does, by the classes of errors that advise a programmer."""

_TEMPLATES: Final[Mapping[str, Template]] = {**MESSAGES, **COMMAND_MESSAGES}


def error_text(error: TaError) -> str:
    """Return what happened and what to do."""
    where = f"{error.endpoint}: " if error.endpoint else ""
    tries = ntr(" ({count} attempt)", " ({count} attempts)", error.attempts) if error.attempts > 1 else ""
    text = f"{where}{message_text(error.what())}{tries}"
    advice = COMMAND_ADVICE.get(type(error).__name__) or error.what_to_do()
    if isinstance(error, NotFound):  # the command takes digits for an id
        advice = ""
    return tr("{first} {second}", first=text, second=look_up(advice)) if advice else text


def message_text(message: Message) -> str:
    """Return what happened, in the command's own words where it has any."""
    return tr_message(message, _TEMPLATES)


def outcome_text(outcome: Outcome) -> str:
    """Return why an outcome is no success, without the advice, which is the same for many clusters.

    What was written before the library knew codes stays as it was written.
    """
    message = outcome.what()
    return outcome.message if message is None else message_text(message)


def warning_text(outcome: Outcome) -> str:
    """Return what is unusual about a success; "" where nothing is."""
    known = ((warning, warning.what()) for warning in outcome.warnings)
    return " ".join(warning.message if what is None else message_text(what) for warning, what in known)


def warning_line(outcome: Outcome) -> str:
    """Return the same with the name."""
    name = outcome.cluster_name or str(outcome.ref)
    return tr("{name}: {problem}", name=name, problem=warning_text(outcome))


def stop_text(report: RefreshReport) -> str:
    """Return why a batch was stopped early."""
    message = report.why_stopped()
    return report.stopped if message is None else message_text(message)
