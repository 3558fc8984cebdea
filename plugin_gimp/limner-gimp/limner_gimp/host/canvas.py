# SPDX-License-Identifier: Apache-2.0
"""Reads the image: layers, selection and pixels through their Gegl buffers; changes nothing.

Pixels pass as bytes in Gegl's format "R'G'B'A u8" (sRGB curve, straight alpha), which Gegl converts from and to any
precision and color space; no file is written.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

from gi.repository import Gegl, Gimp

from ..client import Pixels
from ..geometry import Rectangle, Square, View, square_around
from ..record import PARASITE, Record, unpack
from ..texts import _
from ..wire import ErrorCode, LimnerError

FORMAT = "R'G'B'A u8"
LAYER_TYPES = {
    Gimp.ImageBaseType.RGB: Gimp.ImageType.RGBA_IMAGE,
    Gimp.ImageBaseType.GRAY: Gimp.ImageType.GRAYA_IMAGE,
}
_GLIMPSE = 256  # pixels, the longer side of the thumbnail


def check_sketch(image: Gimp.Image, drawables: Sequence[Gimp.Drawable]) -> Gimp.Layer:
    """The layer to read. Raises LimnerError with a remedy when there is not exactly one that can be used."""
    if len(drawables) != 1:
        raise LimnerError(
            ErrorCode.BAD_PICTURE,
            _("Limner reads one layer, but {count} are selected.").format(count=len(drawables)),
            _("Select the layer that has the sketch."),
        )
    sketch = drawables[0]
    if not isinstance(sketch, Gimp.Layer):
        raise LimnerError(
            ErrorCode.BAD_PICTURE,
            _("'{name}' is a mask or a channel, not a layer.").format(name=sketch.get_name()),
            _("Select the layer that has the sketch."),
        )
    if image.get_base_type() not in LAYER_TYPES:
        raise LimnerError(
            ErrorCode.BAD_PICTURE,
            _("The image has indexed colors, which cannot hold a portrait."),
            _("Choose Image > Mode > RGB first."),
        )
    return sketch


def extent(drawable: Gimp.Drawable) -> Rectangle:
    """Where the drawable lies in the image."""
    _found, x, y = drawable.get_offsets()
    return Rectangle(x, y, drawable.get_width(), drawable.get_height())


def selection_square(image: Gimp.Image) -> Square | None:
    """The square around the selection in pixels of the image; None when nothing is selected."""
    _found, selected, left, top, right, bottom = Gimp.Selection.bounds(image)
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


def glimpse(drawable: Gimp.Drawable) -> Hashable:
    """Changes when the drawable is drawn on or moved, and is read faster than its pixels."""
    data, *size = drawable.get_thumbnail_data(_GLIMPSE, _GLIMPSE)
    return drawable.get_id(), extent(drawable), tuple(size), bytes(data.get_data())


def record_above(image: Gimp.Image, sketch: Gimp.Layer) -> Record | None:
    """How the result directly above the sketch was made; None when there is none."""
    position = image.get_item_position(sketch)
    parent = sketch.get_parent()
    siblings: list[Any] = parent.get_children() if parent is not None else image.get_layers()
    parasite = siblings[position - 1].get_parasite(PARASITE) if position > 0 else None
    return unpack(bytes(parasite.get_data())) if parasite is not None else None
