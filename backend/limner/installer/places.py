# SPDX-License-Identifier: Apache-2.0
"""The folders in which Krita and GIMP look for plugins, on every platform.

Sources: Krita's manual ("Resource Management"), GIMP's manual ("Installing new plug-ins"), Flatpak's and Snap's
rules for redirected folders. A `Place` is one of them: Krita's resource folder or GIMP's folder of one version.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from limner.installer import kritarc

PLUGINS_FOLDER = {"krita": "pykrita", "gimp": "plug-ins"}
EDITOR_NAME = {"krita": "Krita", "gimp": "GIMP"}
DEFAULT_GIMP_VERSION = "3.0"
_GIMP_VERSION = re.compile(r"3\.\d+")
_GIMP_VERSIONS = ("3.4", "3.2", "3.0")  # that a program's name may end in


@dataclass(frozen=True)
class System:
    """What the choice of folders depends on; tests set it to look at other platforms."""

    platform: str = sys.platform  # "linux", "darwin", "win32"
    home: Path = field(default_factory=Path.home)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def folder(self, variable: str, *default: str) -> Path:
        """The folder that an environment variable names, else `default` below the home folder."""
        value = self.environ.get(variable, "")
        return Path(value) if value and Path(value).is_absolute() else self.home.joinpath(*default)


@dataclass(frozen=True)
class Place:
    """One folder of an editor: the plugin goes to `plugins`, Krita's action file to `root/actions`."""

    editor: str  # "krita" or "gimp"
    label: str  # as a person says it: "Krita (Flatpak)", "GIMP 3.0"
    root: Path  # Krita's resource folder, GIMP's folder of one version
    marker: Path  # exists when this flavor of the editor has been used or installed
    config: Path | None = None  # kritarc, where plugins are enabled

    @property
    def plugins(self) -> Path:
        return self.root / PLUGINS_FOLDER[self.editor]


def _krita_folders(system: System) -> list[tuple[str, Path, Path, Path]]:
    """(label, resource folder, folder that shows the flavor is there, kritarc), the usual flavor first."""
    home = system.home
    if system.platform == "win32":
        roaming = system.folder("APPDATA", "AppData", "Roaming")
        local = system.folder("LOCALAPPDATA", "AppData", "Local")
        found = [("Krita", roaming / "krita", roaming / "krita", local / "kritarc")]
        for store in sorted((local / "Packages").glob("49800Krita_*")):
            cache = store / "LocalCache"
            found.append(("Krita (Windows Store)", cache / "Roaming" / "krita", store, cache / "Local" / "kritarc"))
        return found
    if system.platform == "darwin":
        library = home / "Library"
        resources = library / "Application Support" / "Krita"
        return [("Krita", resources, resources, library / "Preferences" / "kritarc")]
    data = system.folder("XDG_DATA_HOME", ".local", "share") / "krita"
    config = system.folder("XDG_CONFIG_HOME", ".config") / "kritarc"
    flatpak = home / ".var" / "app" / "org.kde.krita"
    snap = home / "snap" / "krita"
    return [
        ("Krita", data, data, config),
        ("Krita (Flatpak)", flatpak / "data" / "krita", flatpak, flatpak / "config" / "kritarc"),
        (
            "Krita (Snap)",
            snap / "current" / ".local" / "share" / "krita",
            snap,
            snap / "current" / ".config" / "kritarc",
        ),
    ]


def _krita_places(system: System) -> list[Place]:
    places = []
    for label, resources, marker, config in _krita_folders(system):
        moved = kritarc.resource_folder(config)
        places.append(Place("krita", label, moved or resources, moved or marker, config))
    return places


