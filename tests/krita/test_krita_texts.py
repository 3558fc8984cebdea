# SPDX-License-Identifier: Apache-2.0
"""The translations fit the texts, and the action file, the actions and the manual fit each other."""

from __future__ import annotations

import ast
import json
import string
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from limner import resources
from limner.installer.plugin import plugin_files

PACKAGE = resources.plugin_dir("krita") / "limner_krita"
CATALOGS = sorted((PACKAGE / "translations").glob("*.json"))
IDS = [f"limner_{name}" for name in ("generate", "live", "cancel", "shadow", "invert", "upsample", "docker")]


def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))]


def literals() -> set[str]:
    """All string constants of the plugin: what tr() is given is one of them."""
    nodes = [node for tree in trees() for node in ast.walk(tree)]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def asked_for() -> set[str]:
    """The texts that are given to tr() directly."""
    calls = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "tr"]
    return {node.value for node in named if isinstance(node, ast.Constant)}


def labels_of_the_backend() -> set[str]:
    """Labels and help texts of the parameters."""
    from limner.pipelines.schema import task_schemas

    parameters = [parameter for task in task_schemas().values() for parameter in task.parameters]
    return {text for parameter in parameters for text in (parameter.label, parameter.help)}


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.stem)
def test_a_translation_is_complete_and_holds_nothing_else(catalog: Path) -> None:
    translated = json.loads(catalog.read_text("utf-8"))
    assert asked_for() - set(translated) == set()
    assert set(translated) - literals() - labels_of_the_backend() == set()
    for text, translation in translated.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(each) if name} for each in (text, translation)]
        assert fields[0] == fields[1], text
        assert translation.strip() == translation != "", text


def test_there_is_a_translation() -> None:
    assert CATALOGS


def test_texts_without_a_translation_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from limner_krita import texts

    monkeypatch.setenv("LIMNER_LANGUAGE", "de")
    texts._catalog.cache_clear()
    assert texts.tr("Cancel") == "Abbrechen"
    assert texts.tr("No such text") == "No such text"
    monkeypatch.setenv("LIMNER_LANGUAGE", "xx")
    texts._catalog.cache_clear()
    assert texts.tr("Cancel") == "Cancel"
    texts._catalog.cache_clear()


def test_every_action_is_in_the_action_file_with_the_same_text() -> None:
    root = ElementTree.parse(PACKAGE.parent / "limner_krita.action").getroot()
    actions = {action.get("name"): action.findtext("text") for action in root.iter("Action")}
    assert list(actions) == IDS
    source = (PACKAGE / "plugin.py").read_text("utf-8")
    for name, text in actions.items():
        assert f'ActionEntry("{name}", "{text}"' in source.replace("\n        ", "")


def test_the_package_has_what_krita_asks_for() -> None:
    targets = {str(file.target) for file in plugin_files("krita")}
    desktop = (PACKAGE.parent / "limner_krita.desktop").read_text("utf-8").splitlines()
    manual = next(line.partition("=")[2] for line in desktop if line.startswith("X-Krita-Manual="))
    assert {f"limner_krita/{manual}", "limner_krita/translations/de.json", "limner_krita/client/client.py"} <= targets
    assert "X-KDE-Library=limner_krita" in desktop
