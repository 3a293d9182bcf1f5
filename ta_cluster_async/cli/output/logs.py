"""The log on stderr: the lines of the library, and with `--log-format json` also the sentences of the command, as lines of JSON."""

from __future__ import annotations

import logging
import os
from typing import Final

from ...errors import ConfigurationError
from ..i18n.translate import tr
from .console import print_log, set_json_log
from .format import LogFormat

LEVEL_VARIABLE: Final = "TA_LOG_LEVEL"
FORMAT_VARIABLE: Final = "TA_LOG_FORMAT"

LEVELS: Final[dict[str, int]] = {"warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}

logger: logging.Logger = logging.getLogger("ta_cluster_async.cli")
_library: Final = logging.getLogger("ta_cluster_async")


class _Handler(logging.Handler):
    """Writes each record to stderr by the console, so that it stands above a live display."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        try:
            print_log(
                record.getMessage(),
                level=record.levelname.lower(),
                logger=record.name,
                at=record.created,
                fields=getattr(record, "fields", None),
            )
        except Exception:  # noqa: BLE001 - as all handlers do: what is logged ends nothing
            self.handleError(record)


_handler: Final = _Handler()


def write_log(level: int) -> None:
    """Write the log from this level on, or from a lower one that was set before."""
    is_begun = _handler in _library.handlers
    if not is_begun:
        _library.addHandler(_handler)
    if not is_begun or level < _library.level:
        _library.setLevel(level)


def set_format(form: LogFormat) -> None:
    """Write the log in this form. As JSON the sentences of the command are among its lines, and warnings of the library."""
    set_json_log(is_json=form is LogFormat.JSON)
    if form is LogFormat.JSON:
        write_log(logging.WARNING)


def read_environment() -> None:
    """Set the log by TA_LOG_LEVEL and TA_LOG_FORMAT.

    Raises:
        ConfigurationError: One of them has another value.
    """
    form = _choice(FORMAT_VARIABLE, [one.value for one in LogFormat])
    if form:
        set_format(LogFormat(form))
    level = _choice(LEVEL_VARIABLE, list(LEVELS))
    if level:
        write_log(LEVELS[level])


def end_log() -> None:
    """Write no log any more."""
    set_json_log(is_json=False)
    _library.removeHandler(_handler)
    _library.setLevel(logging.NOTSET)


def _choice(variable: str, allowed: list[str]) -> str:
    value = os.environ.get(variable, "").lower()
    if value and value not in allowed:
        raise ConfigurationError(
            tr(
                "{variable} must be one of {allowed}, not {value!r}.",
                variable=variable,
                allowed=", ".join(allowed),
                value=value,
            )
        )
    return value
