# SPDX-License-Identifier: Apache-2.0
"""The editor-neutral client. Standard library only (pyzmq where it can be imported); runs on Python 3.8.

``ensure_backend`` or ``Launcher`` find or start the backend, ``Client`` gives it jobs, ``stop_backend`` ends it.
"""

from ..wire.connection import ConnectionInfo
from ..wire.pixels import Pixels
from .client import Client
from .errors import BackendError
from .launcher import BackendState, Launcher, ensure_backend
from .stopping import stop_backend

__all__ = [
    "BackendError",
    "BackendState",
    "Client",
    "ConnectionInfo",
    "Launcher",
    "Pixels",
    "ensure_backend",
    "stop_backend",
]
