# SPDX-License-Identifier: Apache-2.0
"""Where this home's backend is, also while it writes its connection file again."""

from __future__ import annotations

import time

from ..wire.connection import ConnectionInfo, home, read_connection
from ..wire.errors import WireError
from ..wire.locks import is_locked

_PATIENCE = 3.0  # seconds in which a backend notices that its file is gone or damaged, and writes it again
_LOOK_INTERVAL = 0.05


def find_running(patience: float = _PATIENCE) -> ConnectionInfo | None:
    """What the connection file says, None when there is none; waits for it while a backend of this home runs.

    Raises WireError for a damaged file that no backend repairs.
    """
    deadline = time.monotonic() + patience
    while True:
        damage: WireError | None = None
        found: ConnectionInfo | None = None
        try:
            found = read_connection()
        except WireError as error:
            damage = error
        if found is None and time.monotonic() < deadline and is_locked(home() / "backend.lock"):
            time.sleep(_LOOK_INTERVAL)
        elif damage is not None:
            raise damage
        else:
            return found
