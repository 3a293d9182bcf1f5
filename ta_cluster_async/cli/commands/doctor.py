"""`ta-cluster doctor`: whether the settings are right, and what to correct if not."""

from typing import Annotated

import typer

from ..i18n.translate import tr
from ..options import CliOptions, Quiet, connected


@connected
def doctor(
    *,
    options: CliOptions,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Write each check as a line of JSON."))] = False,
    quiet: Quiet = False,
) -> None:
    """Check the settings, the address, TLS, the token, the project and the clock, and say what to correct.

    It changes nothing on the server.

    Example: ta-cluster doctor --profile production
    """
    del quiet
    from ..actions import doctor as action
    from ..running import run

    run(action.doctor(options, as_json=as_json))
