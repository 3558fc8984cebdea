# SPDX-License-Identifier: Apache-2.0
"""Packs a plugin into a zip file: for Krita's "Import Python Plugin from File", for GIMP to unpack by hand."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path, PurePosixPath

from limner.installer.plugin import plugin_files

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same plugin gives the same bytes


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3  # Unix: the mode below counts
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _folder_entry(folder: PurePosixPath) -> zipfile.ZipInfo:
    info = _entry(f"{folder}/", stat.S_IFDIR | 0o755)
    info.external_attr |= 0x10  # MS-DOS's mark of a folder
    info.compress_type = zipfile.ZIP_STORED
    return info


def build_zip(editor: str, folder: Path | None = None) -> bytes:
    """The zip file of the plugin of `editor` ("krita" or "gimp").

    Krita's importer finds a plugin only when the zip has explicit entries for folders.

    Args:
        editor: which plugin.
        folder: the plugin's own files; None means those that ship with this installation.

    Raises:
        InstallError: when this installation lacks the plugin.
    """
    files = plugin_files(editor, folder)
    folders = sorted({parent for file in files for parent in file.target.parents if parent.parts})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for parent in folders:
            archive.writestr(_folder_entry(parent), b"")
        for file in files:
            mode = stat.S_IFREG | (0o755 if file.executable else 0o644)
            archive.writestr(_entry(str(file.target), mode), file.read())
    return buffer.getvalue()
