"""Shows the settings that are used, and where the file of profiles is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...client.profiles import config_file
from ..config.settings import find_settings
from ..exit_codes import Exit
from ..i18n.translate import tr
from ..output.console import print_json, print_lines, print_message, print_result, visible
from ..output.json_lines import without_credentials
from ..output.tables import plain_table

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..options import CliOptions


def show_config(options: CliOptions, *, as_json: bool) -> Exit:
    """Write each setting that was found with its value and its place."""
    settings = find_settings(options)
    rows = _rows(settings)
    if as_json:
        for name, value, place in rows:
            print_json({"setting": name, "value": value, "source": place})
    elif rows:
        cells = [[visible(str(part)) for part in row] for row in rows]
        print_result(plain_table([tr("setting"), tr("value"), tr("from")], cells))
    else:
        print_message(tr("There are no settings. `ta-cluster auth login` makes a profile."))
    return Exit.OK


def config_path() -> Exit:
    """Write where the file of profiles is."""
    print_lines([str(config_file())])
    return Exit.OK


def _rows(settings: Settings) -> list[tuple[str, object, str]]:
    found: dict[str, object] = {
        "base_url": None if settings.base_url is None else without_credentials(settings.base_url),
        "project_id": settings.project_id,
        # Where it is kept says enough.
        "token": tr("(not shown)"),
        "ca_file": settings.ca_file,
        "journal": settings.journal,
        "timezone": settings.timezone,
        "rate_limit": settings.rate_limit,
        "timeout": settings.timeout,
    }
    rows = [
        (name, value, settings.sources[name]) for name, value in found.items() if name in settings.sources
    ]
    profile = settings.profile
    place = tr("the profile {name}", name=profile.name)
    others = {name: value for name, value in profile.values.items() if name not in found}
    return rows + [(name, value, place) for name, value in others.items()]
