"""Clients generated from `openapi.json` into a temporary directory by every run."""

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
    """Reads the progress of one cluster."""

    Open: TypeAlias = Callable[[AsyncExitStack, str, str, int], Awaitable[Progress]]
    """Opens a client for a base URL, a token and a number of connections."""

DESCRIPTION = Path(__file__).with_name("openapi.json")
PYTHON_CLIENT = "openapi-python-client (httpx, attrs)"
GENERATOR = "openapi-generator (aiohttp, pydantic)"


def generate(folder: Path) -> dict[str, Open | str]:
    """Generate both clients in a directory. Returns for each a function that opens it, or the reason why it is missing."""
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
    """Run a generator, installed beside this Python or on the path. Returns why it failed, or None."""
    program = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    if program is None:
        return f"{tool} is not installed"
    completed = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if completed.returncode:
        return f"{tool} failed: {' '.join((completed.stderr or completed.stdout).split())[-200:]}"
    return None


async def _open_python_client(stack: AsyncExitStack, url: str, token: str, connections: int) -> Progress:
    import httpx  # noqa: PLC0415  (only the peers need it)

    module: Any = importlib.import_module("generated_httpx")
    endpoint: Any = importlib.import_module("generated_httpx.api.clusters.progress")
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    client = module.Client(base_url=url, httpx_args={"limits": limits})
    await stack.enter_async_context(client)

    async def progress() -> object:
        answer = await endpoint.asyncio(client=client, token=token, project_id=102, cluster_id=970)
        return answer.data.progress

    return progress


async def _open_generator(stack: AsyncExitStack, url: str, token: str, connections: int) -> Progress:
    module: Any = importlib.import_module("generated_aiohttp")
    configuration = module.Configuration(host=url)
    configuration.connection_pool_maxsize = connections
    client = await stack.enter_async_context(module.ApiClient(configuration))
    api = module.ClustersApi(client)

    async def progress() -> object:
        answer = await api.progress(token=token, project_id=102, cluster_id=970)
        return answer.data.progress

    return progress
