# SPDX-License-Identifier: Apache-2.0
"""Where the files that ship beside the code lie: weights, editor plugins, example sketches.

In a wheel they are inside the package (`limner/_weights`, `limner/_plugins/<editor>`); in a source checkout with an
editable install they are the repository's own folders (`weights/`, `plugin_<editor>/`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent.parent
EDITORS = ("krita", "gimp")


def in_checkout() -> bool:
    """True when the package runs from a source checkout and not from an installed wheel."""
    return PACKAGE.parent.name == "backend" and (CHECKOUT / "pyproject.toml").is_file()


def weights_dir() -> Path:
    """The folder of `*.safetensors` and `manifest.json`. It may be absent in a checkout without trained weights."""
    return CHECKOUT / "weights" if in_checkout() else PACKAGE / "_weights"


def plugin_dir(name: str) -> Path:
    """The folder of one editor's plugin as it ships.

    Args:
        name: "krita" (holds `limner_krita.desktop` and `limner_krita/`) or "gimp" (holds `limner-gimp/`).

    Raises:
        ValueError: for any other name.
    """
    if name not in EDITORS:
        raise ValueError(f"no plugin for {name!r}: known editors are {', '.join(EDITORS)}")
    return CHECKOUT / f"plugin_{name}" if in_checkout() else PACKAGE / "_plugins" / name


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file, read in blocks. Raises OSError where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def examples_dir() -> Path:
    """The folder of the example sketches (`*.png`) that ship inside the package."""
    return PACKAGE / "examples"
