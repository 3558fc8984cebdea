# SPDX-License-Identifier: Apache-2.0
"""Why a plugin's menu entry would be missing: Krita and GIMP skip a wrongly installed plugin without any message."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from limner.installer import kritarc, receipt
from limner.installer.errors import InstallError
from limner.installer.install import main_folder, receipt_path
from limner.installer.places import Place, System, known_places

SCRIPT = "limner-gimp.py"
LIBRARY = "limner_krita"


@dataclass(frozen=True)
class Finding:
    """The state of the plugin in one of an editor's folders."""

    place: Place
    installed: bool
    problem: str = ""  # what is wrong and why the menu entry would be missing; "" when nothing is
    remedy: str = ""


def _reinstall(place: Place) -> str:
    return f"Run: limner install {place.editor}"


def _incomplete(place: Place) -> str:
    """Names a file that the installation wrote and that is gone or empty now; "" when all are there."""
    try:
        written = receipt.load(receipt_path(place))
    except InstallError as error:
        return error.message
    except OSError as error:
        return f"{receipt_path(place)} cannot be read ({error.strerror})."
    missing = [name for name in (written.files if written else {}) if not (place.root / name).is_file()]
    return f"{len(missing)} of the plugin's files are gone, the first is {place.root / missing[0]}." if missing else ""


def _krita_library(desktop: Path) -> str:
    try:
        text = desktop.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    keys = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return keys.get("X-KDE-Library", "").strip()


def _krita_problem(place: Place) -> tuple[str, str]:
    folder = main_folder(place)
    library = _krita_library(place.plugins / f"{LIBRARY}.desktop")
    if library != LIBRARY:
        found = f"names the folder '{library}'" if library else "is missing or cannot be read"
        return f"{place.plugins / LIBRARY}.desktop {found}, so Krita does not find the plugin.", _reinstall(place)
    if not (folder / "__init__.py").is_file():
        return f"{folder} has no __init__.py, so Krita cannot load the plugin.", _reinstall(place)
    incomplete = _incomplete(place)
    if incomplete:
        return incomplete, _reinstall(place)
    if place.config and not kritarc.is_enabled(place.config):
        return (
            f"The plugin is not enabled in {place.config}.",
            "Tick Limner in Krita's Settings > Configure Krita > Python Plugin Manager and restart Krita.",
        )
    return "", ""


def _gimp_problem(place: Place, folder: Path) -> tuple[str, str]:
    script = folder / SCRIPT
    if folder == place.plugins:
        return (
            f"{script} lies directly in the plug-ins folder; GIMP wants it in a folder of the same name.",
            f"Remove that file, then run: limner install {place.editor}",
        )
    if folder.name != script.stem:
        return (
            f"GIMP ignores {script}: the folder must have the file's name, {script.stem}.",
            f"Rename the folder {folder.name} to {script.stem}.",
        )
    if os.name == "posix" and not os.access(script, os.X_OK):
        return f"GIMP ignores {script}: it is not executable.", f"Run: chmod +x '{script}'"
    incomplete = _incomplete(place)
    return (incomplete, _reinstall(place)) if incomplete else ("", "")


def _gimp_script_folders(place: Place) -> list[Path]:
    if not place.plugins.is_dir():
        return []
    folders = [place.plugins, *sorted(path for path in place.plugins.iterdir() if path.is_dir())]
    return [folder for folder in folders if (folder / SCRIPT).is_file()]


def _krita_finding(place: Place) -> Finding:
    parts = (place.plugins / f"{LIBRARY}.desktop", main_folder(place))
    if not any(part.exists() for part in parts):
        return Finding(place, False)
    return Finding(place, True, *_krita_problem(place))


def _gimp_finding(place: Place) -> Finding:
    folders = _gimp_script_folders(place)
    if not folders:
        return Finding(place, False)
    problems = [_gimp_problem(place, folder) for folder in folders]
    working = [problem for problem in problems if not problem[0]]
    return Finding(place, True, *(working or problems)[0])


def findings(editor: str, system: System | None = None) -> list[Finding]:
    """The plugin's state in every folder of `editor` ("krita" or "gimp") that is in use on this machine.

    A GIMP version without the plugin, beside one that has it, is a finding with a problem: GIMP reads only its own
    version's folder.
    """
    look = _krita_finding if editor == "krita" else _gimp_finding
    found = [look(place) for place in known_places(editor, system) if place.marker.exists()]
    if any(item.installed for item in found):
        return [item if item.installed else _left_out(item.place) for item in found]
    return found


def _left_out(place: Place) -> Finding:
    return Finding(place, False, f"{place.label} has no Limner plugin, another installation has.", _reinstall(place))
