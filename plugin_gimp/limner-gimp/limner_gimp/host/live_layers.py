# SPDX-License-Identifier: Apache-2.0
"""The layers of a live portrait: inserted once, then painted anew in place.

They are as large as the canvas, so that a face frame that moves changes pixels only. Inserting them is one undo step;
painting adds none, so that the user's undo takes back the user's own strokes. The group lets the drawing shine through
while it is live.

GIMP does not notice painted pixels: an image that was saved would count as saved still, and a record of older values
would be saved with newer pixels. Both are amended with the undo frozen; a stroke that ended in those milliseconds would
not be undoable, so it is done only when needed: with other values, or in an image that counts as saved.
"""

from __future__ import annotations

import functools

from gi.repository import Gimp

from ..backend import Answer, Job
from ..geometry import Rectangle
from ..patch import Patch, union
from ..record import Record
from . import layers
from .canvas import extent
from .work import Call

_LIVE_OPACITY, _OPACITY = 50.0, 100.0  # percent


class LiveLayers:
    """The group above the sketch and its layers by name."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._group: Gimp.Layer | None = None
        self._layers: dict[str, Gimp.Layer] = {}
        self._painted: dict[str, Rectangle] = {}  # in the layer's own pixels
        self._record: Record | None = None

    @property
    def removed(self) -> bool:
        """They were inserted, and are not in the image now: deleted, or undone."""
        return self._group is not None and not self._group.is_valid()

    def forget(self) -> None:
        """The next picture gets new layers."""
        self._group, self._record = None, None
        self._layers.clear()
        self._painted.clear()

    def show(self, job: Job, answer: Answer) -> None:
        """Paint the answer's pictures; a layer without one becomes empty. Raises LimnerError, changing nothing."""
        pictures, place = self._call.pictures(answer), self._call.place(job, answer)
        record = self._call.record(job, answer)
        layers.check_there(self._call.image, self._call.sketch)
        self._make_layers([picture.name for picture in pictures], record)
        for picture in pictures:
            self._paint(picture.name, layers.rendered(picture, place))
        for name in set(self._layers) - {picture.name for picture in pictures}:
            self._paint(name, None)
        self._note(record)
        Gimp.displays_flush()

    def keep(self) -> None:
        """Leave them in the image, with how the last picture was made."""
        if self._group is None or self._record is None or not self._group.is_valid():
            return
        chosen = self._group.get_opacity()
        layers.amend(self._call.image, self._group, self._record, _OPACITY if chosen == _LIVE_OPACITY else chosen)
        Gimp.displays_flush()

    def discard(self) -> None:
        """Take them out of the image."""
        if self._group is not None and self._group.is_valid():
            self._call.image.remove_layer(self._group)
            Gimp.displays_flush()
        self.forget()

    def _note(self, record: Record) -> None:
        """Keep how the pictures that are shown now were made."""
        group, image = self._group, self._call.image
        same = self._record is not None and self._record.arguments == record.arguments
        if group is not None and group.is_valid() and not (same and image.is_dirty()):
            layers.amend(image, group, record, group.get_opacity())
        self._record = record

    def _make_layers(self, names: list[str], record: Record) -> None:
        image = self._call.image
        missing = [name for name in names if name not in self._layers]
        size = image.get_width(), image.get_height()
        new = {name: layers.empty_layer(image, name, *size) for name in missing}
        if self._group is None:
            group, items = self._call.table.group, list(new.values())
            self._group = layers.insert_items(image, self._call.sketch, items, group, record, opacity=_LIVE_OPACITY)
            self._record = record
        elif new:
            with layers.one_step(image) as inserted:
                for item in new.values():
                    image.insert_layer(item, self._group, len(self._group.get_children()))
                    inserted.append(item)
                image.set_selected_layers([self._call.sketch])
        self._layers.update(new)

    def _paint(self, name: str, patch: Patch | None) -> None:
        layer = self._layers[name]
        if not layer.is_valid():  # the user deleted this one
            return
        there = extent(layer)
        part = patch.within(there) if patch is not None else None
        before = self._painted.pop(name, None)
        areas = [] if before is None else [before.moved(there.x, there.y)]
        if part is not None:
            self._painted[name] = part.place.moved(-there.x, -there.y)
            areas.append(part.place)
        if areas:
            area = functools.reduce(union, areas)
            layers.write(layer, part.on_nothing(area) if part is not None else Patch.empty(area))
