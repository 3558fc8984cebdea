# SPDX-License-Identifier: Apache-2.0
"""What the server's child processes have in common: their environment, and the end of their log."""

from __future__ import annotations

import os
from pathlib import Path

_TAIL_BYTES = 4096
_TAIL_LINES = 3


def child_environment() -> dict[str, str]:
    """This process's environment; a relative PYTHONPATH is made absolute, for the child runs in another folder."""
    environment = dict(os.environ)
    if path := environment.get("PYTHONPATH"):
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in path.split(os.pathsep) if entry)
    return environment


def log_tail(log_file: Path, start: int = 0) -> str:
    """The last lines of the log behind the byte `start`, joined into one; "" when there are none."""
    try:
        with log_file.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(min(start, end), end - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return " | ".join([line.strip() for line in lines if line.strip()][-_TAIL_LINES:])
