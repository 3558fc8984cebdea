# SPDX-License-Identifier: Apache-2.0
"""What the measurements ran on, and whether the machine had nothing else to do."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BUSY_PERCENT = 10.0  # of all CPUs; above this the times say more about the other programs
_LOOK_S = 2.0


def busy_percent() -> float:
    """How much of all CPUs other programs take, watched for two seconds in which this process does nothing."""
    import psutil

    return float(psutil.cpu_percent(interval=_LOOK_S))


def describe_machine() -> dict[str, Any]:
    """Processor, number of CPUs that this process may use, memory in GB, system and Python."""
    import psutil

    from limner.server.worker.boot import available_cpus

    return {
        "processor": _processor(),
        "cpus": available_cpus(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def peak_resident_bytes(pids: Iterable[int]) -> int:
    """The most memory that each of the processes ever had resident, added up; their present memory where the system
    keeps no record of it (it does on Linux and Windows). Processes that are gone count 0."""
    import psutil

    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error, OSError):
            total += _peak(pid, psutil.Process(pid).memory_info())
    return total


def _peak(pid: int, memory: Any) -> int:
    if hasattr(memory, "peak_wset"):  # Windows
        return int(memory.peak_wset)
    if os.path.exists(f"/proc/{pid}/status"):
        for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return int(memory.rss)
