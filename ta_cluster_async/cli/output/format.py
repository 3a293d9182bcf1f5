"""The forms of a result. Light to load, for help and completion."""

from enum import StrEnum


class OutputFormat(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
