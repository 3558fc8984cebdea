# SPDX-License-Identifier: Apache-2.0
"""The translations fit the texts."""

from __future__ import annotations

import ast
import json
import string
from pathlib import Path
from types import SimpleNamespace

import pytest

from limner import resources
from limner.wire.errors import DEFAULTS

PACKAGE = resources.plugin_dir("gimp") / "limner-gimp" / "limner_gimp"
CATALOGS = sorted((PACKAGE / "translations").glob("*.json"))
OTHER_CONTROLS = ("Pre_view", "_Update by itself", "_Keep", "_Pause", "Try the _backend again")
OF_ANY_PROBLEM = {text for texts in DEFAULTS.values() for text in texts}
TELL_TROUBLE = ("client", "imaging", "pipelines", "server")  # packages whose errors reach the user of an editor


def asked_for() -> set[str]:
    """The texts that the plug-in marks for translation or translates itself."""
    nodes = [node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    given = [call.args[0] for call in calls if call.func.id in ("_", "N_")]  # type: ignore[attr-defined]
    return {node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def of_one_case() -> set[str]:
    """All texts in the code of the client and the backend, what they say of one kind of trouble among them."""
    paths = [path for name in TELL_TROUBLE for path in (resources.PACKAGE / name).rglob("*.py")]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_there_is_a_translation() -> None:
    assert CATALOGS
    assert len(asked_for()) > 60


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.stem)
def test_a_translation_is_complete_and_holds_nothing_else(catalog: Path) -> None:
    translated = json.loads(catalog.read_text("utf-8"))
    assert (asked_for() | OF_ANY_PROBLEM) - set(translated) == set()
    assert set(translated) - asked_for() - OF_ANY_PROBLEM - of_one_case() == set()
    for text, translation in translated.items():
        assert translation.strip() == translation != "", text
        assert fields(text) == fields(translation), text
        assert text.endswith("...") == translation.endswith("..."), text


@pytest.mark.parametrize("language", ["en", *(path.stem for path in CATALOGS)])
def test_no_two_controls_of_a_dialog_have_the_same_mnemonic(
    plugin: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("LIMNER_LANGUAGE", language)
    for table in plugin.procedures.PROCEDURES.values():
        labels = [item.label for item in (*table.parameters, *table.slots)]
        shown = [plugin.texts._(label) for label in (*labels, *OTHER_CONTROLS)]
        keys = [label[label.index("_") + 1].lower() for label in shown]
        assert len(keys) == len(set(keys)), shown
        if language == "en":
            assert not set(keys) & set("hrcols")  # GIMP's own buttons: Help, Reset, Cancel, OK, Load, Save


def test_the_language_is_gimps(plugin: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIMNER_LANGUAGE", raising=False)
    monkeypatch.setenv("LANGUAGE", "de_AT:de")
    assert plugin.texts._("Live Portrait") == "Live-Porträt"
    assert plugin.texts._("not in the catalog") == "not in the catalog"
    monkeypatch.setenv("LANGUAGE", "xx")
    assert plugin.texts._("Live Portrait") == "Live Portrait"
    state = plugin.client.BackendState("failed", problem=plugin.client.BackendError("backend_lost").problem)
    monkeypatch.setenv("LIMNER_LANGUAGE", "de")
    assert plugin.backend.state_text(state).startswith("Die Verbindung zum Backend ist verloren.\nVersuche")


def test_a_problem_of_one_case_is_told_with_what_its_code_means(
    plugin: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(code: str, message: str, remedy: str) -> str:
        text: str = plugin.backend.problem_text(plugin.wire.Problem(code, message, remedy))
        return text

    small = ("bad_picture", "The picture is too small: 4x4 pixels.", "Use one of at least 8x8 pixels.")
    monkeypatch.setenv("LIMNER_LANGUAGE", "en")
    assert told(*small) == "The picture is too small: 4x4 pixels.\nUse one of at least 8x8 pixels."
    monkeypatch.setenv("LIMNER_LANGUAGE", "de")
    assert told(*small) == (
        "Das Bild ist nicht zu gebrauchen. (The picture is too small: 4x4 pixels.)\n"
        "Prüfe, ob die Ebene ein ganzes Bild mit wenigstens einem Pixel ist. (Use one of at least 8x8 pixels.)"
    )
    assert told("out_of_paper", "Dense.", "Thin it out.") == "Dense.\nThin it out."  # a code that is not known here
    assert told("bad_picture", "The picture is of one even color.", "Choose the layer that shows the face.") == (
        "Das Bild ist einfarbig.\nWähle die Ebene aus, die das Gesicht zeigt."
    )
