# SPDX-License-Identifier: Apache-2.0
"""Something that others show."""

from __future__ import annotations

from typing import Callable


class Observable:
    """Tells those who listen that something is different now."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, call: Callable[[], None]) -> None:
        """Call it after each change."""
        self._listeners.append(call)

    def unlisten(self, call: Callable[[], None]) -> None:
        """Call it no more."""
        if call in self._listeners:
            self._listeners.remove(call)

    def changed(self) -> None:
        """Tell everybody."""
        for call in list(self._listeners):
            call()
