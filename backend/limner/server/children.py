# SPDX-License-Identifier: Apache-2.0
"""What the processes that the server starts have in common."""

from __future__ import annotations

import os


def child_environment() -> dict[str, str]:
    """This process's environment; a relative PYTHONPATH is made absolute, for the child runs in another folder."""
    environment = dict(os.environ)
    if path := environment.get("PYTHONPATH"):
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in path.split(os.pathsep) if entry)
    return environment
