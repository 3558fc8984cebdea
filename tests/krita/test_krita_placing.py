# SPDX-License-Identifier: Apache-2.0
"""Layers in documents: one undo step, any depth, refreshed groups, and nothing of the artist's ever changed."""

from __future__ import annotations

import pytest
from limner_krita.editor import Block, Canvas, EditorError, Layer, Workshop
from limner_krita.model.geometry import Rect
from limner_krita.model.placing import NEW_GROUP, REFRESH, Picture, Wish, find_sketch, place_guide, place_result
from limner_krita.model.record import KEY, Made, Record, digest_of

from tests.krita.fake_krita import SRGB, FakeApp, FakeDocument, FakeNode, FakeRect, Krita


@pytest.fixture(autouse=True)
def app() -> FakeApp:
    Krita.app = FakeApp()
    return Krita.app


def block(color: int, x: int = 2, y: int = 3, side: int = 4) -> Block:
    return Block(Rect(x, y, side, side), bytes((color, color, color, 255)) * side * side)


def make(
    document: FakeDocument,
    sketch: FakeNode,
    record: Record,
    names: str = "portrait shadow",
    how: str = REFRESH,
    under: bool = False,
) -> Record:
    """A portrait, its pixels all of a color that tells how many steps the document has had and which picture it is."""
    canvas = Canvas(document)
    blocks = {
        name: block(10 * len(document.steps) + index + 1).encoded(canvas.format)
        for index, name in enumerate(names.split())
    }
    made = {name: Picture(item, digest_of(item.data)) for name, item in blocks.items()}
    placed = place_result(canvas, Layer(document, sketch), "portrait", made, record, Wish(how, under, 0.4))
    entry = Made("portrait", placed.group, placed.layers, {"seed": 1}, {"a.safetensors": "0" * 64})
    return record.with_made(Layer(document, sketch).uid, entry)


@pytest.mark.parametrize("depth", ["U8", "U16"])
def test_a_group_comes_above_the_sketch_in_one_undo_step(app: FakeApp, depth: str) -> None:
    document = app.show(FakeDocument(depth=depth))
    sketch = document.draw_layer("Sketch", (5, 5), (60, 50))
    before = dict(sketch.pixels)
    make(document, sketch, Record())
    assert document.layer_names() == ["Background", "Sketch", "Limner portrait", "Shadow guide", "Portrait"]
    assert document.steps == ["add layer"]
    assert sketch.pixels == before
    guide, portrait = document.root.children[2].children
    assert (guide.strength, portrait.strength) == (102, 255)
    assert (portrait.depth, portrait.pixels[2, 3], portrait.pixels[5, 6]) == (depth, b"\1\1\1\xff", b"\1\1\1\xff")
    assert app.open == [document]  # no scratch document is left behind


def test_a_sketch_of_another_depth_is_read_without_an_undo_step(app: FakeApp) -> None:
    document = app.show(FakeDocument(depth="U16"))
    sketch = document.draw_layer("Sketch", (1, 1))
    read = Layer(document, sketch).read(Rect(0, 0, 3, 2))
    assert read.bgra() == bytes(16) + b"\1\2\3\xff" + bytes(4)
    assert (document.steps, sketch.depth, app.open) == ([], "U16", [document])


