# SPDX-License-Identifier: Apache-2.0
"""Tiny plugin trees in the shape of the real ones, and a place to install them."""

from __future__ import annotations

from pathlib import Path

from limner import resources
from limner.installer.places import Place, System, known_places
from limner.installer.plugin import SHAPES

DESKTOP = "[Desktop Entry]\nType=Service\nServiceTypes=Krita/PythonPlugin\nX-KDE-Library=limner_krita\nName=Limner\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def make_krita(folder: Path) -> Path:
    """`limner_krita.desktop` its package and an action file; also files that must not be installed."""
    _write(folder / "limner_krita.desktop", DESKTOP)
    _write(folder / "limner_krita" / "__init__.py", "from . import docker\n")
    _write(folder / "limner_krita" / "docker.py", "from .wire import limits\n")
    _write(folder / "limner_krita.action", "<ActionCollection/>\n")
    _write(folder / "limner_krita" / "Manual.html", "<h1>Limner</h1>\n")
    _write(folder / "limner_krita" / "__pycache__" / "docker.cpython-311.pyc", "")
    _write(folder / "README.md", "for developers\n")
    return folder


def make_gimp(folder: Path) -> Path:
    """`limner-gimp/limner-gimp.py` and a package beside it."""
    _write(folder / "limner-gimp" / "limner-gimp.py", "#!/usr/bin/env python3\nimport limner_gimp.wire\n")
    _write(folder / "limner-gimp" / "limner_gimp" / "__init__.py", "")
    _write(folder / "limner-gimp" / "limner_gimp" / "dialog.py", "x = 1\n")
    return folder


MAKE = {"krita": make_krita, "gimp": make_gimp}


def usual_place(editor: str, home: Path) -> Place:
    """Where the plugin goes on a Linux machine with that home folder and nothing special."""
    return known_places(editor, System("linux", home, {"PATH": ""}))[0]


def is_real_there(editor: str) -> bool:
    """True when this checkout holds the editor's own plugin."""
    return all((resources.plugin_dir(editor) / path).is_file() for path in SHAPES[editor].required)
