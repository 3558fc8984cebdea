# SPDX-License-Identifier: Apache-2.0
"""`python .ci/stop_own.py ENVIRONMENT`: ends the running backend if it runs from that environment, for `make clean`.

A backend of another installation is left alone, and so is one that LIMNER_ENDPOINT names.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import psutil

from limner.client.stopping import stop_backend
from limner.wire.connection import ConnectionInfo, read_connection
from limner.wire.errors import LimnerError
from limner.wire.process import is_stale
from limner.wire.remote import forced_connection


def runs_from(connection: ConnectionInfo, environment: Path) -> bool:
    """True when the interpreter of the backend's process lies in the environment."""
    with suppress(psutil.Error, IndexError):
        interpreter = Path(psutil.Process(connection.pid).cmdline()[0])
        return interpreter.parent.parent.resolve() == environment.resolve()
    return False


def main() -> None:
    with suppress(LimnerError):
        connection = read_connection()
        if connection is None or is_stale(connection):
            return
        if forced_connection() is None and runs_from(connection, Path(sys.argv[1])):
            stop_backend()
        else:
            print(f"limner: leaving the backend of another installation alone (process {connection.pid}).")


if __name__ == "__main__":
    main()