def _gimp_folders(system: System) -> list[tuple[str, Path, Path]]:
    """(label, folder that holds a folder per GIMP version, folder that shows the flavor is there)."""
    home = system.home
    if system.platform == "win32":
        base = system.folder("APPDATA", "AppData", "Roaming") / "GIMP"
        return [("GIMP", base, base)]
    if system.platform == "darwin":
        base = home / "Library" / "Application Support" / "GIMP"
        return [("GIMP", base, base)]
    base = system.folder("XDG_CONFIG_HOME", ".config") / "GIMP"
    flatpak = home / ".var" / "app" / "org.gimp.GIMP"
    snap = home / "snap" / "gimp"
    return [
        ("GIMP", base, base),
        ("GIMP (Flatpak)", flatpak / "config" / "GIMP", flatpak),
        ("GIMP (Snap)", snap / "current" / "GIMP", snap),
    ]


def gimp_versions_installed(system: System) -> list[str]:
    """The versions of the GIMP 3 programs on PATH and in the usual folders, as their names tell, newest first."""
    folders = [Path(item) for item in system.environ.get("PATH", "").split(os.pathsep) if item]
    suffix = ""
    if system.platform == "win32":
        local = system.folder("LOCALAPPDATA", "AppData", "Local") / "Programs"
        folders += [base / "GIMP 3" / "bin" for base in (system.folder("PROGRAMFILES", "Program Files"), local)]
        suffix = ".exe"
    elif system.platform == "darwin":
        folders.append(Path("/Applications/GIMP.app/Contents/MacOS"))
    programs = {version: f"gimp-{version}{suffix}" for version in _GIMP_VERSIONS}
    return [version for version, name in programs.items() if any((folder / name).is_file() for folder in folders)]


def _gimp_places(system: System) -> list[Place]:
    own = system.environ.get("GIMP3_DIRECTORY", "")
    if own:
        root = system.home / own  # a relative one is below the home folder, as GIMP reads it
        return [Place("gimp", "GIMP", root, root)]
    places = []
    for label, base, marker in _gimp_folders(system):
        names = [folder.name for folder in base.iterdir() if folder.is_dir()] if base.is_dir() else []
        versions = sorted(name for name in names if _GIMP_VERSION.fullmatch(name))
        if not versions:
            versions = gimp_versions_installed(system)[:1] or [DEFAULT_GIMP_VERSION]
        for version in versions:
            places.append(Place("gimp", label.replace("GIMP", f"GIMP {version}"), base / version, marker))
    return places


def known_places(editor: str, system: System | None = None) -> list[Place]:
    """Every folder of `editor` ("krita" or "gimp") on this platform, whether it exists or not, the usual one first."""
    system = system or System()
    return _krita_places(system) if editor == "krita" else _gimp_places(system)


def used_places(editor: str, system: System | None = None) -> list[Place]:
    """The folders of the flavors that are on this machine; the usual one when none has left a trace yet.

    Of GIMP, the folders of the versions that have been started."""
    places = known_places(editor, system)
    there = [place for place in places if place.marker.exists()]
    started = [place for place in there if editor == "gimp" and place.root.exists()]
    return started or there or places[:1]


def older_gimp(place: Place) -> str:
    """The version of a GIMP that was used before the one of `place`, which was never started; "" for none.

    At its first start GIMP takes over the settings, brushes, ... of the version before, unless its folder is there."""
    if place.editor != "gimp" or place.root.exists() or not place.root.parent.is_dir():
        return ""
    names = (folder.name for folder in place.root.parent.iterdir() if folder.is_dir())
    numbers = [[int(part) for part in name.split(".")] for name in names if re.fullmatch(r"\d+\.\d+", name)]
    return ".".join(map(str, max(numbers))) if numbers else ""


def place_at(editor: str, dest: Path, system: System | None = None) -> Place:
    """The place for an explicit folder: the editor's own folder, or its pykrita/plug-ins folder itself.

    Krita's settings file is known only when the folder is one of Krita's usual ones.
    """
    dest = dest.expanduser().absolute()
    root = dest.parent if dest.name == PLUGINS_FOLDER[editor] else dest
    for place in known_places(editor, system):
        if place.root.absolute() == root:
            return place
    return Place(editor, EDITOR_NAME[editor], root, root)
