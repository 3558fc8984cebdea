# SPDX-License-Identifier: Apache-2.0
"""`limner invert`: a sketch of any style to a portrait by Convolutional Sketch Inversion."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated

import typer

from limner.cli.failures import Failure
from limner.cli.jobs import run_job, summary
from limner.cli.options import AUTO, FrameOption, Json, Output, Sketch
from limner.cli.pictures import check_output, read_pixels, write_png


class SketchStyle(str, Enum):
    """How the sketch is drawn."""

    auto = "auto"
    line = "line"
    gray = "gray"
    color = "color"


def invert(
    sketch: Sketch,
    output: Output,
    style: Annotated[SketchStyle, typer.Option(help="How it is drawn; auto recognizes it.")] = SketchStyle.auto,
    frame: FrameOption = AUTO,
    as_json: Json = False,
) -> None:
    """Turn a sketch of lines, in gray tones or in color into a portrait, in one pass."""
    from limner.wire.errors import ErrorCode, LimnerError

    outputs = {"portrait": check_output(output, [sketch])}
    params = {"style": style.value, "frame": frame.value}
    try:
        result = run_job("invert", {"sketch": read_pixels(sketch)}, params)
    except LimnerError as error:
        if error.code != ErrorCode.UNKNOWN_TASK:
            raise
        raise Failure(
            "This backend cannot invert sketches: its weights have no inversion.safetensors.",
            "Train it with 'limner train inversion', then run 'limner train export' and 'limner stop'.",
        ) from error
    write_png(outputs["portrait"], result.images["portrait"])
    if as_json:
        print(json.dumps(summary("invert", result, outputs)))
