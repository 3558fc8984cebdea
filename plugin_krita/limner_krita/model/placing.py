# SPDX-License-Identifier: Apache-2.0
"""Puts what the backend has made into the document: a new group, or the group that is there already, refreshed.

Nothing that the artist made is ever changed: a group in which somebody painted, or from which a layer is gone, stays
as it is, and a new one is made.
"""

from __future__ import annotations

from typing import Mapping

from ..editor import Block, Canvas, EditorError, Layer, NewLayer
from .record import MadeLayer, Record, digest_of

GROUP_NAME = "Limner portrait"
LAYER_NAMES = {"portrait": "Portrait", "shadow": "Shadow guide"}  # by the backend's name of the picture
STACK = ("shadow", "portrait")  # the lowest first
REFRESH, NEW_GROUP = "refresh", "new"
PLACEMENTS = (REFRESH, NEW_GROUP)
CLICK_SKETCH = "Click the layer with the sketch in the Layers docker, then try again."


class Placed:
    """What came of it: the group's id, and its layers as they were left."""

    def __init__(self, group: str, layers: Mapping[str, MadeLayer]) -> None:
        self.group, self.layers = group, layers


def place_result(
    canvas: Canvas, sketch: Layer, blocks: Mapping[str, Block], record: Record, placement: str, opacity: float
) -> Placed:
    """Insert the pictures above the sketch, as one undo step, or refresh those that Limner has put there before.

    blocks: by the backend's name of the picture. opacity: of a new shadow guide, 0..1. Raises EditorError.
    """
    made = record.made.get(sketch.uid)
    if made is not None and placement == REFRESH:
        old = _untouched(canvas, sketch, made.group, made.layers)
        if old is not None and set(blocks) <= set(old):
            return _refresh(canvas, made.group, old, blocks)
    names = [name for name in STACK if name in blocks]
    layers = [NewLayer(LAYER_NAMES[name], blocks[name], opacity if name == "shadow" else 1.0) for name in names]
    group, *inserted = canvas.insert_group(GROUP_NAME, layers, sketch)
    if made is not None and placement == REFRESH:
        _hide(canvas, made.group)
    return Placed(group.uid, {name: _as_left(layer) for name, layer in zip(names, inserted)})


def place_guide(canvas: Canvas, sketch: Layer, block: Block, opacity: float) -> Layer:
    """Insert the shadow guide alone, under the strokes; one undo step. Raises EditorError."""
    return canvas.insert_layer(NewLayer(LAYER_NAMES["shadow"], block, opacity), sketch, below=True)


def _refresh(canvas: Canvas, group: str, old: Mapping[str, Layer], blocks: Mapping[str, Block]) -> Placed:
    for name, layer in old.items():
        if name in blocks:
            layer.rewrite(blocks[name])
            if name == "shadow":
                layer.set_visible(True)
        else:
            layer.set_visible(False)  # a guide that is not asked for any more
    canvas.refresh()
    return Placed(group, {name: _as_left(layer) for name, layer in old.items()})


def _untouched(canvas: Canvas, sketch: Layer, group_uid: str, made: Mapping[str, MadeLayer]) -> dict[str, Layer] | None:
    """The layers of the group beside the sketch, when it holds exactly what Limner put into it."""
    group = canvas.layer(group_uid)
    if group is None:
        return None
    children = {layer.uid: layer for layer in group.children()}
    if set(children) != {layer.uid for layer in made.values()}:
        return None
    found = {name: children[layer.uid] for name, layer in made.items()}
    same = all(found[name].native and _as_left(found[name]) == layer for name, layer in made.items())
    return found if same else None


def _as_left(layer: Layer) -> MadeLayer:
    bounds = layer.bounds
    if bounds.empty:
        return MadeLayer(layer.uid, "empty")
    place = f"{bounds.x},{bounds.y},{bounds.width},{bounds.height}:".encode()
    return MadeLayer(layer.uid, digest_of(place + layer.read(bounds).data))


def _hide(canvas: Canvas, group: str) -> None:
    """Close the eye of the group that the new one stands for; nothing of it is lost."""
    layer = canvas.layer(group)
    if layer is not None:
        layer.set_visible(False)


def find_sketch(canvas: Canvas, record: Record) -> Layer:
    """The layer to make a portrait of: the active one; inside a group of Limner's own, the sketch it was made of.

    Raises EditorError with what to do.
    """
    layer = canvas.active_layer()
    if layer is None:
        raise EditorError("No layer is active.", CLICK_SKETCH)
    for place in (layer, *layer.ancestors()):
        sketch = record.sketch_of(place.uid)
        if sketch:
            found = canvas.layer(sketch)
            if found is None:
                raise EditorError(f"'{layer.name}' was made by Limner, and its sketch is gone.", CLICK_SKETCH)
            return found
    return layer
