# SPDX-License-Identifier: Apache-2.0
"""Frames on their way through the server, and whether there are any."""

from __future__ import annotations

from collections.abc import Iterable

import zmq

from ..wire.codec import Frame

_READABLE = int(zmq.POLLIN)


def is_readable(socket: zmq.Socket) -> bool:
    """Whether a message has arrived: quicker than `socket.poll(0)`, or the exception of an attempt to receive."""
    return bool(int(socket.get(zmq.EVENTS)) & _READABLE)


def outgoing(frames: Iterable[Frame]) -> list[Frame | zmq.Frame]:
    """The same frames; those that were received are handed on in libzmq's own memory.

    pyzmq would otherwise note each large one and wake a thread of its own when it has left, which holds up the loop.
    """
    return [_received(frame) or frame for frame in frames]


def _received(frame: Frame) -> zmq.Frame | None:
    """The libzmq message whose memory, all of it, the frame is; None for any other memory."""
    owner = frame.obj if isinstance(frame, memoryview) else None
    return owner if isinstance(owner, zmq.Frame) and len(owner) == frame.nbytes else None
