# SPDX-License-Identifier: Apache-2.0
"""Krita's own importer (Tools > Scripts > Import Python Plugin from File) takes the zip of `limner package krita`."""

from __future__ import annotations

import builtins
import importlib.util
import os
import types
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from limner.installer.plugin import plugin_files
from tests.support.command import Command

pytestmark = pytest.mark.editors
IMPORTER = Path("/usr/share/krita/pykrita/plugin_importer/plugin_importer.py")


@pytest.fixture
def importer(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module that ships with Krita; it translates with a function that Krita puts among the built-in ones."""
    if not IMPORTER.is_file():
        absent = f"{IMPORTER} is missing (tests/editors/setup.sh installs Krita)"
        if os.environ.get("LIMNER_REQUIRE_EDITORS", "0") not in ("", "0"):
            pytest.fail(absent)
        pytest.skip(absent)
    monkeypatch.setattr(builtins, "i18n", lambda text: text, raising=False)
    spec = importlib.util.spec_from_file_location("krita_plugin_importer", IMPORTER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The zip, as a user makes it."""
    target = tmp_path / "limner-krita.zip"
    Command(tmp_path / "home", tmp_path).succeeds("package", "krita", "-o", target)
    return target


def test_the_importer_puts_every_file_where_krita_looks(
    importer: types.ModuleType, package: Path, tmp_path: Path
) -> None:
    resources = tmp_path / "krita"
    resources.mkdir()
    (imported,) = importer.PluginImporter(str(package), str(resources), lambda plugin: True).import_all()
    assert (imported["name"], imported["ui_name"]) == ("limner_krita", "Limner")
    for file in plugin_files("krita"):
        folder = "actions" if file.target.suffix == ".action" else "pykrita"
        assert (resources / folder / file.target).read_bytes() == file.read(), file.target
    actions = sorted(path.relative_to(resources).as_posix() for path in resources.rglob("*.action"))
    assert actions == ["actions/limner_krita.action"]  # a second one makes Krita complain
    names = {action.get("name") for action in ElementTree.parse(resources / actions[0]).getroot().iter("Action")}
    assert "limner_generate" in names


def test_a_zip_without_entries_for_its_folders_is_refused(
    importer: types.ModuleType, package: Path, tmp_path: Path
) -> None:
    """So the test above can fail: the importer knows a plugin by its folder's entry."""
    stripped = tmp_path / "stripped.zip"
    with zipfile.ZipFile(package) as full, zipfile.ZipFile(stripped, "w") as less:
        for name in full.namelist():
            if not name.endswith("/"):
                less.writestr(name, full.read(name))
    with pytest.raises(importer.NoPluginsFoundException):
        importer.PluginImporter(str(stripped), str(tmp_path), lambda plugin: True).import_all()
