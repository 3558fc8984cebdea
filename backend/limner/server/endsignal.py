# SPDX-License-Identifier: Apache-2.0
"""Signals that ask the process to end, as something that a poller can wait for."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")  # the last one is Windows', the one before is not


class EndSignal:
    """While entered, the signals above end nothing by themselves: `received` is set and `socket` gets readable."""

    def __init__(self) -> None:
        self.received = ""
        self.socket, self._writer = socket.socketpair()
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._wakeup_before = -1

    def __enter__(self) -> EndSignal:
        self.socket.setblocking(False)
        self._writer.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self.socket.close()
        self._writer.close()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
