"""The units and jobs of docs/recipes/scheduled.md start the command with what it has."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest
import yaml

from ta_cluster_async.cli import app
from ta_cluster_async.cli.config.settings import ENVIRONMENT
from ta_cluster_async.cli.exit_codes import Exit
from ta_cluster_async.client.profiles import TOKEN_FILE

TEXT = (Path(__file__).parents[2] / "docs" / "recipes" / "scheduled.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def unit(text):
    parser = configparser.ConfigParser(interpolation=None, delimiters=["="])
    vars(parser)["optionxform"] = str
    parser.read_string(text)
    return parser


[CRON] = blocks("text")
SERVICE, TIMER = map(unit, blocks("ini"))
[JOB] = [yaml.safe_load(text) for text in blocks("yaml")]
POD = JOB["spec"]["jobTemplate"]["spec"]
[CONTAINER] = POD["template"]["spec"]["containers"]


@pytest.mark.parametrize(
    "words",
    [
        shlex.split(CRON)[shlex.split(CRON).index("ta-cluster") :],
        shlex.split(SERVICE["Service"]["ExecStart"]),
        CONTAINER["command"],
    ],
    ids=["cron", "systemd", "kubernetes"],
)
def test_the_command_has_these_options(words):
    assert Path(words[0]).name == "ta-cluster"
    known = {name for one in app.load_command(words[1]).params for name in one.opts}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize(
    "names",
    [
        re.findall(r"^(\w+)=", CRON, re.MULTILINE),
        re.findall(r"(\w+)=", SERVICE["Service"]["Environment"]),
        [one["name"] for one in CONTAINER["env"]],
    ],
    ids=["cron", "systemd", "kubernetes"],
)
def test_the_environment_has_all_that_the_command_needs(names):
    assert set(names) == {ENVIRONMENT["base_url"], ENVIRONMENT["project_id"], TOKEN_FILE}


def test_what_cannot_get_better_is_not_run_again():
    lasting = {Exit.FAILED, Exit.USAGE, Exit.NOTHING}
    [rule] = POD["podFailurePolicy"]["rules"]
    assert set(rule["onExitCodes"]["values"]) == lasting
    assert rule["onExitCodes"]["containerName"] == CONTAINER["name"]
    service = SERVICE["Service"]
    assert {int(one) for one in service["RestartPreventExitStatus"].split()} == lasting
    assert {int(one) for one in service["RestartForceExitStatus"].split()} == {
        Exit.DEADLINE,
        Exit.UNREACHABLE,
    }
    assert "OnCalendar" in TIMER["Timer"]


def test_the_command_has_time_to_end_by_itself():
    assert int(POD["template"]["spec"]["terminationGracePeriodSeconds"]) > 8
    assert SERVICE["Service"]["TimeoutStopSec"] == "15s"
