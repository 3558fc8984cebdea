# SPDX-License-Identifier: Apache-2.0
"""Sketch inversion: a sketch in lines, in gray or in color to a portrait, in one pass and without any choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from limner.imaging.color import on_white
from limner.imaging.errors import ImagingError, SketchError
from limner.imaging.frame import PAPER, FaceFrame, extract
from limner.imaging.reading import SketchReading
from limner.imaging.recognize import recognize_style
from limner.imaging.sketch import check_drawing, pen_image, tone_image
from limner.models.codec import Codec, to_pixels
from limner.models.frame_finder import FrameFinder
from limner.models.inversion import SIDE, Inversion
from limner.pipelines.base import JobError, Outcome, Progress, Request, opaque
from limner.pipelines.framing import choose_frame
from limner.pipelines.grain import with_grain
from limner.pipelines.timing import Stopwatch

CODED = 256  # pixels on the side that the codec takes


@dataclass(frozen=True)
class StyledSketch:
    """A sketch in the networks' frame, (1, 1 or 3, 128, 128) in [-1, 1], 1 = paper, and its style."""

    sketch: torch.Tensor
    style: str
    frame: FaceFrame


def read_sketch(picture: NDArray[Any], style: str, frame: Any, finder: FrameFinder) -> StyledSketch:
    """Cuts the face frame out of a picture (H, W, C) and prepares it for its style's network, on the finder's device.

    style: "line", "gray", "color", or "auto", which recognizes it. Raises JobError for a blank picture, and for a photo
    unless the style is color: a sketch in color cannot be told from one."""
    try:
        reading = SketchReading(picture)
        style = recognize_style(reading) if style == "auto" else style
        _check(reading, style)
        face = choose_frame(frame, reading, finder)
        seen = _as_seen(picture, reading, face, style)
    except ImagingError as error:
        raise JobError(error.code, error.message, error.remedy) from error
    planes = torch.from_numpy(np.ascontiguousarray(np.moveaxis(seen, 2, 0), np.float32))[None]
    return StyledSketch(F.adaptive_avg_pool2d(planes, SIDE).to(finder.device) * 2 - 1, style, face)


def _check(reading: SketchReading, style: str) -> None:
    try:
        check_drawing(reading)
    except SketchError as error:
        if error.code == "blank_sketch" or style != "color":
            raise


def _as_seen(picture: NDArray[Any], reading: SketchReading, face: FaceFrame, style: str) -> NDArray[np.float32]:
    """(256 or 512, ..., 1 or 3) in [0, 1], 1 = paper: ``pen_image``, tones as they are, or colors on white."""
    if style == "line":
        return pen_image(reading, face)[..., None]
    if style == "gray":
        return tone_image(picture, reading, face, CODED)[..., None]
    return extract(on_white(picture), face, CODED, PAPER)


class InversionPipeline:
    """The inverter of the sketch's style, then the codec, whose decoder gives the portrait at 512 pixels."""

    def __init__(self, inversion: Inversion, codec: Codec, finder: FrameFinder) -> None:
        self.inversion, self.codec, self.finder = inversion, codec, finder

    @torch.inference_mode()
    def run(self, request: Request, progress: Progress) -> Outcome:
        """images: "sketch" -> "portrait" (512, 512, 4)."""
        params, watch = request.params, Stopwatch()
        progress("reading", 0.0)
        with watch("reading"):
            read = read_sketch(request.images["sketch"], params["style"], params["frame"], self.finder)
        progress("inversion", 0.3)
        with watch("inversion"):
            own = self.inversion(read.sketch, read.style)  # (1, 3, 128, 128) in [-1, 1]
            rgb = F.interpolate(own, size=CODED, mode="bicubic")  # (1, 3, 256, 256)
        progress("decoding", 0.6)
        with watch("decoding"):
            pixels = to_pixels(with_grain(self.codec.decoder(self.codec.encoder(rgb)), 0))[0]  # (512, 512, 3)
        info = {"style": read.style, "frame": read.frame.as_dict(), "timings_ms": watch.milliseconds()}
        return Outcome({"portrait": opaque(pixels)}, info)
