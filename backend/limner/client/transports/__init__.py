# SPDX-License-Identifier: Apache-2.0
"""Two ways to talk ZeroMQ behind one interface: pyzmq where it can be imported, else pure Python."""

from __future__ import annotations

from ...wire.errors import ErrorCode
from ..errors import BackendError
from .base import Transport

__all__ = ["TRANSPORTS", "Transport", "open_transport"]

TRANSPORTS = ("auto", "pyzmq", "zmtp")


def open_transport(endpoint: str, transport: str = "auto") -> Transport:
    """Begin to connect to "tcp://HOST:PORT"; returns at once.

    transport: "pyzmq", "zmtp" (pure Python), or "auto" (pyzmq where it can be imported, else zmtp).
    Raises BackendError(backend_lost) when connecting fails at once, ValueError for another transport,
    BackendError(start_failed) when pyzmq is demanded and cannot be imported.
    """
    if transport not in TRANSPORTS:
        raise ValueError(f"transport must be one of {', '.join(TRANSPORTS)}, not {transport!r}")
    if transport != "zmtp":
        try:
            from .pyzmq import PyzmqTransport
        except ImportError as error:
            if transport == "pyzmq":
                message = f"The transport 'pyzmq' was asked for and pyzmq cannot be imported: {error}."
                raise BackendError(ErrorCode.START_FAILED, message, "Install pyzmq or use 'auto'.") from error
        else:
            return PyzmqTransport(endpoint)
    from .zmtp import ZmtpTransport

    return ZmtpTransport(endpoint)
