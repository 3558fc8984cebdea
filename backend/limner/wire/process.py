# SPDX-License-Identifier: Apache-2.0
"""Is the process that wrote the connection file still there? Answers from the standard library alone."""

from __future__ import annotations

import os
import sys
from typing import Any

from .connection import ConnectionInfo


def start_time(pid: int) -> int:
    """When the process started, as the platform counts it; 0 when it does not tell or there is no such process.

    Linux: clock ticks since boot (/proc/PID/stat, field 22). Windows: 100 ns since 1601. Others: 0.
    """
    if sys.platform == "win32":
        return _windows_process(pid)[1]
    fields = _proc_stat(pid)
    return int(fields[19]) if fields else 0


def is_alive(pid: int) -> bool:
    """True when a process of that number runs (a zombie does not)."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _windows_process(pid)[0]
    fields = _proc_stat(pid)
    if fields:
        return fields[0] not in ("Z", "X")
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def is_stale(info: ConnectionInfo) -> bool:
    """True when the process that wrote the file is certainly gone, as seen from here.

    A sandboxed editor does not see the processes outside, so True is only a hint to it: an unanswered hello decides.
    """
    if info.pid == 0:
        return False
    if not is_alive(info.pid):
        return True
    now = start_time(info.pid)
    return now != 0 and info.start_time != 0 and now != info.start_time


def describe_self(endpoint: str, token: str, version: str) -> ConnectionInfo:
    """The ConnectionInfo of the running process."""
    pid = os.getpid()
    return ConnectionInfo(endpoint, pid, start_time(pid), token, version=version)


def _proc_stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third (state) on; empty when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return line[line.rfind(")") + 1 :].split()  # the second field, the name, may hold spaces and parentheses


def _windows_process(pid: int) -> tuple[bool, int]:
    """(alive, creation time) by the Windows API; os.kill would end the process there."""
    if sys.platform != "win32":
        return False, 0
    import ctypes
    from ctypes import wintypes

    query_limited_information, still_active = 0x1000, 259
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = wintypes.HANDLE
    kernel.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
    kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
    kernel.GetExitCodeProcess.argtypes = (wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD))
    kernel.GetProcessTimes.argtypes = (wintypes.HANDLE, *[ctypes.POINTER(wintypes.FILETIME)] * 4)
    handle = kernel.OpenProcess(query_limited_information, False, pid)
    if not handle:
        access_denied = 5
        return ctypes.get_last_error() == access_denied, 0
    try:
        code = wintypes.DWORD()
        alive = bool(kernel.GetExitCodeProcess(handle, ctypes.byref(code))) and code.value == still_active
        times = [wintypes.FILETIME() for _ in range(4)]
        known = kernel.GetProcessTimes(handle, *[ctypes.byref(item) for item in times])
        return alive, (times[0].dwHighDateTime << 32 | times[0].dwLowDateTime) if known else 0
    finally:
        kernel.CloseHandle(handle)
