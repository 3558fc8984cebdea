# SPDX-License-Identifier: Apache-2.0
"""A lock between processes: held by at most one, and released by the operating system when its holder dies."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileLock:
    """An exclusive lock on a file. The file stays behind; only the lock on it counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """True while this object holds the lock."""
        return self._handle is not None

    def acquire(self) -> bool:
        """Try to take the lock, without waiting; False when another holds it. Raises OSError when the file cannot be
        opened."""
        if self._handle is not None:
            return True
        handle = os.open(str(self.path), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            if sys.platform == "win32":
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        if not self._is_in_place(handle):
            os.close(handle)
            return False
        self._handle = handle
        return True

    def renew(self) -> bool:
        """Take the held lock anew where its file was deleted or exchanged, which would let others in; False when one
        of them was quicker. Raises OSError when the file cannot be opened."""
        held = self._handle
        if held is None or self._is_in_place(held):
            return held is not None
        self._handle = None
        try:
            if self.acquire():
                os.close(held)
                return True
            return False
        finally:
            self._handle = held if self._handle is None else self._handle

    def _is_in_place(self, handle: int) -> bool:
        """True when the path still leads to the file that was opened."""
        try:
            return os.path.samestat(os.fstat(handle), os.stat(str(self.path)))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                os.lseek(handle, 0, os.SEEK_SET)
                msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
            else:
                fcntl.flock(handle, fcntl.LOCK_UN)  # closing is not enough: a child that is being started has a copy
        os.close(handle)


def is_locked(path: Path) -> bool:
    """True when another process holds the lock on that file."""
    lock = FileLock(path)
    with contextlib.suppress(OSError):
        if not lock.acquire():
            return True
        lock.release()
    return False
