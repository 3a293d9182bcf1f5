"""What the package offers by its own name, and what importing it costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import ta_cluster_async

CONTRACT = {
    "ConditionCluster",
    "ConditionTag",
    "ApiClient",
    "Event",
    "EventCondition",
    "FirstLastTag",
    "ItemOutcome",
    "JsonValue",
    "OnEvent",
    "OnNull",
    "OnProgress",
    "PropertyFilter",
    "QuotaTag",
    "RefreshBatch",
    "Ref",
    "RefreshTicket",
    "Refs",
    "TaSession",
    "Transport",
    "UserClusterDef",
    "refresh_all",
}
ERRORS = {
    name
    for name, value in vars(ta_cluster_async.errors).items()
    if isinstance(value, type) and issubclass(value, Exception)
}
NEEDED = {"anyio", "attr", "attrs", "cattrs", "idna", "sniffio", "typing_extensions"}


def modules_after(code: str) -> set[str]:
    """The top-level modules that are loaded after `code` in a fresh interpreter."""
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\ntry:\n    {code}\nfinally:\n    print('\\n', *sys.modules, sep='\\n')",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in ended.stdout.split()}


def test_the_public_names_are_there_and_sorted() -> None:
    assert sorted(set(ta_cluster_async.__all__)) == ta_cluster_async.__all__
    assert all(hasattr(ta_cluster_async, name) for name in ta_cluster_async.__all__)


def test_the_version_is_that_of_the_distribution() -> None:
    assert ta_cluster_async.__version__ == version("ta-cluster-async")
    assert "__version__" in dir(ta_cluster_async)


def test_each_name_is_loaded_from_the_module_that_type_checkers_see() -> None:
    tree = ast.parse(Path(ta_cluster_async.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }
    assert vars(ta_cluster_async)["_MODULES"] == seen
    assert sorted(seen) == ta_cluster_async.__all__


@pytest.mark.parametrize(
    ("name", "rooms"),
    [("TaError", {"errors", "messages"}), ("UserClusterDef", {"errors", "messages", "models"})],
)
def test_a_name_loads_no_more_than_its_room(name: str, rooms: set[str]) -> None:
    code = f"import sys, ta_cluster_async; ta_cluster_async.{name}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {
        module.split(".")[1] for module in done.stdout.split() if module.startswith("ta_cluster_async.")
    }
    assert loaded == rooms


def test_importing_it_loads_nothing_else() -> None:
    code = (
        "import sys, ta_cluster_async; print(*(m for m in sys.modules if m.startswith('ta_cluster_async.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_names_of_the_contract_are_public() -> None:
    assert set(ta_cluster_async.__all__) >= CONTRACT


def test_every_error_is_public() -> None:
    assert set(ta_cluster_async.__all__) >= ERRORS


def test_nothing_else_is_public_but_the_rooms() -> None:
    public = {name for name in vars(ta_cluster_async) if name.isidentifier() and not name.startswith("_")} - {
        *ta_cluster_async.__all__,
        "TYPE_CHECKING",
    }
    assert all(sys.modules[f"ta_cluster_async.{name}"] is getattr(ta_cluster_async, name) for name in public)


@pytest.mark.parametrize("name", ta_cluster_async.__all__)
def test_a_public_name_says_what_it_is(name: str) -> None:
    value = getattr(ta_cluster_async, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert (value.__doc__ or "").strip()


def test_importing_it_loads_what_it_needs_and_nothing_of_an_extra() -> None:
    strangers = (
        modules_after("import ta_cluster_async") - modules_after("pass") - set(sys.stdlib_module_names)
    )
    assert strangers - NEEDED == {"ta_cluster_async"}


@pytest.mark.parametrize("arguments", [["--help"], ["refresh", "--help"], ["emulator", "--help"]])
def test_the_help_of_the_command_loads_neither_aiohttp_nor_duckdb(arguments: list[str]) -> None:
    loaded = modules_after(
        f"from ta_cluster_async.cli.main import main\n    try: main({arguments!r})\n    except SystemExit: pass"
    )
    assert "typer" in loaded
    assert not loaded & {"aiohttp", "duckdb"}


def test_a_program_that_only_makes_calls_loads_no_batch_runner() -> None:
    code = "import sys; before = {*sys.modules}; import ta_cluster_async as ta; ta.TaSession; print({*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in ("sqlite3", "ta_cluster_async.batch") if f"'{name}'" in done.stdout] == []
    assert "'ta_cluster_async.session'" in done.stdout


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'refresh_al'"):
        _ = ta_cluster_async.refresh_al  # type: ignore[attr-defined]
    assert {"refresh_all", "TaSession"} <= set(dir(ta_cluster_async))


def test_a_public_room_is_there_without_an_import_of_its_own() -> None:
    code = "import ta_cluster_async; print(ta_cluster_async.errors.TaError.code, ta_cluster_async.models.Catalog.TAG)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["error", "catalog_tag"]


def test_a_room_is_loaded_on_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ta_cluster_async, "errors")
    assert ta_cluster_async.errors is sys.modules["ta_cluster_async.errors"]
