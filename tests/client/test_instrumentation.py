"""The stock instrumentations of aiohttp see each request, and none sees the token."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.instrumented import AGENTS
from tests.faults.leaks import leaks

TOKEN = "Kx7Kx7#b+c%d&e f中\"<'\\Qz9Qz9"


@pytest.mark.slow
@pytest.mark.parametrize("agent", AGENTS)
def test_no_instrumentation_sees_the_token(agent):
    command = [sys.executable, str(Path(__file__).with_name("instrumented.py")), agent]
    done = subprocess.run(command, input=TOKEN, capture_output=True, text=True, check=True, timeout=60)
    recorded = json.loads(done.stdout.splitlines()[-1])
    assert "/open/user-cluster-refresh-progress" in str(recorded)
    assert "502" in str(recorded)
    assert leaks(TOKEN, "kx7kx7", "qz9qz9", recorded=str(recorded), out=done.stdout, err=done.stderr) == []
