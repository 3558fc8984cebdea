# SPDX-License-Identifier: Apache-2.0
"""Memory that the server and one worker share for pictures, which otherwise go through the system's sockets in pieces.

It has no name, so that nothing is left of it when both have ended, in whatever way, and no other process finds it. All
of it is taken at the start, so that it cannot run out later, and neither side can make it smaller. Half of it is for
the pictures of the job at hand, the other half for those of its result.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
from collections.abc import Sequence

Buffer = bytes | bytearray | memoryview

HALF_BYTES = 8 * 1024 * 1024  # larger pictures go through the socket
_ALIGNMENT = 64  # bytes, for the vector instructions of whoever computes with a picture


class PictureMemory:
    """One side's view of it: `put` writes to its own half, `get` reads from the other one."""

    def __init__(self, descriptor: int, *, server: bool) -> None:
        """Maps what the descriptor stands for, which may be closed then. Raises OSError, ValueError."""
        self._memory = memoryview(mmap.mmap(descriptor, 2 * HALF_BYTES))
        first, second = self._memory[:HALF_BYTES], self._memory[HALF_BYTES:]
        self._own, self._other = (first, second.toreadonly()) if server else (second, first.toreadonly())

    def put(self, pictures: Sequence[Buffer]) -> list[int | None]:
        """Where each picture was put, in place of all that was put there before; None for one that has no room."""
        places: list[int | None] = []
        free = 0
        for picture in pictures:
            data = memoryview(picture).cast("B")
            if free + data.nbytes > HALF_BYTES:
                places.append(None)
                continue
            self._own[free : free + data.nbytes] = data
            places.append(free)
            free = -(-(free + data.nbytes) // _ALIGNMENT) * _ALIGNMENT
        return places

    def get(self, place: int, size: int) -> memoryview:
        """The bytes that the other side has put there, until it puts others there. Raises ValueError."""
        if not 0 <= place <= place + size <= HALF_BYTES:
            raise ValueError(f"no picture can be at {place} with {size} bytes")
        return self._other[place : place + size]


def new_memory() -> int | None:
    """The descriptor of new memory, for a `PictureMemory` in this process and one in the worker; None where the system
    has no such memory, or has not enough."""
    if sys.platform != "linux":
        return None
    import fcntl

    descriptor = None
    try:
        descriptor = os.memfd_create("limner", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.posix_fallocate(descriptor, 0, 2 * HALF_BYTES)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return descriptor
    except OSError:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        return None
