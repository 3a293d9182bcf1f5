"""Tests of the engine: they need temporalio and Temporal's server, which `nox -s temporal` installs. Without it they are not collected."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("temporalio") else ["test_*.py"]
