"""The commands of `tests/cli`, for tests that concern several rooms."""

from tests.cli.conftest import command, config_folder, settings

__all__ = ["command", "config_folder", "settings"]