def test_masks_cannot_be_read(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    mask = FakeNode(document, "Mask", "transparencymask")
    with pytest.raises(EditorError, match="is a mask"):
        Layer(document, mask).read(Rect(0, 0, 1, 1))


def test_another_portrait_takes_the_place_of_the_group(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    record = make(document, sketch, Record())
    old = document.root.children[2]
    old.title, old.strength, old.children[0].strength, old.children[1].shown = "Mine now", 200, 77, False
    document.root.addChildNode(FakeNode(document, "Above"), None)
    again = make(document, sketch, record)
    assert document.layer_names() == ["Background", "Sketch", "Mine now", "Shadow guide", "Portrait", "Above"]
    new = document.root.children[2]
    assert new is not old
    assert (new.strength, new.children[0].strength, new.children[1].shown) == (200, 77, False)
    assert new.children[1].pixels[2, 3] == b"\x15\x15\x15\xff"
    assert document.steps == ["add layer"] * 3 + ["remove layer"]
    make(document, sketch, again)
    assert len(document.root.children) == 4


@pytest.mark.parametrize("depth", ["U8", "U16"])
def test_a_blending_mode_is_kept_without_an_undo_step_of_its_own(app: FakeApp, depth: str) -> None:
    document = app.show(FakeDocument(depth=depth))
    sketch = document.draw_layer("Sketch", (5, 5))
    record = make(document, sketch, Record())
    document.root.children[2].mode = document.root.children[2].children[1].mode = "multiply"
    make(document, sketch, record)
    group = document.root.children[2]
    guide, portrait = group.children
    assert [node.mode for node in (group, guide, portrait)] == ["multiply", "normal", "multiply"]
    assert (portrait.depth, portrait.pixels[2, 3]) == (depth, b"\x0b\x0b\x0b\xff")
    assert document.steps == ["add layer", "add layer", "remove layer"]
    Workshop.close()
    assert app.open == [document]


def test_after_undo_the_earlier_group_is_the_one_to_replace(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    record = make(document, sketch, Record())
    first = document.root.children[2]
    record = make(document, sketch, record)
    document.root.children[2] = first  # undo
    make(document, sketch, record)
    assert len(document.root.children) == 3
    assert document.root.children[2] is not first


def test_a_document_that_only_krita_can_convert_to(app: FakeApp) -> None:
    document = app.show(FakeDocument(profile="WideRGB-elle-V2-g22.icc"))
    sketch = document.draw_layer("Sketch", (5, 5))
    assert Layer(document, sketch).read(Rect(4, 4, 3, 3)).data == bytes(16) + b"\1\2\3\xff" + bytes(16)
    make(document, sketch, make(document, sketch, Record()))
    assert (app.scratches, len(app.open)) == (1, 2)  # the workshop is kept
    assert document.steps == ["add layer", "add layer", "remove layer"]
    assert document.root.children[2].children[1].profile == SRGB
    Workshop.close()
    assert app.open == [document]


def test_a_group_that_the_artist_painted_in_is_never_changed(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    record = make(document, sketch, Record())
    old = document.root.children[2]
    old.children[1].paint((2, 3), color=b"\x77\x77\x77\xff")
    painted = dict(old.children[1].pixels)
    make(document, sketch, record)
    assert [node.title for node in document.root.children] == ["Background", "Sketch"] + 2 * ["Limner portrait"]
    assert (old.children[1].pixels, old.shown) == (painted, False)
    assert document.steps == ["add layer", "add layer"]


def test_a_layer_of_the_artist_in_the_group_keeps_it(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    record = make(document, sketch, Record())
    document.root.children[2].addChildNode(FakeNode(document, "Mine"), None)
    make(document, sketch, record)
    assert len(document.root.children) == 4


def test_a_new_group_each_time_on_request(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    make(document, sketch, make(document, sketch, Record()), how=NEW_GROUP)
    assert [node.shown for node in document.root.children] == [True] * 4


def test_after_undo_a_new_group_is_made(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    record = make(document, sketch, Record())
    del document.root.children[2]  # undo
    make(document, sketch, record)
    assert document.layer_names()[2:] == ["Limner portrait", "Shadow guide", "Portrait"]


def test_the_guide_alone_lies_under_the_strokes(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    record = guide(document, sketch, Record(), 9)
    assert document.layer_names() == ["Background", "Shadow guide", "Sketch"]
    assert (document.steps, document.root.children[1].strength) == (["add layer"], 128)
    assert find_sketch(Canvas(document), record).name == "Sketch"
    document.setActiveNode(document.root.children[1])
    assert find_sketch(Canvas(document), record).name == "Sketch"


def test_another_guide_takes_the_place_of_the_one_before_unless_it_was_painted_on(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    record = guide(document, sketch, guide(document, sketch, Record(), 9), 10)
    assert document.layer_names() == ["Background", "Shadow guide", "Sketch"]
    assert document.root.children[1].pixels[2, 3] == b"\n\n\n\xff"
    document.root.children[1].paint((2, 3))
    guide(document, sketch, record, 11)
    assert [(node.title, node.shown) for node in document.root.children[1:]] == [
        ("Shadow guide", False),
        ("Shadow guide", True),
        ("Sketch", True),
    ]


def guide(document: FakeDocument, sketch: FakeNode, record: Record, color: int) -> Record:
    """A guide alone, of that color."""
    item, layer = block(color), Layer(document, sketch)
    placed = place_guide(Canvas(document), layer, Picture(item, digest_of(item.data)), record, Wish(opacity=0.5))
    return record.with_made(layer.uid, Made("shadow", placed.group, placed.layers, {}, {}))


def test_a_group_under_the_strokes(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    under = ["Background", "Limner portrait", "Shadow guide", "Portrait", "Sketch"]
    record = make(document, sketch, Record(), under=True)
    assert (document.layer_names(), document.steps) == (under, ["add layer"])
    record = make(document, sketch, record, under=True)
    assert document.layer_names() == under
    record = make(document, sketch, record)  # the artist wants it above by now
    above = ["Background", "Sketch", "Limner portrait", "Shadow guide", "Portrait"]
    assert document.layer_names() == above
    document.root.children.insert(2, FakeNode(document, "Between", parent=document.root))  # the artist moved it up
    make(document, sketch, record)
    assert document.layer_names() == ["Background", "Sketch", "Between", *above[2:]]


def test_the_sketch_of_a_portrait_is_found(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    record = make(document, sketch, Record())
    canvas = Canvas(document)
    group = document.root.children[2]
    for active in (sketch, group, group.children[1]):
        document.setActiveNode(active)
        assert find_sketch(canvas, record).name == "Sketch"
    document.root.children.remove(sketch)
    with pytest.raises(EditorError, match="its sketch is gone"):
        find_sketch(canvas, record)
    document.active = None
    with pytest.raises(EditorError, match="No layer is active"):
        find_sketch(canvas, record)


def test_pixels_that_krita_does_not_take_are_noticed(app: FakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    monkeypatch.setattr(FakeNode, "setPixelData", lambda *arguments: None)
    with pytest.raises(EditorError, match="did not take the pixels"):
        make(document, sketch, Record())
    assert document.steps == []


def test_the_note_comes_back_from_the_document(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    sketch = document.draw_layer("Sketch", (5, 5))
    record = make(document, sketch, Record(values={"seed": 3}, frame_mode="full"))
    canvas = Canvas(document)
    canvas.write_note(KEY, "what it is", record.to_bytes())
    assert Record.from_bytes(canvas.read_note(KEY)) == record


@pytest.mark.parametrize("note", [b"", b"\xff", b"[]", b"{}", b'{"version": 1}', b'{"version": 2, "made": 3}'])
def test_a_damaged_note_is_no_note(note: bytes) -> None:
    assert Record.from_bytes(note) == Record()


def test_an_empty_selection_is_none(app: FakeApp) -> None:
    document = app.show(FakeDocument())
    assert Canvas(document).selection() is None
    document.selected = FakeRect((1, 2, 0, 0))
    assert Canvas(document).selection() is None
    document.selected = FakeRect((1, 2, 3, 4))
    assert Canvas(document).selection() == Rect(1, 2, 3, 4)
