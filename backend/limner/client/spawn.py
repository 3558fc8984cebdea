# SPDX-License-Identifier: Apache-2.0
"""Starts the backend as a process of its own that outlives the editor, with its output in logs/backend.log."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

from ..wire.connection import log_path, make_home
from ..wire.errors import ErrorCode
from .errors import BackendError
from .interpreter import child_environment

_MAX_LOG_BYTES = 4 * 1024 * 1024  # a longer log is moved to backend.log.1 before a start
_TAIL_BYTES = 8 * 1024
_FLATPAK_MARK = "/.flatpak-info"


class BackendProcess:
    """A backend that was started here."""

    def __init__(self, python: str) -> None:
        """Start ``PYTHON -m limner serve --foreground``. Raises BackendError(start_failed)."""
        _refuse_sandbox()
        try:
            folder = make_home()
            self._log = log_path()
            _rotate(self._log)
            with open(str(self._log), "ab") as log:
                self._log_start = log.tell()
                self._process = _spawn(python, folder, log.fileno())
        except OSError as error:
            raise BackendError(ErrorCode.START_FAILED, f"The backend could not be started: {error}.") from error
        # Waits for the process's end, so that it never stays behind as a zombie of the editor.
        threading.Thread(target=self._process.wait, name="limner-backend-end", daemon=True).start()

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def log_tail(self) -> tuple[str, ...]:
        """The last lines it wrote."""
        return log_tail(self._log, self._log_start)

    def terminate(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._process.terminate()


def log_tail(path: Path | None = None, start: int = 0, lines: int = 12) -> tuple[str, ...]:
    """The last lines of the backend's log (those behind the byte ``start``); empty when there is none."""
    try:
        with open(str(path or log_path()), "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(min(start, end), end - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple(line.rstrip() for line in text.splitlines() if line.strip())[-lines:]


def _spawn(python: str, folder: Path, log: int) -> subprocess.Popen[bytes]:
    flags = 0
    if sys.platform == "win32":  # not DETACHED_PROCESS: without a console each child of the backend would open its own
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        [python, "-m", "limner", "serve", "--foreground"],
        cwd=str(folder),
        env=child_environment(python),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        creationflags=flags,
    )


def _rotate(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.stat().st_size > _MAX_LOG_BYTES:
            os.replace(str(path), str(path) + ".1")


def _refuse_sandbox() -> None:
    """A sandbox's Python and libraries are not the user's: the backend cannot be started from inside."""
    if os.path.exists(_FLATPAK_MARK) or "SNAP_NAME" in os.environ:
        raise BackendError(
            ErrorCode.START_FAILED,
            "This editor runs in a sandbox (Flatpak or Snap), which cannot start the backend.",
            "Run 'limner serve' in a terminal, then try again.",
        )
