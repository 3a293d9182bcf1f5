"""What `demo` and `emulator` share: an emulator that starts or reports why it cannot, and the sample team's clusters and tags in it."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from ...errors import ConfigurationError
from ...messages import Message
from ...models import ConditionCluster
from ..i18n.phrases import translated
from ..i18n.translate import tr, tr_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from ...emulator import Emulator
    from ...resources import Project
    from .demo_data import Definition


@asynccontextmanager
async def serving(make: Callable[[], Emulator]) -> AsyncIterator[Emulator]:
    """Run the emulator that `make` makes.

    Raises:
        ConfigurationError: It cannot start: an extra is not installed, the port is taken, or its tables cannot be used.
    """
    emulator: Emulator | None = None
    problem = ""
    async with AsyncExitStack() as stack:
        try:
            emulator = await stack.enter_async_context(make())
        except ImportError as missing:
            if missing.name != "duckdb":
                raise
            problem = tr('It needs an extra: python -m pip install "ta-cluster-async[demo]"')
        except (OSError, ValueError) as error:
            reason = error.args[0] if error.args else ""
            problem = tr_message(reason) if isinstance(reason, Message) else translated(str(error))
        if emulator is None:
            raise ConfigurationError(tr("The emulator cannot start. {problem}", problem=problem))
        yield emulator


async def create_all(server: Emulator, project: Project, wanted: Sequence[Definition]) -> None:
    """Create clusters and tags in order. The computation that a server starts for each of them takes no time here."""
    from ...emulator import JobPlan  # noqa: PLC0415 - loads aiohttp

    for definition in wanted:
        server.plan(definition.name, JobPlan(seconds=0.0))
        if isinstance(definition, ConditionCluster):
            await project.clusters.create(definition)
        else:
            await project.tags.create(definition)
