# SPDX-License-Identifier: Apache-2.0
"""The plugin's Qt code in Qt 5 and in Qt 6, as far as they are here; its enums are written as both take them."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from limner import resources
from limner.installer.plugin import plugin_files

HERE = Path(__file__).resolve().parent
PACKAGE = resources.plugin_dir("krita") / "limner_krita"
PYTHONS = [sys.executable, *filter(None, [shutil.which("python3", path="/usr/bin")])]


def python_with(qt: str) -> str:
    """A Python that has that Qt, or "" when none here has."""
    for python in PYTHONS:
        probe = subprocess.run([python, "-c", f"import {qt}.QtWidgets"], capture_output=True, check=False)
        if probe.returncode == 0:
            return python
    return ""


@pytest.fixture(scope="module", params=["PyQt5", "PyQt6"])
def facts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened in a process with that Qt."""
    python = python_with(request.param)
    if not python:
        pytest.skip(f"no {request.param} here")
    folder = tmp_path_factory.mktemp("plugin")
    for file in plugin_files("krita"):
        (folder / file.target).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.target).write_bytes(file.read())
    command = [python, HERE / "qt_harness.py", folder, HERE.parent.parent, request.param]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LIMNER_"))}
    ran = subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=240)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return dict(json.loads(ran.stdout.strip().splitlines()[-1]))


def test_pictures(facts: dict[str, Any]) -> None:
    found = facts["pictures"]
    assert found["exact"] == [3, 512, [50, 100, 200, 255], 512 * 512 * 4]
    assert found["turned"] == [410, [0, 0, 0, 0], [50, 100, 200, 255]]
    assert found["sent"] == [100, 67, [3, 2, 1, 255], 100 * 67 * 4]
    assert found["thumbnail"] == "ffd8"  # JPEG


def test_the_docker_and_its_controls(facts: dict[str, Any]) -> None:
    found = facts["docker"]
    assert found["before"]
    assert found["help"] == ["Backend: Ready (cpu)", "Log", "backend.log"]
    assert found["values"] == {"refine": 0.1, "nose": None, "eps": 0.002, "style": "b", "shadow": True}
    assert found["decimals"] == 4
    assert found["tools"] == [False, True]
    assert (found["folded"], found["frame_mode"], found["masked"], found["scrolls"]) == (True, "full", True, True)
    assert found["size"] == [300, 900]


def attributes() -> list[tuple[str, str]]:
    """Every `QName.Attribute` in the plugin, with its place."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id.startswith("Q"):
                found.append((f"{node.value.id}.{node.attr}", f"{path.name}:{node.lineno}"))
    return found


def test_enums_are_written_with_their_scope() -> None:
    """`Qt.AlignmentFlag.AlignCenter` is known in both, `Qt.AlignCenter` in Qt 5 only."""
    static = {
        "QDesktopServices.openUrl",
        "QUrl.fromLocalFile",
        "QTimer.singleShot",
        "QPixmap.fromImage",
        "QImage.fromData",
        "QTransform.fromTranslate",
    }
    scopes = {
        name
        for name, _ in attributes()
        if name.endswith(
            ("Flag", "Policy", "Mode", "Hint", "Format", "Shape", "Style", "Type", "Attribute", "Movement")
        )
        or name == "Qt.Orientation"
    }
    assert scopes
    assert [place for place in attributes() if place[0] not in scopes | static] == []


def test_qt_is_imported_in_one_place_only() -> None:
    texts = {path.name: path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name != "qt.py"}
    assert [name for name, text in texts.items() if "PyQt" in text] == []
