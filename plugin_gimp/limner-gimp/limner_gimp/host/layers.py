# SPDX-License-Identifier: Apache-2.0
"""Inserts results into the image, each as one undo step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable

from gi.repository import Gegl, Gimp

from ..client import Pixels
from ..geometry import Placement, Rectangle
from ..patch import Patch
from ..record import PARASITE, Record
from ..texts import _
from ..wire import ErrorCode, LimnerError
from .canvas import FORMAT, LAYER_TYPES, extent, selection_square

_MOST_UNDOS = 20


@dataclass(frozen=True)
class NewLayer:
    """A layer to insert: its name, and a square picture, RGBA with 8 bits."""

    name: str
    pixels: Pixels


def insert(
    image: Gimp.Image, sketch: Gimp.Layer, layers: Sequence[NewLayer], place: Placement, group: str, record: Record
) -> None:
    """Put the layers, the first one on top, into a new group (none: group "") directly above the sketch.

    One undo step; the sketch stays the selected layer. Raises LimnerError when the image or the sketch is gone, and
    then nothing is changed."""

    def fill(index: int, item: Gimp.Layer) -> None:
        _fill(item, layers[index].pixels)
        _move(image, item, place)

    check_there(image, sketch)
    items = [empty_layer(image, layer.name, layer.pixels.width, layer.pixels.height) for layer in layers]
    insert_items(image, sketch, items, group, record, fill)


def check_there(image: Gimp.Image, sketch: Gimp.Layer) -> None:
    """Raise LimnerError when the image or the sketch is gone."""
    if not image.is_valid() or not sketch.is_valid():
        raise LimnerError(
            ErrorCode.CANCELLED,
            _("The layer was removed, or its image closed, while the portrait was made."),
            _("Undo that and try again."),
        )


def insert_items(
    image: Gimp.Image,
    sketch: Gimp.Layer,
    items: Sequence[Gimp.Layer],
    group: str,
    record: Record,
    fill: Callable[[int, Gimp.Layer], None] = lambda index, item: None,
    opacity: float = 100.0,
) -> Gimp.Layer:
    """Put new layers into a new group above the sketch and give that the record; returns what lies above the sketch.

    fill: called with each layer's number and the layer, within the same undo step. opacity: of the group, percent."""
    with one_step(image) as inserted:
        parent, position = sketch.get_parent(), image.get_item_position(sketch)
        if group:
            folder = Gimp.GroupLayer.new(image, group)
            folder.set_opacity(opacity)
            image.insert_layer(folder, parent, position)
            inserted.append(folder)
            parent, position = folder, 0
        for index, item in enumerate(items):
            image.insert_layer(item, parent, position + index)
            inserted.append(item)
            fill(index, item)
        attach(inserted[0], record)
        image.set_selected_layers([sketch])
    return inserted[0]


def attach(item: Gimp.Layer, record: Record) -> None:
    """Keep the record with the layer or group."""
    item.attach_parasite(Gimp.Parasite.new(PARASITE, Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE, record.pack()))


def amend(image: Gimp.Image, item: Gimp.Layer, record: Record, opacity: float) -> None:
    """Keep a newer record with the layer or group, and give it that opacity, without an undo step. The image counts as
    changed afterwards, so that GIMP asks before it is closed.

    GIMP counts the changes since the image was saved, and takes one off for each undo; at 0 the image counts as saved.
    What is no undo step must not be taken off: then the count is raised by more than anybody undoes at a time."""
    changed = image.is_dirty()
    image.undo_freeze()
    try:
        attach(item, record)
        item.set_opacity(opacity)
        if not (changed and image.is_dirty()):
            for _again in range(_MOST_UNDOS):
                attach(item, record)
    finally:
        image.undo_thaw()


@contextmanager
def one_step(image: Gimp.Image) -> Iterator[list[Gimp.Layer]]:
    """Collects what is inserted inside; takes it out again when that fails."""
    inserted: list[Gimp.Layer] = []
    image.undo_group_start()
    try:
        yield inserted
    except BaseException:
        for item in inserted[:1]:  # a group goes with its children
            image.remove_layer(item)
        raise
    finally:
        image.undo_group_end()


def empty_layer(image: Gimp.Image, name: str, width: int, height: int) -> Gimp.Layer:
    """A transparent layer for the image, not inserted yet."""
    kind = LAYER_TYPES[image.get_base_type()]
    return Gimp.Layer.new(image, name, width, height, kind, 100.0, Gimp.LayerMode.NORMAL)


def rendered(layer: NewLayer, place: Placement) -> Patch:
    """The layer's picture as it looks at its place, made in an image of its own that nobody sees."""
    pixels = layer.pixels
    image = Gimp.Image.new(place.side, place.side, Gimp.ImageBaseType.RGB)
    try:
        item = empty_layer(image, layer.name, pixels.width, pixels.height)
        image.insert_layer(item, None, 0)
        _fill(item, pixels)
        _move(image, item, place)
        where = extent(item)
        whole = Gegl.Rectangle.new(0, 0, where.width, where.height)
        return Patch(where, bytes(item.get_buffer().get(whole, 1.0, FORMAT, Gegl.AbyssPolicy.NONE)))
    finally:
        image.delete()


def write(layer: Gimp.Layer, patch: Patch) -> None:
    """Replace the layer's pixels inside the patch, whose place is in the image's pixels and inside the layer.

    No undo step: GIMP records none for what is written into a layer's buffer."""
    there = extent(layer)
    place = patch.place.x - there.x, patch.place.y - there.y, patch.place.width, patch.place.height
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(*place), FORMAT, patch.data)
    buffer.flush()
    layer.update(*place)


def _fill(layer: Gimp.Layer, pixels: Pixels) -> None:
    if pixels.channels != 4 or pixels.dtype != "u8":  # Gegl would silently write nothing
        raise LimnerError(ErrorCode.BAD_PICTURE, "The backend's picture is not RGBA with 8 bits.")
    write(layer, Patch(Rectangle(0, 0, pixels.width, pixels.height), bytes(pixels.data)))


def _move(image: Gimp.Image, layer: Gimp.Layer, place: Placement) -> None:
    """Bring the layer to its size and place."""
    if (layer.get_width(), layer.get_height()) != (place.side, place.side):
        Gimp.context_push()
        Gimp.context_set_interpolation(Gimp.InterpolationType.CUBIC)
        layer.scale(place.side, place.side, False)
        Gimp.context_pop()
    layer.set_offsets(place.x, place.y)
    if place.angle:
        _turn(image, layer, place)


def _turn(image: Gimp.Image, layer: Gimp.Layer, place: Placement) -> None:
    """Turn the layer about its center. GIMP would turn only what is selected, so the selection is put aside."""
    kept = Gimp.Selection.save(image) if selection_square(image) is not None else None
    Gimp.Selection.none(image)
    Gimp.context_push()
    Gimp.context_set_interpolation(Gimp.InterpolationType.CUBIC)
    Gimp.context_set_transform_resize(Gimp.TransformResize.ADJUST)
    half = place.side / 2
    layer.transform_rotate(math.radians(place.angle), False, place.x + half, place.y + half)
    Gimp.context_pop()
    if kept is not None:
        image.select_item(Gimp.ChannelOps.REPLACE, kept)
        image.remove_channel(kept)
