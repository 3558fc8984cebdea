# SPDX-License-Identifier: Apache-2.0
"""The operating system's side of the worker: its process, its log file, and how it ended in words."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from ..client.spawn import log_tail
from .children import child_environment
from .worker.boot import WorkerBoot
from .worker.memory import PictureMemory, new_memory


@dataclass(frozen=True)
class WorkerSettings:
    """How to start a worker: `WorkerBoot` tells what device, engine and beside are; `home` is its working folder."""

    device: str
    engine: str
    home: Path
    log_file: Path
    beside: int = 0


class WorkerProcess:
    """A running worker. Its standard output and error go to the log file.

    Attributes:
        memory: what it shares with this process for pictures; None where the system has no such.
    """

    def __init__(self, settings: WorkerSettings, boot: WorkerBoot) -> None:
        """Starts the process. Raises OSError when that is not possible."""
        self._log_file = settings.log_file
        with contextlib.ExitStack() as until_started:
            self.memory: PictureMemory | None = None
            if (descriptor := new_memory()) is not None:
                until_started.callback(os.close, descriptor)  # the worker inherits it
                self.memory, boot = PictureMemory(descriptor, server=True), replace(boot, memory=descriptor)
            self._process = self._start(settings, boot)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it may have ended already: then `status` says so
            self._process.stdin.write(boot.to_line())
            self._process.stdin.flush()

    def _start(self, settings: WorkerSettings, boot: WorkerBoot) -> subprocess.Popen[bytes]:
        with self._log_file.open("ab") as log_file:
            self._log_start = log_file.tell()
            return subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.worker"],
                stdin=subprocess.PIPE,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                cwd=settings.home,
                env=child_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                pass_fds=() if boot.memory < 0 else (boot.memory,),
            )

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
        """Ends it by force, if it still runs; `is_running` tells when it is gone."""
        self._process.kill()

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
            name = signal.Signals(-status).name
            hint = ", which the system does when memory runs out" if name == "SIGKILL" else ""
            return f"killed by {name}{hint}"
        return f"killed by signal {-status}"

    def last_log_lines(self) -> str:
        """The last lines that this process wrote to its log, joined into one; "" when it wrote none."""
        return " | ".join(line.strip() for line in log_tail(self._log_file, self._log_start, lines=3))
