# SPDX-License-Identifier: Apache-2.0
"""Layers and pixels: reads drawables through their Gegl buffers, inserts results as one undo step.

Pixels pass as bytes in Gegl's format "R'G'B'A u8" (sRGB curve, straight alpha), which Gegl converts from and to any
precision and color space; no file is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gi.repository import Gegl, Gimp

from ..client import Pixels
from ..geometry import Placement, Rectangle, Square, View, square_around
from ..record import PARASITE, Record, unpack
from ..wire import ErrorCode, LimnerError

FORMAT = "R'G'B'A u8"
_LAYER_TYPES = {
    Gimp.ImageBaseType.RGB: Gimp.ImageType.RGBA_IMAGE,
    Gimp.ImageBaseType.GRAY: Gimp.ImageType.GRAYA_IMAGE,
}


@dataclass(frozen=True)
class NewLayer:
    """A layer to insert: its name, and a square picture, RGBA with 8 bits."""

    name: str
    pixels: Pixels


def check_sketch(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Gimp.Layer:
    """The layer to read. Raises LimnerError with a remedy when there is not exactly one that can be used."""
    if len(drawables) != 1:
        raise LimnerError(
            ErrorCode.BAD_PICTURE,
            f"Limner reads one layer, but {len(drawables)} are selected.",
            "Select the layer that has the sketch.",
        )
    sketch = drawables[0]
    if not isinstance(sketch, Gimp.Layer):
        raise LimnerError(
            ErrorCode.BAD_PICTURE,
            f"'{sketch.get_name()}' is a mask or a channel, not a layer.",
            "Select the layer that has the sketch.",
        )
    if image.get_base_type() not in _LAYER_TYPES:
        raise LimnerError(
            ErrorCode.BAD_PICTURE,
            "The image has indexed colors, which cannot hold a portrait.",
            "Choose Image > Mode > RGB first.",
        )
    return sketch


def extent(drawable: Gimp.Drawable) -> Rectangle:
    """Where the drawable lies in the image."""
    _, x, y = drawable.get_offsets()
    return Rectangle(x, y, drawable.get_width(), drawable.get_height())


def selection_square(image: Gimp.Image) -> Square | None:
    """The square around the selection in pixels of the image; None when nothing is selected."""
    _, selected, left, top, right, bottom = Gimp.Selection.bounds(image)
    return square_around(Rectangle(left, top, right - left, bottom - top)) if selected else None


def read(drawable: Gimp.Drawable, sent: View) -> Pixels:
    """The drawable's pixels inside the view's rectangle, transparent where it has none, in the view's size."""
    if sent.scale != 1:
        Gegl.init(None)  # without its tables Gegl shrinks every picture to black
    place = extent(drawable)
    x, y = (sent.layer.x - place.x) * sent.scale, (sent.layer.y - place.y) * sent.scale
    rectangle = Gegl.Rectangle.new(math.floor(x), math.floor(y), sent.width, sent.height)
    data = drawable.get_buffer().get(rectangle, sent.scale, FORMAT, Gegl.AbyssPolicy.NONE)
    return Pixels(sent.width, sent.height, 4, "u8", bytes(data))


def insert(
    image: Gimp.Image, sketch: Gimp.Layer, layers: Sequence[NewLayer], place: Placement, group: str, record: Record
) -> None:
    """Put the layers, the first one on top, into a new group (none: group "") directly above the sketch.

    One undo step; the sketch stays the selected layer. Raises LimnerError when the image or the sketch is gone, and
    then nothing is changed."""
    if not image.is_valid() or not sketch.is_valid():
        raise LimnerError(
            ErrorCode.CANCELLED,
            "The layer was removed, or its image closed, while the portrait was made.",
            "Undo that and try again.",
        )
    with _one_step(image) as inserted:
        parent, position = sketch.get_parent(), image.get_item_position(sketch)
        if group:
            folder = Gimp.GroupLayer.new(image, group)
            image.insert_layer(folder, parent, position)
            inserted.append(folder)
            parent, position = folder, 0
        for index, layer in enumerate(layers):
            item = _empty_layer(image, layer)
            image.insert_layer(item, parent, position + index)
            inserted.append(item)
            _fill(item, layer.pixels)
            _move(image, item, place)
        parasite = Gimp.Parasite.new(PARASITE, Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE, record.pack())
        inserted[0].attach_parasite(parasite)
        image.set_selected_layers([sketch])


@contextmanager
def _one_step(image: Gimp.Image) -> Iterator[list[Gimp.Layer]]:
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


def _empty_layer(image: Gimp.Image, layer: NewLayer) -> Gimp.Layer:
    kind = _LAYER_TYPES[image.get_base_type()]
    size = layer.pixels.width, layer.pixels.height
    return Gimp.Layer.new(image, layer.name, *size, kind, 100.0, Gimp.LayerMode.NORMAL)


def _fill(layer: Gimp.Layer, pixels: Pixels) -> None:
    if pixels.channels != 4 or pixels.dtype != "u8":  # Gegl would silently write nothing
        raise LimnerError(ErrorCode.BAD_PICTURE, "The backend's picture is not RGBA with 8 bits.")
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, pixels.width, pixels.height), FORMAT, bytes(pixels.data))
    buffer.flush()
    layer.update(0, 0, pixels.width, pixels.height)


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


def record_above(image: Gimp.Image, sketch: Gimp.Layer) -> Record | None:
    """How the result directly above the sketch was made; None when there is none."""
    position = image.get_item_position(sketch)
    parent = sketch.get_parent()
    siblings: list[Any] = parent.get_children() if parent is not None else image.get_layers()
    parasite = siblings[position - 1].get_parasite(PARASITE) if position > 0 else None
    return unpack(bytes(parasite.get_data())) if parasite is not None else None
