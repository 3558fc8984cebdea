# SPDX-License-Identifier: Apache-2.0
"""Keeps the artist at the sketch: Krita makes a new layer the active one, at once or a moment later."""

from __future__ import annotations

from ..editor import Canvas

LOOKS = 60  # ticks of the busy timer, about two seconds, in which Krita may do so


class SketchFocus:
    """Goes back to the sketch, so that the artist draws on, and the next portrait is made of it."""

    def __init__(self) -> None:
        self._canvas: Canvas | None = None
        self._sketch = self._added = ""
        self._looks = 0

    @property
    def watching(self) -> bool:
        """True for a while after a layer was added."""
        return self._canvas is not None

    def keep(self, canvas: Canvas, sketch: str, added: str) -> None:
        """Begin to watch: ``added`` is the id of the new group or layer."""
        self._canvas, self._sketch, self._added, self._looks = canvas, sketch, added, LOOKS

    def look(self) -> None:
        """One look; does nothing when nothing was added lately. Another layer that the artist chose stays active."""
        canvas = self._canvas
        if canvas is None:
            return
        self._looks -= 1
        if self._looks <= 0 or not canvas.is_open:
            self._canvas = None
            return
        active = canvas.active_layer()
        layer = canvas.layer(self._sketch) if active is not None and active.uid == self._added else None
        if layer is not None:
            canvas.activate(layer)
