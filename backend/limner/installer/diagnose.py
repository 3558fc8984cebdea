# SPDX-License-Identifier: Apache-2.0
"""Why a plugin's menu entry would be missing: Krita and GIMP skip a wrongly installed plugin without any message."""

from __future__ import annotations

from pathlib import Path

from limner.installer import kritarc
from limner.installer.diagnose_gimp import gimp_finding, unstarted_versions
from limner.installer.finding import Finding, incomplete, reinstall
from limner.installer.install import main_folder
from limner.installer.places import Place, System, known_places

LIBRARY = "limner_krita"


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
        return f"{place.plugins / LIBRARY}.desktop {found}, so Krita does not find the plugin.", reinstall(place)
    if not (folder / "__init__.py").is_file():
        return f"{folder} has no __init__.py, so Krita cannot load the plugin.", reinstall(place)
    missing = incomplete(place)
    if missing:
        return missing, reinstall(place)
    if place.config and not kritarc.is_enabled(place.config):
        return (
            f"The plugin is not enabled in {place.config}.",
            "Tick Limner in Krita's Settings > Configure Krita > Python Plugin Manager and restart Krita.",
        )
    return "", ""


def _krita_finding(place: Place) -> Finding:
    parts = (place.plugins / f"{LIBRARY}.desktop", main_folder(place))
    if not any(part.exists() for part in parts):
        return Finding(place, False)
    return Finding(place, True, *_krita_problem(place))


def findings(editor: str, system: System | None = None) -> list[Finding]:
    """The plugin's state in every folder of `editor` ("krita" or "gimp") that is in use on this machine.

    A GIMP version without the plugin, beside one that has it, is a finding with a problem: GIMP reads only its own
    version's folder.
    """
    system = system or System()
    if editor == "krita":
        return [_krita_finding(place) for place in known_places(editor, system) if place.marker.exists()]
    places = [place for place in known_places(editor, system) if place.root.exists()]
    found = [gimp_finding(place, system) for place in places]
    if not any(item.installed for item in found):
        return found
    return [
        *(item if item.installed else _left_out(item.place) for item in found),
        *unstarted_versions(places, system),
    ]


def _left_out(place: Place) -> Finding:
    return Finding(place, False, f"{place.label} has no Limner plugin, another installation has.", reinstall(place))
