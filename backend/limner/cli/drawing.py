# SPDX-License-Identifier: Apache-2.0
"""`limner portrait` and `limner shadow`: a sketch goes to the backend, pictures come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from limner.cli.failures import Failure
from limner.cli.jobs import run_job, summary
from limner.cli.options import AUTO, FrameOption, Json, Output, Seed, Sketch, parse_png, parse_unit
from limner.cli.pictures import check_output, read_pixels, write_png
from limner.pipelines.defaults import REFINE

COMPONENT = typer.Option(metavar="0..1", parser=parse_unit, help="The same for this part alone.")
Component = Annotated[float | None, COMPONENT]


def portrait(
    sketch: Sketch,
    output: Output,
    shadow: Annotated[
        Path | None, typer.Option(metavar="SHADOW.png", parser=parse_png, help="Write the shadow guide as well.")
    ] = None,
    seed: Seed = 0,
    refine: Annotated[
        float, typer.Option(metavar="0..1", parser=parse_unit, help="0: plausible face, 1: literally as drawn.")
    ] = REFINE,
    left_eye: Component = None,
    right_eye: Component = None,
    nose: Component = None,
    mouth: Component = None,
    remainder: Component = None,
    color: Annotated[
        Path | None, typer.Option(metavar="HINTS.png", help="Rough strokes of color, or a reference picture.")
    ] = None,
    frame: FrameOption = AUTO,
    steps: Annotated[int | None, typer.Option(min=1, max=32, help="More: finer and slower.")] = None,
    as_json: Json = False,
) -> None:
    """Turn a face sketch into a portrait of 512x512 pixels."""
    inputs = [sketch, *([color] if color else [])]
    outputs = {"portrait": check_output(output, inputs)}
    if shadow:
        outputs["shadow"] = check_output(shadow, inputs)
        if outputs["shadow"] == outputs["portrait"]:
            raise Failure("The portrait and the shadow guide would be the same file.", "Give --shadow another name.")
    images = {"sketch": read_pixels(sketch)}
    if color:
        images["color_hints"] = read_pixels(color)
    parts = {"left_eye": left_eye, "right_eye": right_eye, "nose": nose, "mouth": mouth, "remainder": remainder}
    params = {"seed": seed, "refine": refine, "shadow": shadow is not None, "frame": frame.value}
    params.update((name, value) for name, value in {**parts, "steps": steps}.items() if value is not None)
    _draw("portrait", images, params, outputs, as_json)


def shadow(sketch: Sketch, output: Output, frame: FrameOption = AUTO, as_json: Json = False) -> None:
    """Draw the shadow guide of a sketch: where a plausible face would continue."""
    outputs = {"shadow": check_output(output, [sketch])}
    _draw("shadow", {"sketch": read_pixels(sketch)}, {"frame": frame.value}, outputs, as_json)


def _draw(task: str, images: dict[str, Any], params: dict[str, Any], outputs: dict[str, Path], as_json: bool) -> None:
    result = run_job(task, images, params)
    for name, path in outputs.items():
        if name not in result.images:
            raise Failure(
                f"The backend returned no picture named '{name}'.",
                "Run 'limner stop' and try again: an older backend may still be running.",
            )
        write_png(path, result.images[name])
    if as_json:
        print(json.dumps(summary(task, result, outputs)))
