"""What importing the models costs and leaves alone."""

import subprocess
import sys
from importlib.util import find_spec

import cattrs

from ta_cluster_async.models import PropertyRef, UserClusterDef, structure

# The room without the package around it, whose `__init__` re-exports the session too.
ROOM = """
import sys, types
package = types.ModuleType("ta_cluster_async")
package.__path__ = {path!r}
sys.modules["ta_cluster_async"] = package
"""


def loaded_after(code: str) -> set[str]:
    """The modules that a new interpreter loads for `code`, beside those that it starts with."""
    code = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*sys.modules.keys() - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def room() -> str:
    spec = find_spec("ta_cluster_async")
    assert spec is not None
    return ROOM.format(path=list(spec.submodule_search_locations or ()))


def test_the_models_import_neither_cattrs_nor_anything_that_does_io() -> None:
    loaded = loaded_after(room() + "import ta_cluster_async.models")
    assert "ta_cluster_async.models.converter" in loaded
    assert not loaded & {"cattrs", "aiohttp", "anyio", "asyncio", "socket", "ssl", "sqlite3", "subprocess"}


def test_of_their_own_package_the_models_import_only_the_errors_and_messages() -> None:
    loaded = loaded_after(room() + "import ta_cluster_async.models")
    rooms = {name.split(".")[1] for name in loaded if name.startswith("ta_cluster_async.")}
    assert rooms == {"models", "errors", "messages"}


def test_the_package_is_imported_without_cattrs() -> None:
    loaded = loaded_after("import ta_cluster_async.models")
    assert "ta_cluster_async.models.converter" in loaded
    assert "cattrs" not in loaded


def test_the_first_conversion_imports_cattrs() -> None:
    code = "from ta_cluster_async.models import UserClusterDef, structure; structure(UserClusterDef, {})"
    assert "cattrs" in loaded_after(code)


def test_the_global_converter_of_cattrs_stays_as_it_is() -> None:
    structure(UserClusterDef, {})
    assert cattrs.structure("3", int) == 3
    assert cattrs.unstructure(PropertyRef("#os")).keys() == {"column_name", "table_type", "extra"}
