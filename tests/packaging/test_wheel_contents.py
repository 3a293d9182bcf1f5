"""What is published: the contents of the wheel and of the source distribution, built here without network."""

import io
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from gettext import GNUTranslations
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "ta_cluster_async"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
# Files of the package that are no modules.
DATA = {
    "ta_cluster_async/py.typed",
    "ta_cluster_async/cli/i18n/locale/zh_CN/LC_MESSAGES/ta_cluster.mo",
    "ta_cluster_async/cli/report/templates/report.css",
    "ta_cluster_async/cli/report/templates/figure.html.j2",
    "ta_cluster_async/cli/report/templates/report.html.j2",
    "ta_cluster_async/cli/report/templates/report.js",
}
# Runs while the wheel is built.
BUILD_HOOK = "ta_cluster_async/cli/i18n/build_hook.py"
# What hatchling adds to a source distribution, and what pyproject.toml lists.
TOP_LEVEL = {
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "PKG-INFO",
    "README.md",
    "benchmarks",
    "docs",
    "noxfile.py",
    "pyproject.toml",
    "ta_cluster_async",
    "tests",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    [path] = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sdist(built):
    [path] = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = [PurePosixPath(member.name) for member in archive.getmembers() if member.isfile()]
    [root] = {name.parts[0] for name in names}
    return {str(name.relative_to(root)) for name in names}


@pytest.fixture(scope="module")
def metadata(wheel):
    return message_from_bytes(wheel[info("METADATA")])


def info(name):
    return f"{PACKAGE}-{VERSION}.dist-info/{name}"


def test_the_wheel_has_every_module_and_nothing_else_of_the_package(wheel):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).rglob("*.py")}
    assert {name for name in wheel if name.startswith(f"{PACKAGE}/")} == modules - {BUILD_HOOK} | DATA


def test_the_wheel_has_nothing_beside_the_package_but_what_says_what_it_is(wheel):
    beside = {name for name in wheel if not name.startswith(f"{PACKAGE}/")}
    assert beside == {
        info("METADATA"),
        info("RECORD"),
        info("WHEEL"),
        info("entry_points.txt"),
        info("licenses/LICENSE"),
    }


def test_the_wheel_speaks_chinese(wheel):
    name = "ta_cluster_async/cli/i18n/locale/zh_CN/LC_MESSAGES/ta_cluster.mo"
    catalogue = GNUTranslations(io.BytesIO(wheel[name]))
    assert catalogue.gettext("Stopped.") == "已停止。"


def test_the_wheel_has_no_tests(wheel):
    assert not [
        name for name in wheel if "tests/" in name or Path(name).name.startswith(("test_", "conftest"))
    ]


def test_the_wheel_says_that_it_is_typed_and_has_the_licence(wheel):
    assert wheel[f"{PACKAGE}/py.typed"] == b""
    assert wheel[info("licenses/LICENSE")] == (ROOT / "LICENSE").read_bytes()


def test_without_extras_four_packages_are_needed(metadata):
    needed = [one for one in metadata.get_all("Requires-Dist") if "extra ==" not in one]
    assert sorted(one.partition(">")[0] for one in needed) == ["aiohttp", "anyio", "attrs", "cattrs"]


def test_the_metadata_says_licence_python_and_description(metadata):
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Version"] == VERSION


def test_the_source_distribution_has_no_stray_files(sdist):
    assert {PurePosixPath(name).parts[0] for name in sdist} == TOP_LEVEL
    hidden = {
        name for name in sdist if any(part.startswith((".", "__pycache__")) for part in Path(name).parts)
    }
    assert hidden == {".gitignore"}
    others = [name for name in sdist if not name.startswith("tests/contract/data/")]
    assert not [name for name in others if name.endswith((".pyc", ".db", ".whl", ".orig", ".log", ".mo"))]


def test_the_tests_of_the_source_distribution_can_run(sdist):
    assert "docs/architecture.md" in sdist
    tests = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")}
    assert tests <= sdist
