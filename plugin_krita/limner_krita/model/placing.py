# SPDX-License-Identifier: Apache-2.0
"""Puts what the backend has made into the document: a new group, which takes the place of the one before.

Nothing that the artist made is ever changed: a group in which somebody painted, or from which a layer is gone, stays
as it is and is only hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Mapping

from ..editor import Block, Canvas, EditorError, Layer, NewLayer
from .geometry import Rect
from .record import Made, MadeLayer, Record, digest_of
from .tasks import SHADOW, TASKS, layer_name

REFRESH, NEW_GROUP = "refresh", "new"
PLACEMENTS = (REFRESH, NEW_GROUP)
GUIDE = "shadow"
CLICK_SKETCH = "Click the layer with the sketch in the Layers docker, then try again."


@dataclass(frozen=True)
class Picture:
    """The pixels of a layer to be, and their digest."""

    block: Block
    digest: str


@dataclass(frozen=True)
class Wish:
    """How the artist wants results placed.

    placement: one of PLACEMENTS. under: below the sketch, so that the strokes are seen on it, not above. opacity: of
    a new shadow guide, 0..1.
    """

    placement: str = REFRESH
    under: bool = False
    opacity: float = 1.0


@dataclass(frozen=True)
class Placed:
    """What came of it: the id of the group (or single layer), its layers as they were left, and the id of the one that
    had to go or ""."""

    group: str
    layers: Mapping[str, MadeLayer]
    replaced: str = ""


def place_result(
    canvas: Canvas, sketch: Layer, task: str, pictures: Mapping[str, Picture], record: Record, wish: Wish
) -> Placed:
    """Insert the pictures beside the sketch, as one undo step, or in the place of those that were made before.

    pictures: by the backend's name, the topmost first. Raises EditorError.
    """
    names = list(reversed(list(pictures)))
    layers = [
        NewLayer(layer_name(name), pictures[name].block, wish.opacity if name == GUIDE else 1.0) for name in names
    ]
    new = NewLayer(TASKS[task].group)
    made, old = _before(canvas, sketch, task, record, wish)
    untouched = _untouched(made, old) if made is not None and old is not None else None
    if old is None or untouched is None:
        group, *inserted = canvas.insert_group(new, layers, sketch, wish.under)
        replaced = _put_aside(old)
    else:
        layers = [_like(layer, untouched.get(name)) for name, layer in zip(names, layers)]
        beside, below = (sketch, wish.under) if _on_other_side(old, sketch, wish.under) else (old, False)
        group, *inserted = canvas.insert_group(_like(new, old), layers, beside, below)
        replaced = _take_out(old)
    canvas.refresh()
    left = {name: _as_left(layer, pictures[name]) for name, layer in zip(names, inserted)}
    return Placed(group.uid, left, replaced)


def place_guide(canvas: Canvas, sketch: Layer, picture: Picture, record: Record, wish: Wish) -> Placed:
    """Insert the shadow guide alone, under the strokes, or in the place of the one before; one undo step.

    Raises EditorError.
    """
    new = NewLayer(layer_name(GUIDE), picture.block, wish.opacity)
    made, old = _before(canvas, sketch, SHADOW, record, wish)
    if made is not None and old is not None and GUIDE in made.layers and _same(old, made.layers[GUIDE]):
        guide = canvas.insert_layer(_like(new, old), old)
        replaced = _take_out(old)
    else:
        guide = canvas.insert_layer(new, sketch, below=True)
        replaced = _put_aside(old)
    canvas.refresh()
    return Placed(guide.uid, {GUIDE: _as_left(guide, picture)}, replaced)


def _take_out(old: Layer) -> str:
    """Remove what was made before; returns its id."""
    uid = old.uid
    old.remove()
    return uid


def _put_aside(old: Layer | None) -> str:
    """Hide what was made before, since the artist has painted in it; it was not replaced."""
    if old is not None:
        old.set_visible(False)
    return ""


def _on_other_side(old: Layer, sketch: Layer, under: bool) -> bool:
    """True when the group lies beside the sketch, but not on the side where the artist wants it by now."""
    siblings = [layer.uid for layer in sketch.siblings()]
    return old.uid in siblings and (siblings.index(old.uid) < siblings.index(sketch.uid)) != under


def _like(new: NewLayer, old: Layer | None) -> NewLayer:
    """The new layer, shown as the artist has set the old one."""
    if old is None:
        return new
    opacity, mode = old.looks()
    return replace(new, name=old.name, opacity=opacity, mode=mode, visible=old.visible)


def _before(canvas: Canvas, sketch: Layer, task: str, record: Record, wish: Wish) -> tuple[Made | None, Layer | None]:
    """What was made last of the sketch, is still there (undo may have brought an earlier one back), and is to go."""
    if wish.placement != REFRESH:
        return None, None
    layers = {layer.uid: layer for layer in canvas.layers()}
    for made in record.made.get(sketch.uid, ()):
        if made.task == task and made.group in layers:
            return made, layers[made.group]
    return None, None


def _untouched(made: Made, group: Layer) -> dict[str, Layer] | None:
    """The layers of the group by the backend's names, when it holds exactly what Limner put into it."""
    children = {layer.uid: layer for layer in group.children()}
    if set(children) != {layer.uid for layer in made.layers.values()}:
        return None
    found = {name: children[layer.uid] for name, layer in made.layers.items()}
    return found if all(_same(found[name], layer) for name, layer in made.layers.items()) else None


def _same(layer: Layer, made: MadeLayer) -> bool:
    rect, bounds = Rect(*made.rect), layer.bounds
    if layer.children() or bounds.united(rect) != rect:
        return False
    return digest_of(bytes(layer.read(rect).data)) == made.digest


def _as_left(layer: Layer, picture: Picture) -> MadeLayer:
    rect = picture.block.rect
    return MadeLayer(layer.uid, picture.digest, (rect.x, rect.y, rect.width, rect.height))


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
