"""Compiling the catalogues."""

from __future__ import annotations

import os
from gettext import GNUTranslations
from typing import TYPE_CHECKING

from ta_cluster_async.cli.i18n.build_hook import compile_catalogues
from tests.cli.i18n.catalogue import HEADER

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, translation: str) -> Path:
    source = folder / "zh_CN" / "LC_MESSAGES" / "ta_cluster.po"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(f'{HEADER}msgid "run"\nmsgstr "{translation}"\n', encoding="utf-8")
    return source.with_suffix(".mo")


def compiled(target: Path) -> str:
    with target.open("rb") as file:
        return GNUTranslations(file).gettext("run")


def test_each_catalogue_is_compiled_beside_its_source(tmp_path: Path) -> None:
    target = write(tmp_path, "运行")
    compile_catalogues(tmp_path)
    assert compiled(target) == "运行"


def test_a_catalogue_is_compiled_again_only_when_its_source_is_newer(tmp_path: Path) -> None:
    target = write(tmp_path, "运行")
    compile_catalogues(tmp_path)
    write(tmp_path, "执行")
    later = target.stat().st_mtime + 10
    os.utime(target, (later, later))
    compile_catalogues(tmp_path)
    assert compiled(target) == "运行"
    os.utime(target, (0, 0))
    compile_catalogues(tmp_path)
    assert compiled(target) == "执行"
