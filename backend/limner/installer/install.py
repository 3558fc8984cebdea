# SPDX-License-Identifier: Apache-2.0
"""Copies a plugin into an editor's folder, and removes exactly that again.

Files that a user or an editor put there stay, and so does a file of ours that somebody has changed since.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import limner
from limner.installer import kritarc, receipt
from limner.installer.errors import InstallError
from limner.installer.files import write_file
from limner.installer.places import EDITOR_NAME, PLUGINS_FOLDER, Place, older_gimp
from limner.installer.plugin import SHAPES, PluginFile, plugin_files


@dataclass(frozen=True)
class Installed:
    """What an installation did."""

    place: Place
    files: int
    enabled_in: Path | None  # the kritarc that enables the plugin


@dataclass(frozen=True)
class Removed:
    """What a removal did."""

    place: Place
    files: int
    kept: tuple[Path, ...]  # files of ours that were changed after the installation, and stay


def main_folder(place: Place) -> Path:
    """The folder inside the editor's plugins folder that is the plugin: `limner_krita`, `limner-gimp`."""
    return place.plugins / SHAPES[place.editor].package.parts[0]


def receipt_path(place: Place) -> Path:
    """Where the receipt of an installation in `place` lies."""
    return main_folder(place) / receipt.NAME


def _targets(place: Place, files: list[PluginFile]) -> dict[PurePosixPath, PluginFile]:
    """Path below `place.root` -> file. Krita has a folder of its own for action files; it complains about a second."""
    folders = {".action": PurePosixPath("actions")}
    plugins = PurePosixPath(PLUGINS_FOLDER[place.editor])
    return {folders.get(file.target.suffix, plugins) / file.target: file for file in files}


def _missing_folders(place: Place, targets: dict[PurePosixPath, PluginFile]) -> tuple[str, ...]:
    folders = {parent for target in targets for parent in target.parents if parent.parts}
    return tuple(str(folder) for folder in sorted(folders) if not (place.root / folder).exists())


def _check_not_linked(place: Place) -> None:
    folder = main_folder(place)
    if folder.is_symlink():
        raise InstallError(
            f"{folder} is a link to {os.readlink(folder)}: somebody develops the plugin there.",
            "Remove the link first.",
        )


def _check_started(place: Place) -> None:
    older = older_gimp(place)
    if older:
        raise InstallError(
            f"{place.label} has not been started yet: at its first start it takes over the settings and brushes of"
            f" GIMP {older}, unless its folder {place.root} is there already.",
            f"Start {place.label} once, close it, then run: limner install gimp",
        )


def _unwritable(place: Place, error: OSError) -> InstallError:
    reason = error.strerror or str(error)
    return InstallError(
        f"The plugin for {EDITOR_NAME[place.editor]} could not be changed in {place.root}: {reason}.",
        "Check the folder's permissions and the free space, or choose another folder with --dest.",
    )


def install(place: Place, folder: Path | None = None) -> Installed:
    """Copy the plugin into `place`; replace an older one. In Krita, enable it as well.

    Args:
        place: where to.
        folder: the plugin's own files; None means those that ship with this installation.

    Raises:
        InstallError: nothing to install, the folder cannot be written, or GIMP has to be started first.
    """
    files = plugin_files(place.editor, folder)
    _check_not_linked(place)
    _check_started(place)
    targets = _targets(place, files)
    try:
        old = receipt.load(receipt_path(place))
        written: dict[str, str] = {}
        created = _missing_folders(place, targets) if old is None else _kept_folders(old, place, targets)
        for target, file in targets.items():
            data = file.read()
            write_file(place.root / target, data, 0o755 if file.executable else 0o644)
            written[str(target)] = receipt.sha256(data)
        if old is not None:
            _remove_files(place, {name: digest for name, digest in old.files.items() if name not in written})
        enabled = _enable(place, old)
        receipt.Receipt(limner.__version__, written, created, enabled).save(receipt_path(place))
    except OSError as error:
        raise _unwritable(place, error) from error
    enabled_in = place.config if place.config and kritarc.is_enabled(place.config) else None
    return Installed(place, len(written), enabled_in)


def _kept_folders(old: receipt.Receipt, place: Place, targets: dict[PurePosixPath, PluginFile]) -> tuple[str, ...]:
    return tuple(sorted({*old.folders, *_missing_folders(place, targets)}))


def _enable(place: Place, old: receipt.Receipt | None) -> str:
    """Enable the plugin in Krita's settings; returns the settings file when it was this installation that did it."""
    if place.config is None:
        return ""
    if kritarc.is_enabled(place.config):
        return old.settings if old else ""
    kritarc.enable(place.config)
    return str(place.config)


def _remove_files(place: Place, files: dict[str, str]) -> list[Path]:
    """Remove the files that are still as they were written; returns the changed ones, which stay."""
    changed = []
    for name, digest in files.items():
        path = place.root / name
        try:
            same = receipt.sha256(path.read_bytes()) == digest
        except FileNotFoundError:
            continue
        if same:
            path.unlink()
        else:
            changed.append(path)
    return changed


def _remove_folders(place: Place, old: receipt.Receipt) -> None:
    """Remove the folders that the installation made, unless something else lies in them by now."""
    own = main_folder(place)
    for cache in own.rglob("__pycache__"):
        shutil.rmtree(cache)  # Python's compiled copies of the files that are gone
    prefix = f"{PLUGINS_FOLDER[place.editor]}/{own.name}"
    for name in sorted(old.folders, key=len, reverse=True):
        if name == prefix or name.startswith(prefix + "/") or name in ("actions", PLUGINS_FOLDER[place.editor]):
            with suppress(OSError):  # not empty, or gone already
                (place.root / name).rmdir()


def is_installed(place: Place) -> bool:
    """True when `limner install` has put the plugin into `place`."""
    return receipt_path(place).is_file()


def uninstall(place: Place) -> Removed:
    """Remove what `install` wrote into `place`.

    Raises:
        InstallError: nothing was installed there, its list of files is damaged, or the folder cannot be written.
    """
    _check_not_linked(place)
    old = receipt.load(receipt_path(place))
    if old is None:
        raise InstallError(
            f"No plugin that 'limner install {place.editor}' put there was found in {place.plugins}.",
            "Nothing to do. If you imported the plugin from a zip file, remove its folder by hand.",
        )
    try:
        kept = _remove_files(place, old.files)
        receipt_path(place).unlink()
        _remove_folders(place, old)
        if old.settings:
            kritarc.disable(Path(old.settings))
    except OSError as error:
        raise _unwritable(place, error) from error
    return Removed(place, len(old.files) - len(kept), tuple(kept))
