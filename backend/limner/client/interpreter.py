# SPDX-License-Identifier: Apache-2.0
"""Which Python has the backend, and the environment to start it in.

``install.json`` in Limner's home says it: ``{"python": "/path/to/python", "version": "0.1.0"}``, written by
``limner install`` and ``limner serve``, read by the editors' plugins.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..wire.connection import home, make_home, write_atomically
from ..wire.errors import ErrorCode
from .errors import BackendError

# What an editor (an AppImage above all) sets for its own Python and libraries, and would break another Python.
_FOREIGN_NAMES = re.compile(
    r"PYTHON(HOME|PATH|EXECUTABLE|STARTUP|NOUSERSITE|USERBASE|SAFEPATH|PLATLIBDIR)|__PYVENV_LAUNCHER__"
    r"|(LD|DYLD)_.*|SSL_CERT_(FILE|DIR)|APPDIR|APPIMAGE|ARGV0|OWD"
)


@dataclass(frozen=True)
class InstallRecord:
    """What install.json says: the Python that has the backend, and the backend's version."""

    python: str
    version: str = ""


def install_path() -> Path:
    """The file install.json."""
    return home() / "install.json"


def write_install_record(python: str, version: str = "") -> None:
    """Note that this Python has the backend. Raises OSError."""
    make_home()
    write_atomically(install_path(), json.dumps({"python": python, "version": version}, indent=2) + "\n")


def read_install_record() -> InstallRecord | None:
    """What install.json says; None when it is not there or damaged."""
    try:
        value = json.loads(install_path().read_text(encoding="utf-8"))
        python, version = value["python"], value.get("version", "")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not isinstance(python, str) or not isinstance(version, str):
        return None
    return InstallRecord(python, version)


def find_python() -> str:
    """The Python to start the backend with: this one where this module is the backend's own and not a copy inside a
    plugin, else the one install.json names, else this one where it can import the backend.

    Raises BackendError(backend_not_installed).
    """
    if _is_python(sys.executable) and not _is_nested():
        return sys.executable
    record = read_install_record()
    if record is not None and _is_python(record.python):
        return record.python
    if _is_python(sys.executable) and importlib.util.find_spec("limner") is not None:
        return sys.executable
    if record is not None:
        raise BackendError(
            ErrorCode.BACKEND_NOT_INSTALLED,
            f"The Python that Limner was installed with is gone: {record.python}.",
            "Install Limner again with 'pip install limner', then run 'limner install krita' or 'limner install gimp'.",
        )
    raise BackendError(ErrorCode.BACKEND_NOT_INSTALLED)


def child_environment(python: str) -> dict[str, str]:
    """The environment for the backend: this process's own when ``python`` is this interpreter, else without what an
    editor sets for itself."""
    environment = dict(os.environ)
    if os.path.normcase(python) == os.path.normcase(sys.executable or ""):
        return environment
    return scrub(environment)


def scrub(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without an editor's own settings, and without folders of its AppImage in PATH."""
    clean = {name: value for name, value in environment.items() if not _FOREIGN_NAMES.fullmatch(name)}
    image = environment.get("APPDIR", "")
    if image and "PATH" in clean:
        folders = clean["PATH"].split(os.pathsep)
        clean["PATH"] = os.pathsep.join(folder for folder in folders if not folder.startswith(image))
    return clean


def _is_nested() -> bool:
    """True for a copy of this package inside an editor's plugin, which has no backend beside it."""
    return not (Path(__file__).resolve().parent.parent / "server").is_dir()


def _is_python(path: str | None) -> bool:
    """True for an executable file that is named like a Python interpreter (inside an editor, sys.executable can be the
    editor)."""
    if not path or not os.path.isfile(path) or not os.access(path, os.X_OK):
        return False
    return os.path.basename(path).lower().startswith(("python", "pypy"))
