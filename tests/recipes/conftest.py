"""Tests of the pages about Dagster and Prefect: they need both, which `nox -s recipes` installs. Without them they are not collected."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("dagster") and find_spec("prefect") else ["test_*.py"]
