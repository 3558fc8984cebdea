# SPDX-License-Identifier: Apache-2.0
"""Which face frame is shown on the canvas: the square that the next portrait is made of, as far as it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from .geometry import AUTO, FULL, SELECTION, Square, square_around

if TYPE_CHECKING:
    from .jobs import Target
    from .session import Session


class FaceFrame:
    """Asks the session for the mode, and remembers where automatic frames were found."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[str, Square] = {}  # by canvas key

    def found(self, target: Target, frame: Mapping[str, float]) -> None:
        """The backend has found the face there."""
        if target.frame_mode == AUTO:
            self._found[target.key] = Square(frame["x"], frame["y"], frame["size"], frame["angle"])

    def square(self) -> Square | None:
        """The square in document pixels; None without a document, a selection, or anything found yet."""
        canvas, mode = self._session.editor.active_canvas(), self._session.frame_mode
        if canvas is None:
            return None
        if mode == FULL:
            return square_around(canvas.rect)
        if mode == SELECTION:
            selection = canvas.selection()
            return square_around(selection) if selection is not None else None
        return self._found.get(canvas.key)
