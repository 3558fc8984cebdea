# SPDX-License-Identifier: Apache-2.0
"""`limner install`, `limner uninstall`, `limner package`: the plugins for Krita and GIMP."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from limner.cli.failures import Failure
from limner.cli.pictures import ANOTHER


class Editor(str, Enum):
    """The editors that have a plugin."""

    krita = "krita"
    gimp = "gimp"


EditorArgument = Annotated[Editor, typer.Argument(metavar="krita|gimp", help="Which editor.")]
Destination = Annotated[
    Path | None,
    typer.Option("--dest", metavar="DIR", help="The editor's own folder (with pykrita or plug-ins inside)."),
]

_ENABLE_BY_HAND = "Enable it in Krita: Settings > Configure Krita > Python Plugin Manager > Limner."


def install(editor: EditorArgument, dest: Destination = None) -> None:
    """Copy the plugin into the editor's folder; in Krita, enable it."""
    from limner.client.launcher import write_install_record
    from limner.installer import install as installing
    from limner.installer import places

    chosen = [places.place_at(editor.value, dest)] if dest else places.used_places(editor.value)
    for place in chosen:
        done = installing.install(place)
        print(f"{place.label}: {done.files} files in {place.plugins}")
        if editor is Editor.krita:
            print(f"Enabled in {done.enabled_in}." if done.enabled_in else _ENABLE_BY_HAND)
    write_install_record(sys.executable)
    name = places.EDITOR_NAME[editor.value]
    menu = "Tools > Scripts, and Settings > Dockers > Limner" if editor is Editor.krita else "Filters > Limner"
    print(f"Restart {name}; Limner is then under {menu}.")


def uninstall(editor: EditorArgument, dest: Destination = None) -> None:
    """Remove what `limner install` copied, and nothing else."""
    from limner.installer import install as installing
    from limner.installer import places

    if dest:
        chosen = [places.place_at(editor.value, dest)]
    else:
        known = places.known_places(editor.value)
        chosen = [place for place in known if installing.is_installed(place)] or known[:1]
    for place in chosen:
        removed = installing.uninstall(place)
        print(f"{place.label}: {removed.files} files removed from {place.plugins}")
        for path in removed.kept:
            print(f"Kept, because it was changed since: {path}")


def _parse_zip(text: str) -> Path:
    if not text.lower().endswith(".zip"):
        raise typer.BadParameter(f"'{text}' must end in .zip: the plugin is packed into one file")
    return Path(text)


def package(
    editor: EditorArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="ZIP", parser=_parse_zip, help="The zip file to write.")
    ],
) -> None:
    """Pack the plugin into a zip file: for Krita's plugin importer, for GIMP to unpack into its plug-ins folder."""
    from limner.installer.files import write_file
    from limner.installer.package import build_zip

    if not output.parent.is_dir():
        raise Failure(f"{output} cannot be written: there is no folder {output.parent}.", "Make the folder first.")
    if output.exists() and not output.is_file():
        raise Failure(f"{output} cannot be written: it is no plain file.", ANOTHER)
    packed = build_zip(editor.value)
    try:
        write_file(output, packed, 0o644)
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror or error}.", ANOTHER) from error
    print(f"{output} is ready.")
    if editor is Editor.krita:
        print("In Krita: Tools > Scripts > Import Python Plugin from File.")
    else:
        print("Unpack it into GIMP's plug-ins folder (Edit > Preferences > Folders > Plug-ins) and restart GIMP.")
