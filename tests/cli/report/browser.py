"""A headless Chromium with no network, led through its DevTools protocol."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--proxy-server=127.0.0.1:9",  # where nobody listens
    "--window-size=1400,800",
    "--remote-debugging-port=0",
)
_PATIENCE = 60.0


class Page:
    """A page that is open in the browser.

    Attributes:
        requests: The addresses that it asked for after it was opened.
        errors: What its scripts and its policy complained of.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._socket = socket
        self._number = 0

    async def open(self, path: Path, *, dark: bool = False) -> None:
        """Open a file and wait until its script says that it is ready."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.send(f"{domain}.enable")
        self.requests.clear()
        self.errors.clear()
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])
        await self.send("Page.navigate", url=path.as_uri())
        await self.until(f"location.href === '{path.as_uri()}' && document.documentElement?.dataset.state")

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise."""
        answer = await self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        async with asyncio.timeout(_PATIENCE):
            while not await self.ask(expression):  # noqa: ASYNC110 - another process decides it
                await asyncio.sleep(0.02)

    async def type(self, selector: str, text: str) -> None:
        """Put the keyboard into a field and type."""
        await self.ask(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.send("Input.insertText", text=text)

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events meanwhile are kept."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        async with asyncio.timeout(_PATIENCE):
            while True:
                answer = json.loads(await self._socket.receive_str())
                if answer.get("id") == self._number:
                    assert "error" not in answer, answer
                    return dict(answer["result"])
                self._keep(answer)

    def _keep(self, event: dict[str, Any]) -> None:
        about = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent" if not about["request"]["url"].startswith("data:"):
                self.requests.append(about["request"]["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(about["exceptionDetails"]))
            case "Log.entryAdded":
                self.errors.append(about["entry"]["text"])
            case "Runtime.consoleAPICalled" if about["type"] in ("error", "warning"):
                self.errors.append(json.dumps(about["args"]))


@asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """A browser of its own with one empty page."""
    with _started() as folder:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{await _address(folder)}/json/list") as answer:
                tabs = await answer.json()
            (address,) = (tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                yield Page(socket)


@contextmanager
def _started() -> Iterator[Path]:
    """Run the browser, with a folder for what it keeps."""
    assert PROGRAM is not None
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [PROGRAM, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Path(folder)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _address(folder: Path) -> str:
    """Where the browser listens, as soon as it says so."""
    port = folder / "DevToolsActivePort"
    async with asyncio.timeout(_PATIENCE):
        while not port.exists() or "\n" not in port.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    return f"http://127.0.0.1:{port.read_text().split()[0]}"
