# SPDX-License-Identifier: Apache-2.0
"""The worker's end of the loopback socket. One thread uses it: between two steps of a job it looks for a cancel."""

from __future__ import annotations

import os
import time
from types import TracebackType

import zmq

from . import link
from .link import LinkMessage
from .memory import PictureMemory


class ServerChannel:
    """A DEALER that speaks `link` with the server. A context manager."""

    def __init__(self, endpoint: str, secret: bytes, memory: int = -1) -> None:
        """memory: the descriptor of the memory for pictures that is shared with the server, closed here; -1 for none.
        The pictures of a job lie in it until its end was sent."""
        self._secret = secret
        self._memory = None
        if memory >= 0:
            self._memory = PictureMemory(memory, server=False)
            os.close(memory)
        self._context = zmq.Context(io_threads=1)
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.connect(endpoint)
        self._cancelled: set[int] = set()
        self._stopping = False

    def __enter__(self) -> ServerChannel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.destroy(linger=2000)  # milliseconds for the last message, which may tell why the worker ends

    def send(self, message: LinkMessage) -> None:
        self._socket.send_multipart([self._secret, *link.encode(message, self._memory)])

    def is_waiting(self, seconds: float) -> bool:
        """True as soon as the server has sent something; False when that was not so after so many seconds."""
        return bool(self._socket.poll(int(seconds * 1000)))

    def receive(self) -> LinkMessage:
        """Waits for the next job, or for the word to stop."""
        while not self._stopping:
            message = self._read()
            if message.kind in (link.JOB, link.STOP):
                self._cancelled.clear()
                return message
        return LinkMessage(link.STOP)

    def is_cancelled(self, job: int, wait_s: float = 0.0) -> bool:
        """True as soon as the server has cancelled the job or wants the worker to stop; waits at most `wait_s`."""
        deadline = time.monotonic() + wait_s
        while not (self._stopping or job in self._cancelled):
            remaining = max(0.0, deadline - time.monotonic())
            if not self._socket.poll(int(remaining * 1000)):
                return False
            message = self._read()
            self._stopping = message.kind == link.STOP
            if message.kind == link.CANCEL:
                self._cancelled.add(message.job)
        return True

    def _read(self) -> LinkMessage:
        frames = [frame.buffer for frame in self._socket.recv_multipart(copy=False)]
        return link.decode(frames, self._memory.get if self._memory is not None else None)
