# SPDX-License-Identifier: Apache-2.0
"""The receipt of an installation: which files were put into an editor's folder, so that just these go again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from limner.installer.errors import InstallError

NAME = "limner-installed.json"


def sha256(data: bytes) -> str:
    """Hex digest of `data`."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Receipt:
    """What one `limner install` wrote below an editor's folder."""

    version: str
    files: dict[str, str]  # path relative to the editor's folder, with "/" -> sha256 of what was written
    folders: tuple[str, ...]  # folders that did not exist before, outermost first
    settings: str = ""  # the kritarc in which the plugin was enabled; "" when none was changed

    def save(self, path: Path) -> None:
        """Write the receipt. Raises OSError."""
        content = {"version": self.version, "files": self.files, "folders": self.folders, "settings": self.settings}
        path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load(path: Path) -> Receipt | None:
    """The receipt at `path`; None when there is none. Raises InstallError when it is damaged, OSError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files = {str(name): str(digest) for name, digest in content["files"].items()}
        folders = tuple(str(name) for name in content["folders"])
        if any(_leaves(name) for name in (*files, *folders)):
            raise ValueError("a path leaves the editor's folder")
        return Receipt(str(content["version"]), files, folders, str(content["settings"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InstallError(
            f"The list of installed files {path} is damaged ({error}).", "Delete the plugin's folder by hand."
        ) from error


def _leaves(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name
