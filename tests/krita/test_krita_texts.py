# SPDX-License-Identifier: Apache-2.0
"""The translations fit the texts, and the action file, the actions and the manual fit each other."""

from __future__ import annotations

import ast
import json
import re
import string
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from limner_krita import texts

from limner import resources
from limner.installer.plugin import plugin_files
from limner.wire.errors import DEFAULTS

PACKAGE = resources.plugin_dir("krita") / "limner_krita"
BACKEND = resources.PACKAGE
CATALOGS = sorted((PACKAGE / "translations").glob("*.json"))
IDS = [f"limner_{name}" for name in ("generate", "live", "cancel", "shadow", "invert", "upsample", "docker")]


def trees(folder: Path = PACKAGE) -> list[ast.Module]:
    return [ast.parse(path.read_text("utf-8")) for path in sorted(folder.rglob("*.py"))]


def literals() -> set[str]:
    """All string constants of the plugin and its client: what is shown is one of them. Each gap is written {}."""
    sources = trees() + trees(BACKEND / "client") + trees(BACKEND / "wire")
    nodes = [node for tree in sources for node in ast.walk(tree) if isinstance(node, (ast.Constant, ast.JoinedStr))]
    return with_gaps({written(node) for node in nodes})


def asked_for() -> set[str]:
    """The texts that are given to tr() directly."""
    calls = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "tr"]
    return {node.value for node in named if isinstance(node, ast.Constant)}


def labels_of_the_backend() -> set[str]:
    """Labels and help texts of the parameters that have a control."""
    from limner.pipelines.schema import task_schemas

    parameters = [parameter for task in task_schemas(inversion=True).values() for parameter in task.parameters]
    shown = [parameter for parameter in parameters if parameter.name not in ("frame", "live")]
    texts = [(parameter.label, parameter.help, *getattr(parameter, "labels", ())) for parameter in shown]
    return {text for each in texts for text in each if text}


def stages_of_the_backend() -> set[str]:
    """What the progress bar calls the parts of a job."""
    calls = [node for tree in trees(BACKEND / "pipelines") for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "progress"]
    return {node.value for node in named if isinstance(node, ast.Constant)}


def messages() -> set[str]:
    """What may go wrong and what to do then: of the plugin, and of the client and the protocol by their codes. Each
    gap is written {}."""
    calls = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    texts = [text for pair in DEFAULTS.values() for text in pair]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in ("EditorError", "LimnerError", "problem"):
            texts += [
                written(argument) for argument in call.args if isinstance(argument, (ast.Constant, ast.JoinedStr))
            ]
    return {text for text in texts if text}


def written(node: ast.Constant | ast.JoinedStr) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)


def with_gaps(texts: set[str]) -> set[str]:
    return {re.sub(r"\{\w+\}", "{}", text) for text in texts}


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.stem)
def test_a_translation_is_complete_and_holds_nothing_else(catalog: Path) -> None:
    translated = json.loads(catalog.read_text("utf-8"))
    of_the_backend = labels_of_the_backend() | stages_of_the_backend()
    assert (asked_for() | of_the_backend) - set(translated) == set()
    assert messages() - with_gaps(set(translated)) == set()
    assert with_gaps(set(translated)) - literals() - of_the_backend == set()
    for text, translation in translated.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(each) if name} for each in (text, translation)]
        assert fields[0] == fields[1], text
        assert translation.strip() == translation != "", text


def test_there_is_a_translation() -> None:
    assert CATALOGS


@pytest.mark.parametrize(
    ("forced", "names", "cancel"),
    [
        ("", ["de-AT", "en"], "Abbrechen"),
        ("", ["fr_FR", "de"], "Abbrechen"),
        ("", ["en_US", "de"], "Cancel"),
        ("", ["xx"], "Cancel"),
        ("", [], "Cancel"),
        ("de", ["en"], "Abbrechen"),
        ("en", ["de"], "Cancel"),
    ],
)
def test_the_language_is_the_first_that_there_is(
    monkeypatch: pytest.MonkeyPatch, forced: str, names: list[str], cancel: str
) -> None:
    monkeypatch.setattr(texts, "_chosen", "en")
    monkeypatch.setenv("LIMNER_LANGUAGE", forced)
    texts.choose_language(names)
    assert texts.tr("Cancel") == cancel
    assert texts.tr("No such text") == "No such text"


def test_messages_are_translated_with_what_fills_their_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_chosen", "de")
    message = "The layer 'A (b) {c}' is empty: no strokes were found."
    assert texts.tr_filled(message) == "Die Ebene »A (b) {c}« ist leer: es wurden keine Striche gefunden."
    assert texts.tr_filled("Nothing is selected.") == "Nichts ist ausgewählt."
    assert texts.tr_filled("No such text") == "No such text"


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
