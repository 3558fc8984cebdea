# SPDX-License-Identifier: Apache-2.0
"""The options that several commands share, and how their values are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Frame:
    """Where the face is: "auto", "full", or [x, y, size] in pixels of the sketch."""

    value: str | list[float]


AUTO = Frame("auto")


def parse_frame(text: str | Frame) -> Frame:
    """`auto`, `full` or `X,Y,SIZE`; raises typer.BadParameter for anything else. Typer sends the default, too."""
    if isinstance(text, Frame):
        return text
    if text in ("auto", "full"):
        return Frame(text)
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 3 or not all(math.isfinite(number) for number in numbers):
        raise typer.BadParameter(f"'{text}' is not auto, full or X,Y,SIZE (pixels, e.g. 120,80,600)")
    if numbers[2] <= 0:
        raise typer.BadParameter("SIZE, the side of the face's square, must be above 0")
    return Frame(numbers)


def parse_unit(text: str) -> float:
    """A number from 0 to 1; raises typer.BadParameter for anything else."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= 1.0:  # also refuses NaN
        raise typer.BadParameter(f"'{text}' is not a number from 0 to 1")
    return number


def parse_png(text: str) -> Path:
    """The path of a PNG file to write; raises typer.BadParameter for another ending."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise typer.BadParameter(f"'{text}' must end in .png: the result is a PNG picture")
    return path


Sketch = Annotated[Path, typer.Argument(metavar="SKETCH", help="The drawing: PNG, JPEG, WebP, TIFF, ...")]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="OUT.png", parser=parse_png, help="The picture to write.")
]
FrameOption = Annotated[
    Frame,
    typer.Option(
        "--frame",
        metavar="X,Y,SIZE|auto|full",
        parser=parse_frame,
        show_default="auto",
        help="The square around the face, in pixels.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=MAX_SEED, help="Decides the coloring; repeatable.")]
