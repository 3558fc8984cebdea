# SPDX-License-Identifier: Apache-2.0
"""What a transport does: a ZeroMQ DEALER connected to one ROUTER, never blocking longer than asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlsplit

from ...wire.codec import Frame
from ...wire.errors import ErrorCode
from ..errors import BackendError


class Transport(Protocol):
    """One connection. All methods raise BackendError(backend_lost) once the connection has failed; there is no
    reconnecting: make a new transport. Not for use by several threads at once."""

    @property
    def name(self) -> str:
        """ "pyzmq" or "zmtp"."""
        ...

    def send(self, frames: Sequence[Frame]) -> None:
        """Queue a message, and write as much of it as goes without waiting; later calls write the rest.

        Raises BackendError(busy) when too much waits already.
        """
        ...

    def flush(self, timeout: float) -> bool:
        """Write what is queued for up to ``timeout`` seconds; True when all of it was handed to the system."""
        ...

    def receive(self, timeout: float) -> list[Frame] | None:
        """The next whole message, waiting up to ``timeout`` seconds for it (0: not at all); None when there is none."""
        ...

    def close(self) -> None:
        """Close the connection at once, dropping what is queued. May be called again."""
        ...


def parse_tcp(endpoint: str) -> tuple[str, int]:
    """Host and port of "tcp://HOST:PORT" (an IPv6 host in brackets). Raises BackendError(start_failed)."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme != "tcp" or parts.path or parts.query or parts.username:
        raise BackendError(
            ErrorCode.BACKEND_LOST,
            f"'{endpoint:.100}' is no address of a backend.",
            "Use the form tcp://127.0.0.1:PORT in LIMNER_ENDPOINT, or unset it.",
        )
    return host, port


def lost(cause: str) -> BackendError:
    """The error of a connection that ended for the given cause (a sentence's part)."""
    return BackendError(ErrorCode.BACKEND_LOST, f"The connection to the backend was lost: {cause}.")
