"""Sphinx's settings. `nox -s docs` builds the pages."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers import TextLexer

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402 - it lies beside this file

generate.write(HERE / "reference")

project = "ta-cluster-async"
author = "The ta_cluster_async authors"
copyright = "The ta_cluster_async authors"  # noqa: A001 - Sphinx's name
version = release = version_of("ta-cluster-async")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = "ta-cluster-async"
html_copy_source = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3


# Docstrings say `name`, as Markdown does.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
maximum_signature_line_length = 90
python_use_unqualified_type_names = True


def setup(app: Sphinx) -> None:
    """Show drawings that are written for GitHub as their text."""
    app.add_lexer("mermaid", TextLexer)
