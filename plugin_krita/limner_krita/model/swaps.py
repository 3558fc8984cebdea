# SPDX-License-Identifier: Apache-2.0
"""One undo takes back one portrait, also one that took the place of another.

Krita has no step that replaces a group: the new one is added in a step, and the old one removed in the next. When the
artist's undo or redo stops between the two, where both groups are there, this goes on to the end. Which groups are
there is read from the document, so it holds however the artist moves through the history.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..editor import Canvas, Editor

_OLD, _NEW = "old", "new"


@dataclass
class _Swap:
    """Ids of two groups, and which of them was there when only one was."""

    old: str
    new: str
    seen: str = _NEW
    going_on: bool = False  # until only one is there: Krita may take a while


class Swaps:
    """The replacements made since Krita was started; the history of a document does not last longer."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._swaps: dict[str, list[_Swap]] = {}  # by canvas key

    def made(self, canvas: Canvas, old: str, new: str) -> None:
        """A group has just taken the place of another."""
        self._swaps.setdefault(canvas.key, []).append(_Swap(old, new))

    def look(self) -> None:
        """The history of the document in front has moved."""
        canvas = self._editor.active_canvas()
        swaps = self._swaps.get(canvas.key, []) if canvas is not None else []
        if canvas is None or not swaps:
            return
        there = {layer.uid for layer in canvas.layers()}
        for swap in swaps:
            old, new = swap.old in there, swap.new in there
            if old and new and not swap.going_on:
                swap.going_on = True
                self._editor.undo() if swap.seen == _NEW else self._editor.redo()
                return
            if old != new:
                swap.seen, swap.going_on = _OLD if old else _NEW, False
