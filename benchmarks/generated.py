"""Clients generated from `openapi.json`, made anew in a temporary folder by every run and committed nowhere."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AsyncExitStack

    Progress: TypeAlias = Callable[[], Awaitable[object]]
    """Asks for the progress of one cluster."""

    Open: TypeAlias = Callable[[AsyncExitStack, str, str, int], Awaitable[Progress]]
    """Opens a client on a base URL with a token and so many connections."""

DESCRIPTION = Path(__file__).with_name("openapi.json")
PYTHON_CLIENT = "openapi-python-client (httpx, attrs)"
GENERATOR = "openapi-generator (aiohttp, pydantic)"


def generate(folder: Path) -> dict[str, Open | str]:
    """Generate both clients below a folder. For each either what opens it, or the reason why it is not there."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    found: dict[str, Open | str] = {}
    for name, make, opener in (
        (PYTHON_CLIENT, _python_client, _open_python_client),
        (GENERATOR, _generator, _open_generator),
    ):
        reason = make(folder)
        found[name] = opener if reason is None else reason
    return found


def _python_client(folder: Path) -> str | None:
    return _run(
        "openapi-python-client",
        *("generate", "--path", DESCRIPTION, "--output-path", folder / "generated_httpx", "--meta", "none"),
    )


def _generator(folder: Path) -> str | None:
    if shutil.which("java") is None:
        return "java is not installed"
    target = folder / "generated"
    reason = _run(
        "openapi-generator-cli",
        *("generate", "-g", "python", "--library", "asyncio", "-i", DESCRIPTION, "-o", target),
        *("--package-name", "generated_aiohttp"),
    )
    if reason is None:
        shutil.move(target / "generated_aiohttp", folder)
    return reason


def _run(tool: str, *arguments: str | Path) -> str | None:
    """Run a generator that stands beside this Python or on the path. Returns why it failed."""
    program = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    if program is None:
        return f"{tool} is not installed"
    ended = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if ended.returncode:
        return f"{tool} failed: {' '.join((ended.stderr or ended.stdout).split())[-200:]}"
    return None


async def _open_python_client(stack: AsyncExitStack, url: str, token: str, at_once: int) -> Progress:
    import httpx  # noqa: PLC0415  (of the extra that only the peers need)

    module: Any = importlib.import_module("generated_httpx")
    endpoint: Any = importlib.import_module("generated_httpx.api.clusters.progress")
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    client = module.Client(base_url=url, httpx_args={"limits": limits})
    await stack.enter_async_context(client)

    async def progress() -> object:
        answer = await endpoint.asyncio(client=client, token=token, project_id=102, cluster_id=970)
        return answer.data.progress

    return progress


async def _open_generator(stack: AsyncExitStack, url: str, token: str, at_once: int) -> Progress:
    module: Any = importlib.import_module("generated_aiohttp")
    configuration = module.Configuration(host=url)
    configuration.connection_pool_maxsize = at_once
    client = await stack.enter_async_context(module.ApiClient(configuration))
    api = module.ClustersApi(client)

    async def progress() -> object:
        answer = await api.progress(token=token, project_id=102, cluster_id=970)
        return answer.data.progress

    return progress
