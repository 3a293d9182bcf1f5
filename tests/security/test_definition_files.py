"""Every reader of definitions, with every definition file that is meant to harm."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from ta_cluster_async import InvalidRequest
from ta_cluster_async.definitions.loader import load_definition
from tests.security.definition_files import DEFINITION_FILES

if TYPE_CHECKING:
    from tests.security.definition_files import HostileFile

SECONDS = 10.0


@pytest.mark.parametrize("file", DEFINITION_FILES, ids=lambda file: file.name)
def test_a_hostile_definition_is_an_error_with_its_line_and_soon(file: HostileFile) -> None:
    began = time.process_time()
    message = ""
    try:
        load_definition(file.text, file.name, create=True, strict_names=True, project_id=102)
    except InvalidRequest as refusal:
        message = refusal.message
    found = re.search(r"line (\d+): ", message)
    assert (None if found is None else int(found[1])) == file.line
    assert len(message) < 2000
    assert time.process_time() - began < SECONDS
