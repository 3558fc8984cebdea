# SPDX-License-Identifier: Apache-2.0
"""What is known of the plugin in one folder of an editor, and what both editors' diagnoses have in common."""

from __future__ import annotations

from dataclasses import dataclass

from limner.installer import receipt
from limner.installer.errors import InstallError
from limner.installer.install import receipt_path
from limner.installer.places import Place


@dataclass(frozen=True)
class Finding:
    """The state of the plugin in one of an editor's folders."""

    place: Place
    installed: bool
    problem: str = ""  # what is wrong and why the menu entry would be missing; "" when nothing is
    remedy: str = ""
    note: str = ""  # what is left to do before the menu entry is there; "" for nothing


def reinstall(place: Place) -> str:
    """The remedy of most problems."""
    return f"Run: limner install {place.editor}"


def incomplete(place: Place) -> str:
    """Names a file that the installation wrote and that is gone or empty now; "" when all are there."""
    try:
        written = receipt.load(receipt_path(place))
    except InstallError as error:
        return error.message
    except OSError as error:
        return f"{receipt_path(place)} cannot be read ({error.strerror})."
    missing = [name for name in (written.files if written else {}) if not (place.root / name).is_file()]
    return f"{len(missing)} of the plugin's files are gone, the first is {place.root / missing[0]}." if missing else ""
