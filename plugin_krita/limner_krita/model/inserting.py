# SPDX-License-Identifier: Apache-2.0
"""Inserts results into their documents, and writes down there what they were made with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Mapping

from ..editor import Canvas, Editor, EditorError, Layer
from . import history
from .focus import SketchFocus
from .history import Entry
from .jobs import Finished
from .placing import GUIDE, find_sketch, place_guide, place_result
from .record import DESCRIPTION, KEY, Made, Record
from .settings import Settings
from .swaps import Swaps
from .tasks import SHADOW


class Inserter:
    """Works in the document that a result belongs to, which need not be the one in front."""

    def __init__(self, editor: Editor, settings: Settings) -> None:
        self._settings = settings
        self.focus = SketchFocus()
        self.swaps = Swaps(editor)

    def insert(self, finished: Finished, weights: Mapping[str, str], values: Mapping[str, Any]) -> None:
        """Insert a result. weights: sha256 of the networks' files. values: of the controls, kept with the document.

        Raises EditorError.
        """
        target = finished.target
        if not target.canvas.is_open:
            raise EditorError("The document was closed before its portrait was done.", "Open it and try again.")
        sketch = target.canvas.layer(target.sketch.uid)
        if sketch is None:
            raise EditorError("The sketch layer was removed before its portrait was done.", "Undo, and try again.")
        record = read_record(target.canvas)
        record, added = self._place(finished, sketch, record, weights)
        self.focus.keep(target.canvas, sketch.uid, added)
        record = replace(record, values=dict(values), frame_mode=target.frame_mode, hints=target.hints_uid)
        target.canvas.write_note(KEY, DESCRIPTION, record.to_bytes())

    def _place(
        self, finished: Finished, sketch: Layer, record: Record, weights: Mapping[str, str]
    ) -> tuple[Record, str]:
        target, wish = finished.target, self._settings.wish
        if target.task == SHADOW:
            placed = place_guide(target.canvas, sketch, finished.pictures[GUIDE], record, wish)
        else:
            placed = place_result(target.canvas, sketch, target.task, finished.pictures, record, wish)
        if placed.replaced:
            self.swaps.made(target.canvas, placed.replaced, placed.group)
        made = Made(target.task, placed.group, placed.layers, finished.params, weights, finished.device, finished.frame)
        return record.with_made(sketch.uid, made), placed.group

    def set_guide_opacity(self, canvas: Canvas, opacity: float) -> None:
        """Of the guides of the active sketch. Raises EditorError."""
        record = read_record(canvas)
        layers = {layer.uid: layer for layer in canvas.layers()}
        for made in record.made.get(find_sketch(canvas, record).uid, ()):
            guide = layers.get(made.layers[GUIDE].uid) if GUIDE in made.layers else None
            if guide is not None:
                guide.set_opacity(opacity)
                canvas.refresh()


def read_record(canvas: Canvas) -> Record:
    """What is kept with the document."""
    return Record.from_bytes(canvas.read_note(KEY))


def read_history(canvas: Canvas) -> tuple[Entry, ...]:
    """The results that are kept with the document, the latest first."""
    return history.from_bytes(canvas.read_note(history.KEY))


def write_history(canvas: Canvas, entries: tuple[Entry, ...]) -> None:
    """Keep them with the document."""
    canvas.write_note(history.KEY, history.DESCRIPTION, history.to_bytes(entries))
