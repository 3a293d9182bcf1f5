"""Compiles the catalogues while the package is built. Hatchling runs this file by its path, for wheels and editable installs alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCALES = Path("ta_cluster_async", "cli", "i18n", "locale")


class CatalogueHook(BuildHookInterface[Any]):
    """Compiles each `.po` file to the `.mo` file beside it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files of the package are collected."""
        del version, build_data  # `artifacts` in pyproject.toml takes up the files
        compile_catalogues(Path(self.root, LOCALES))


def compile_catalogues(folder: Path) -> None:
    """Compile the catalogues whose compiled form is missing or older."""
    for source in folder.rglob("*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as text:
            catalogue = read_po(text)
        with target.open("wb") as compiled:
            write_mo(compiled, catalogue)
