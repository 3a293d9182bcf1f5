"""The forms of a result and of the log. Light to load, for help and completion."""

from enum import StrEnum


class OutputFormat(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"
