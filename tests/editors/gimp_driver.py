# SPDX-License-Identifier: Apache-2.0
"""Runs inside the real GIMP 3 (python-fu-eval): makes images, calls procedures by the PDB, saves and reloads them, and
writes down all it sees. GIMP_WORK is its folder: cases.json in, answers.json and raw pixels out.

One case: {"name", "image": {"file"} or {"width", "height", "base", "precision"}, "layers": [{"name", "x", "y", "width",
"height", "pixels": file, "format"}, ... bottom first], "selection": [x, y, w, h], "procedure", "arguments": {...},
"drawables": [layer names], "hints": layer name, "mode", "again": bool}.
"""

import json
import os
import traceback

import gi

gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402 the version is named first

WORK = os.environ["GIMP_WORK"]
BASES = {"rgb": Gimp.ImageBaseType.RGB, "gray": Gimp.ImageBaseType.GRAY, "indexed": Gimp.ImageBaseType.INDEXED}
KINDS = {"rgb": Gimp.ImageType.RGBA_IMAGE, "gray": Gimp.ImageType.GRAYA_IMAGE}
PRECISIONS = {
    "u8": Gimp.Precision.U8_NON_LINEAR,
    "u16": Gimp.Precision.U16_NON_LINEAR,
    "float": Gimp.Precision.FLOAT_LINEAR,
}
MODES = {"noninteractive": Gimp.RunMode.NONINTERACTIVE, "last": Gimp.RunMode.WITH_LAST_VALS}


def work(name):
    return os.path.join(WORK, name)


def whole(item):
    return Gegl.Rectangle.new(0, 0, item.get_width(), item.get_height())


def stored(item):
    """The bytes as GIMP keeps them, in the drawable's own format."""
    return bytes(item.get_buffer().get(whole(item), 1.0, None, Gegl.AbyssPolicy.NONE))


def add_layer(image, base, spec):
    kind = KINDS.get(base, Gimp.ImageType.RGBA_IMAGE)
    layer = Gimp.Layer.new(image, spec["name"], spec["width"], spec["height"], kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    layer.set_offsets(spec["x"], spec["y"])
    with open(work(spec["pixels"]), "rb") as file:
        layer.get_buffer().set(whole(layer), spec["format"], file.read())
    layer.get_buffer().flush()
    layer.update(0, 0, spec["width"], spec["height"])


def make_image(case):
    spec = case["image"]
    if "file" in spec:
        return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(work(spec["file"])))
    base = "rgb" if spec["base"] == "indexed" else spec["base"]
    image = Gimp.Image.new_with_precision(spec["width"], spec["height"], BASES[base], PRECISIONS[spec["precision"]])
    for layer in case["layers"]:
        add_layer(image, base, layer)
    if spec["base"] == "indexed":
        image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.WEB, 16, False, False, "")
    if "selection" in case:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, *case["selection"])
    return image


def describe(item, tag):
    """What a layer is; its pixels, as "R'G'B'A u8", go to a file."""
    _, x, y = item.get_offsets()
    found = {"name": item.get_name(), "x": x, "y": y, "width": item.get_width(), "height": item.get_height()}
    found["group"] = isinstance(item, Gimp.GroupLayer)
    parasite = item.get_parasite("limner")
    found["parasite"] = bytes(parasite.get_data()).decode("utf-8") if parasite is not None else None
    if found["group"]:
        found["children"] = [describe(child, f"{tag}-{number}") for number, child in enumerate(item.get_children())]
        return found
    found["pixels"] = tag + ".raw"
    with open(work(found["pixels"]), "wb") as file:
        file.write(bytes(item.get_buffer().get(whole(item), 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE)))
    return found


def call(image, case):
    layers = {layer.get_name(): layer for layer in image.get_layers()}
    drawables = [layers[name] for name in case.get("drawables", [])] or image.get_layers()[:1]
    if case.get("mask"):
        mask = drawables[0].create_mask(Gimp.AddMaskType.WHITE)
        drawables[0].add_mask(mask)
        drawables = [mask]
    procedure = Gimp.get_pdb().lookup_procedure(case["procedure"])
    config = procedure.create_config()
    config.set_property("run-mode", MODES[case.get("mode", "noninteractive")])
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for name, value in case.get("arguments", {}).items():
        config.set_property(name, value)
    if "hints" in case:
        config.set_property("color-hints", layers[case["hints"]])
    result = procedure.run(config)
    status = result.index(0)
    return {
        "status": status.value_nick,
        "error": "" if status == Gimp.PDBStatusType.SUCCESS else Gimp.get_pdb().get_last_error(),
        "selected": [layer.get_name() for layer in image.get_selected_layers()],
    }


def selection(image):
    _, selected, *bounds = Gimp.Selection.bounds(image)
    return bounds if selected else None


def run_case(case):
    image = make_image(case)
    sketches = image.get_layers()
    before = [stored(layer) for layer in sketches]
    answer = call(image, case)
    if case.get("again"):
        answer["again"] = call(image, case["again"])
    answer["unchanged"] = [stored(layer) for layer in sketches] == before
    answer["precision"] = image.get_precision().value_nick
    answer["selection"] = selection(image)
    path = Gio.File.new_for_path(work(case["name"] + ".xcf"))
    answer["saved"] = Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, path, None)
    image.delete()
    again = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, path)
    answer["layers"] = [describe(item, f"{case['name']}-{number}") for number, item in enumerate(again.get_layers())]
    again.delete()
    return answer


def describe_procedure(name):
    procedure = Gimp.get_pdb().lookup_procedure(name)
    if procedure is None:
        return None
    found = {"label": procedure.get_menu_label(), "menus": procedure.get_menu_paths(), "blurb": procedure.get_blurb()}
    found["arguments"] = {}
    for spec in procedure.get_arguments():
        kind = spec.value_type.name
        entry = {"type": kind, "nick": spec.nick, "blurb": spec.blurb}
        if kind in ("gint", "gdouble"):
            entry.update(minimum=spec.minimum, maximum=spec.maximum, default=spec.default_value)
        elif kind == "gboolean":
            entry.update(default=spec.default_value)
        found["arguments"][spec.name] = entry
    return found


def main():
    with open(work("cases.json"), encoding="utf-8") as file:
        task = json.load(file)
    answers = {"cases": {}, "procedures": {name: describe_procedure(name) for name in task["procedures"]}}
    for case in task["cases"]:
        try:
            answers["cases"][case["name"]] = run_case(case)
        except Exception:
            answers["cases"][case["name"]] = {"trouble": traceback.format_exc()}
        with open(work("answers.json"), "w", encoding="utf-8") as file:
            json.dump(answers, file, indent=1)


main()
