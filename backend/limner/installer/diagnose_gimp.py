# SPDX-License-Identifier: Apache-2.0
"""Why Filters > Limner would be missing in GIMP, which skips a plug-in that it cannot use without any message.

Sources: GIMP's manual ("Installing new plug-ins"), its `gimprc` page for `plug-in-path`, and GIMP 3.0 and 3.2
themselves: the plug-in's file must be executable, lie in a folder of its own name directly below a folder of
plug-in-path, and run in a Python that has gi. What GIMP has taken in it writes down in `pluginrc`.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from limner.installer.finding import Finding, incomplete, reinstall
from limner.installer.install import main_folder, receipt_path
from limner.installer.places import Place, System, gimp_versions_installed

SCRIPT = "limner-gimp.py"
_PLUGIN_PATH = re.compile(r'^\s*\(plug-in-path\s+"((?:[^"\\]|\\.)*)"\s*\)', re.MULTILINE)
_CAN_RUN = """
import sys
assert sys.version_info >= (3, 9), "Python is older than 3.9"
import gi
for name in ("Gimp", "GimpUi"):
    gi.require_version(name, "3.0")
"""
_PATIENCE_S = 60


def gimp_finding(place: Place, system: System) -> Finding:
    """The plugin in one version's folder."""
    folders = _script_folders(place)
    if not folders:
        return Finding(place, False)
    problems = [_file_problem(place, folder) for folder in folders]
    problem, remedy = ([found for found in problems if not found[0]] or problems)[0]
    if not problem:
        problem, remedy = _outer_problem(place, system)
    return Finding(place, True, problem, remedy, "" if problem else _note(place))


def unstarted_versions(places: list[Place], system: System) -> Iterator[Finding]:
    """A GIMP that is installed and has no folder yet: the plug-in in another version's folder is not for it."""
    native = {place.root.name: place for place in places if place.label == f"GIMP {place.root.name}"}
    for version in gimp_versions_installed(system) if native else []:
        if version not in native:
            root = next(iter(native.values())).root.with_name(version)
            text = f"GIMP {version} has not been started yet and has no folder for plug-ins; another installation has."
            remedy = f"Start GIMP {version} once, close it, then run: limner install gimp"
            yield Finding(Place("gimp", f"GIMP {version}", root, root), False, text, remedy)


def _script_folders(place: Place) -> list[Path]:
    """Where the plug-in's file lies: in the plug-ins folder or up to two folders below."""
    patterns = (SCRIPT, f"*/{SCRIPT}", f"*/*/{SCRIPT}")
    return [script.parent for pattern in patterns for script in sorted(place.plugins.glob(pattern))]


def _file_problem(place: Place, folder: Path) -> tuple[str, str]:
    script = folder / SCRIPT
    if folder == place.plugins:
        return (
            f"{script} lies directly in the plug-ins folder; GIMP wants it in a folder of the same name.",
            f"Remove that file, then run: limner install {place.editor}",
        )
    if folder.parent != place.plugins:
        return (
            f"GIMP ignores {script}: it lies one folder too deep.",
            f"Move the folder {folder.name} to {place.plugins}.",
        )
    if folder.name != script.stem:
        return (
            f"GIMP ignores {script}: the folder must have the file's name, {script.stem}.",
            f"Rename the folder {folder.name} to {script.stem}.",
        )
    return _permission_problem(script) or _content_problem(place)


def _permission_problem(script: Path) -> tuple[str, str] | None:
    if os.name != "posix" or os.access(script, os.X_OK):
        return None
    if script.stat().st_mode & stat.S_IXUSR:
        return (
            f"GIMP ignores {script}: its file system runs no programs (it is mounted with noexec).",
            "Mount it without noexec, or set GIMP3_DIRECTORY to a folder elsewhere and install the plugin again.",
        )
    return f"GIMP ignores {script}: it is not executable.", f"Run: chmod +x '{script}'"


def _content_problem(place: Place) -> tuple[str, str]:
    missing = incomplete(place)
    return (missing, reinstall(place)) if missing else ("", "")


def _outer_problem(place: Place, system: System) -> tuple[str, str]:
    """What keeps GIMP from a plug-in whose files are in order."""
    paths = _plugin_path(place)
    if paths is not None and place.plugins not in paths:
        return (
            f"GIMP does not look into {place.plugins}: {place.root / 'gimprc'} names other folders for plug-ins.",
            "Add that folder in GIMP's Edit > Preferences > Folders > Plug-ins and restart GIMP.",
        )
    return _python_problem(system) if "(" not in place.label else ("", "")  # Flatpak and Snap have their own Python


def _plugin_path(place: Place) -> list[Path] | None:
    """The folders that gimprc names for plug-ins; None when it leaves that to GIMP."""
    try:
        found = _PLUGIN_PATH.findall((place.root / "gimprc").read_text("utf-8", "replace"))
    except OSError:
        return None
    if not found:
        return None
    value = str(found[-1]).replace('\\"', '"').replace("\\\\", "\\").replace("${gimp_dir}", str(place.root))
    return [Path(item).expanduser() for item in value.split(os.pathsep) if item]


def _python_problem(system: System) -> tuple[str, str]:
    """On Linux, GIMP has `env` find the Python for a plug-in; elsewhere GIMP brings its own."""
    if system.platform != "linux" or not gimp_versions_installed(system):
        return "", ""
    own = os.path.join(sys.prefix, "bin")  # of a virtual environment, which GIMP is not started from
    path = os.pathsep.join(item for item in system.environ.get("PATH", "").split(os.pathsep) if item != own)
    python = shutil.which("python3", path=path)
    if python is None:
        return "GIMP runs the plug-in with python3, and there is none on PATH.", "Install python3 and python3-gi."
    try:
        ran = subprocess.run([python, "-c", _CAN_RUN], capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"GIMP runs the plug-in with {python}, which does not run: {error}.", "Install python3 anew."
    if ran.returncode == 0:
        return "", ""
    cause = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
    return (
        f"GIMP runs the plug-in with {python}, which cannot use GIMP: {cause}",
        "Install python3-gi and gir1.2-gimp-3.0 (Debian's names), or start GIMP with /usr/bin first in PATH.",
    )


def _note(place: Place) -> str:
    """What GIMP itself has written down of the plug-in."""
    known, installed = place.root / "pluginrc", receipt_path(place)
    try:
        if f"{main_folder(place).name}/{SCRIPT}" in known.read_text("utf-8", "replace"):
            return ""
        seen = known.stat().st_mtime > installed.stat().st_mtime
    except OSError:
        return "GIMP has not been started with this folder yet; it must be GIMP 3.0 or newer."
    if seen:
        return f"GIMP has not taken it in: start GIMP in a terminal and look for what it says of {SCRIPT}."
    return "Restart GIMP: it was started last before the plugin was installed."
