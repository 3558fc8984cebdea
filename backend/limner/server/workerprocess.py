# SPDX-License-Identifier: Apache-2.0
"""The operating system's side of the worker: its process, its log file, and how it ended in words."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..client.spawn import log_tail
from .children import child_environment
from .worker.boot import WorkerBoot

_LOG_ROTATES_AT = 1024 * 1024  # bytes


@dataclass(frozen=True)
class WorkerSettings:
    """How to start the worker: `WorkerBoot` tells what device and engine are; `home` is its working folder."""

    device: str
    engine: str
    home: Path
    log_file: Path


class WorkerProcess:
    """A running worker. Its standard output and error go to the log file."""

    def __init__(self, settings: WorkerSettings, boot: WorkerBoot) -> None:
        """Starts the process. Raises OSError when that is not possible."""
        self._log_file = settings.log_file
        _rotate(self._log_file)
        with self._log_file.open("ab") as log_file:
            self._log_start = log_file.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.worker"],
                stdin=subprocess.PIPE,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                cwd=settings.home,
                env=child_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it may have ended already: then `status` says so
            self._process.stdin.write(boot.to_line())
            self._process.stdin.flush()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait(self, seconds: float) -> None:
        """Waits for its end, at most that long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def kill(self) -> None:
        """Ends it by force, if it still runs, and waits until it is gone."""
        self._process.kill()
        self._process.wait()
        self.close()

    def close(self) -> None:
        """Gives back the pipe to a process that has ended."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def describe_end(self) -> str:
        """How the process ended, such as "killed by SIGKILL"."""
        status = self._process.returncode
        if status is None:
            return "still running"
        if status >= 0:
            return f"exit status {status}"
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
        return f"killed by signal {-status}"

    def last_log_lines(self) -> str:
        """The last lines that this process wrote to its log, joined into one; "" when it wrote none."""
        return " | ".join(line.strip() for line in log_tail(self._log_file, self._log_start, lines=3))


def _rotate(log_file: Path) -> None:
    """Keeps one older log once the current one has grown large."""
    with contextlib.suppress(OSError):
        if log_file.stat().st_size > _LOG_ROTATES_AT:
            log_file.replace(log_file.with_suffix(".old.log"))
