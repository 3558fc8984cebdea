# SPDX-License-Identifier: Apache-2.0
"""Runs inside a GIMP with a window (python-fu-eval), beside the user: writes down the layers of the open image when the
test asks for it. GIMP_WORK is its folder: the file `ask` in, with a number and perhaps "saved", answer-N.json out.
After "saved" the image counts as saved."""

import json
import os
import time

import gi

gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp  # noqa: E402 the version is named first

WORK = os.environ["GIMP_WORK"]


def parasite(item):
    found = item.get_parasite("limner")
    return bytes(found.get_data()).decode("utf-8") if found is not None else None


def pixels(item):
    """The name of the file, until the next look, with what the layer holds; it may be about to change."""
    name = f"seen-{item.get_id()}.raw"
    whole = Gegl.Rectangle.new(0, 0, item.get_width(), item.get_height())
    with open(os.path.join(WORK, name), "wb") as file:
        file.write(bytes(item.get_buffer().get(whole, 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE)))
    return name


def tree(items):
    return [
        {
            "name": item.get_name(),
            "children": tree(item.get_children()) if isinstance(item, Gimp.GroupLayer) else [],
            "parasite": parasite(item),
            "opacity": item.get_opacity(),
            "width": item.get_width(),
            "height": item.get_height(),
            "pixels": None if isinstance(item, Gimp.GroupLayer) else pixels(item),
        }
        for item in items
    ]


def answer(saved):
    # the plug-in scales its pictures in images of its own, which are newer
    image = min(Gimp.get_images(), key=lambda item: item.get_id(), default=None)
    if image is None:
        return {"layers": [], "selected": [], "unsaved": False}
    if saved:
        image.clean_all()
    selected = [layer.get_name() for layer in image.get_selected_layers()]
    return {"layers": tree(image.get_layers()), "selected": selected, "unsaved": image.is_dirty()}


def main():
    ask = os.path.join(WORK, "ask")
    while os.path.isdir(WORK):  # the test takes it away at its end
        time.sleep(0.1)
        try:
            with open(ask, encoding="utf-8") as file:
                number, *saved = file.read().split()
        except OSError:
            continue
        os.unlink(ask)
        if number == "quit":
            return
        path = os.path.join(WORK, f"answer-{number}.json")
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            json.dump(answer(bool(saved)), file)
        os.rename(path + ".tmp", path)


main()
