# SPDX-License-Identifier: Apache-2.0
"""When a drawing that is being worked on is looked at closely and sent: not before the hand rests, and not twice.

A glimpse is cheap (a thumbnail and the values that matter); reading all pixels is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from typing import Any, Callable

from .client import Pixels

SETTLE_S = 0.3  # the drawing must have been still for as long


class Gate:
    """Call `ripe` with each glimpse; when it says so, read all, and send it if it is `new`."""

    def __init__(self, clock: Callable[[], float], settle: float = SETTLE_S) -> None:
        """clock: seconds. settle: seconds of rest."""
        self._clock, self._settle = clock, settle
        self.forget()

    def forget(self) -> None:
        """Let the next one pass even if it was sent before."""
        self._seen: Hashable = None
        self._since = 0.0
        self._taken = False
        self._sent = ""

    def stir(self) -> None:
        """The hand is at work: what it draws rests from now on at the earliest."""
        self._since = self._clock()

    def leave(self, glimpse: Hashable) -> None:
        """This one is seen to in another way."""
        self._seen, self._taken = glimpse, True

    def ripe(self, glimpse: Hashable) -> bool:
        """True once for each change, as soon as it has been still long enough."""
        if glimpse != self._seen:
            self._seen, self._since, self._taken = glimpse, self._clock(), False
        if self._taken or self._clock() - self._since < self._settle:
            return False
        self._taken = True
        return True

    def new(self, images: Mapping[str, Pixels], params: Mapping[str, Any]) -> bool:
        """False for what passed the last time."""
        key = fingerprint(images, params)
        if key == self._sent:
            return False
        self._sent = key
        return True


def fingerprint(images: Mapping[str, Pixels], params: Mapping[str, Any]) -> str:
    """The same for the same pictures and values, and for no others."""
    found = hashlib.sha256(repr(sorted(params.items())).encode("utf-8"))
    for name, pixels in sorted(images.items()):
        found.update(f"|{name} {pixels.width} {pixels.height} {pixels.channels} {pixels.dtype}|".encode())
        found.update(pixels.data)
    return found.hexdigest()
