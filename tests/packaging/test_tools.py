"""The versions of tools and of Python that several files name are the same in all of them."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

pytestmark = pytest.mark.skipif(not WORKFLOWS, reason="a source distribution has no workflows")


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def supported():
    prefix = "Programming Language :: Python :: 3."
    return [f"3.{name.removeprefix(prefix)}" for name in project()["classifiers"] if name.startswith(prefix)]


def test_pre_commit_has_the_ruff_of_the_test_extra():
    [pinned] = [one for one in project()["optional-dependencies"]["test"] if one.startswith("ruff==")]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    [rev] = [repo["rev"] for repo in hooks["repos"] if repo["repo"].endswith("/ruff-pre-commit")]
    assert rev == pinned.replace("ruff==", "v")


def test_ci_and_nox_test_every_python_that_the_package_names():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == supported()
    [pythons] = re.findall(
        r"^PYTHONS = (.*)$", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert ast.literal_eval(pythons) == supported()


def test_ci_runs_sessions_that_nox_has():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))["jobs"]
    named = {one["session"] for one in jobs["dependencies"]["strategy"]["matrix"]["include"]}
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    sessions = {*re.findall(r"^def (\w+)\(session", text, re.MULTILINE), *re.findall(r'name="(\w+)"', text)}
    assert named <= sessions


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_otherwise_and_each_job_has_an_end(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job or "uses" in job for job in workflow["jobs"].values())
    assert "secrets." not in path.read_text(encoding="utf-8")
