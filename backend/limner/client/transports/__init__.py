# SPDX-License-Identifier: Apache-2.0
"""Two ways to talk ZeroMQ behind one interface: pyzmq where it can be imported, else pure Python."""

from __future__ import annotations

import sys

from ...wire.connection import CurveKeys
from ...wire.errors import ErrorCode
from ...wire.remote import is_local
from ..errors import BackendError
from .base import Transport

__all__ = ["TRANSPORTS", "Transport", "open_transport"]

TRANSPORTS = ("auto", "pyzmq", "zmtp")


def open_transport(endpoint: str, transport: str = "auto", curve: CurveKeys | None = None) -> Transport:
    """Begin to connect to "tcp://HOST:PORT"; returns at once.

    transport: "pyzmq", "zmtp" (pure Python), or "auto" (pyzmq where it can be imported, else zmtp).
    curve: the keys of an encrypted connection, which only pyzmq can make; needed for every host but the loopback.
    Raises BackendError(backend_lost) when connecting fails at once, ValueError for another transport,
    BackendError(start_failed) when pyzmq is demanded or needed and cannot be imported, BackendError(not_allowed) for
    another computer without keys.
    """
    if transport not in TRANSPORTS:
        raise ValueError(f"transport must be one of {', '.join(TRANSPORTS)}, not {transport!r}")
    if curve is None and not is_local(endpoint):
        message = f"'{endpoint:.100}' is another computer, and without keys everything sent there could be read."
        raise BackendError(ErrorCode.NOT_ALLOWED, message, "Connect with 'limner keys connect FILE'.")
    if transport != "zmtp":
        try:
            from .pyzmq import PyzmqTransport
        except ImportError as error:
            if curve is not None:
                message = f"A backend on another computer can only be reached with pyzmq, which is not here: {error}."
                remedy = f"Run 'limner relay' in a terminal, or install it for {sys.executable}: pip install pyzmq."
                raise BackendError(ErrorCode.START_FAILED, message, remedy) from error
            if transport == "pyzmq":
                message = f"The transport 'pyzmq' was asked for and pyzmq cannot be imported: {error}."
                raise BackendError(ErrorCode.START_FAILED, message, "Install pyzmq or use 'auto'.") from error
        else:
            return PyzmqTransport(endpoint, curve)
    if curve is not None:
        message = "The transport 'zmtp' cannot encrypt, and a backend on another computer demands it."
        raise BackendError(ErrorCode.START_FAILED, message, "Use the transport 'auto' and install pyzmq.")
    from .zmtp import ZmtpTransport

    return ZmtpTransport(endpoint)
