# SPDX-License-Identifier: Apache-2.0
"""The complete file list of an editor's plugin: its own files, and what is nested inside it.

The plugin runs in the editor's Python, which has no Limner. So its package gets a copy of `limner.wire` and
`limner.client` and of msgpack's pure-Python files, as `<package>/wire`, `<package>/client` and
`<package>/_vendor/msgpack`: inside the plugin's own name, where nothing collides with another plugin.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path, PurePosixPath

from limner import resources
from limner.installer.errors import InstallError

REINSTALL = "Install Limner again with pip."


@dataclass(frozen=True)
class Shape:
    """How one editor's plugin is laid out inside its plugins folder."""

    package: PurePosixPath  # the Python package that gets the nested copies
    required: tuple[PurePosixPath, ...]  # without these files the editor does not show the plugin
    executable: tuple[PurePosixPath, ...] = ()


SHAPES = {
    "krita": Shape(
        package=PurePosixPath("limner_krita"),
        required=(PurePosixPath("limner_krita.desktop"), PurePosixPath("limner_krita/__init__.py")),
    ),
    "gimp": Shape(
        package=PurePosixPath("limner-gimp/limner_gimp"),
        required=(PurePosixPath("limner-gimp/limner-gimp.py"),),
        executable=(PurePosixPath("limner-gimp/limner-gimp.py"),),
    ),
}


@dataclass(frozen=True)
class PluginFile:
    """One file: `target` is relative to the editor's plugins folder."""

    target: PurePosixPath
    source: Path | None  # None: an empty file
    executable: bool = False

    def read(self) -> bytes:
        """The file's bytes. Raises OSError."""
        return self.source.read_bytes() if self.source else b""


def _files_below(folder: Path, patterns: tuple[str, ...] = ("*",)) -> list[Path]:
    found = {path for pattern in patterns for path in folder.rglob(pattern)}
    return sorted(p for p in found if p.is_file() and "__pycache__" not in p.parts and p.suffix != ".pyc")


def _own_files(editor: str, folder: Path) -> list[PluginFile]:
    shape = SHAPES[editor]
    files = []
    for path in _files_below(folder):
        target = PurePosixPath(path.relative_to(folder).as_posix())
        # what lies beside the plugin itself (notes for developers, ...) is not for the editor's folder
        if len(target.parts) > 1 or target in shape.required or target.suffix in (".desktop", ".action"):
            files.append(PluginFile(target, path, executable=target in shape.executable))
    present = {file.target for file in files}
    missing = [str(path) for path in shape.required if path not in present]
    if missing:
        raise InstallError(f"This installation of Limner lacks the plugin's file {missing[0]}.", REINSTALL)
    return files


def _package_files(name: str, target: PurePosixPath) -> list[PluginFile]:
    """The Python files of an importable package, found without importing it."""
    spec = util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise InstallError(f"This installation of Limner lacks the Python package {name}.", REINSTALL)
    folder = Path(next(iter(spec.submodule_search_locations)))
    return [PluginFile(target / path.relative_to(folder).as_posix(), path) for path in _files_below(folder, ("*.py",))]


def _msgpack_license(target: PurePosixPath) -> list[PluginFile]:
    listed = metadata.files("msgpack") or []
    paths = [Path(str(path.locate())) for path in listed if "licens" in str(path).lower() or path.name == "COPYING"]
    return [PluginFile(target / "COPYING", path) for path in paths[:1] if path.is_file()]


def _nested_files(package: PurePosixPath, own: list[PluginFile]) -> list[PluginFile]:
    vendor = package / "_vendor"
    msgpack = _package_files("msgpack", vendor / "msgpack")
    if not any(file.target.name == "fallback.py" for file in msgpack):
        raise InstallError("The installed msgpack has no pure-Python part, which the plugin needs.", REINSTALL)
    wire = _package_files("limner.wire", package / "wire")
    nested = wire + _package_files("limner.client", package / "client") + msgpack + _msgpack_license(vendor / "msgpack")
    markers = [vendor / "__init__.py"]
    if not any(file.target == package / "__init__.py" for file in own):
        markers.append(package / "__init__.py")
    nested += [PluginFile(marker, None) for marker in markers]
    return nested


def plugin_files(editor: str, folder: Path | None = None) -> list[PluginFile]:
    """Everything the plugin of `editor` ("krita" or "gimp") consists of, sorted by target.

    Args:
        editor: which plugin.
        folder: where the plugin's own files lie; None means those that ship with this installation.

    Raises:
        InstallError: when this installation lacks the plugin or a library that is nested inside it.
    """
    folder = folder or resources.plugin_dir(editor)
    if not folder.is_dir():
        raise InstallError(f"This installation of Limner holds no plugin for {editor}: {folder} is missing.", REINSTALL)
    own = _own_files(editor, folder)
    files = {file.target: file for file in own}
    files.update((file.target, file) for file in _nested_files(SHAPES[editor].package, own))
    return [files[target] for target in sorted(files)]
