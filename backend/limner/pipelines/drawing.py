# SPDX-License-Identifier: Apache-2.0
"""From the artist's picture to what the networks see: the sketch in its face frame, and the codes of its parts."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from limner.imaging.errors import ImagingError
from limner.imaging.frame import FaceFrame
from limner.imaging.sketch import check_drawing, line_image, normalize_sketch
from limner.models.components import PARTS, ComponentEmbedding, cut_windows
from limner.models.frame_finder import FrameFinder
from limner.pipelines.base import JobError
from limner.pipelines.framing import choose_frame

CANVASES = 8  # canvases whose codes are kept


@dataclass(frozen=True)
class Drawing:
    """The sketch in the networks' frame: `ink` (1, 1, 256, 256) in [0, 1], 1 = ink; `frame` in the picture's pixels."""

    ink: torch.Tensor
    frame: FaceFrame


def read_drawing(picture: NDArray[Any], frame: Any, finder: FrameFinder) -> Drawing:
    """Normalizes a picture (H, W, C) and cuts its face frame ("auto", "full" or [x, y, size]), on the finder's device.

    Raises JobError for a blank picture, a photo, or a frame that makes no sense."""
    try:
        check_drawing(picture)
        gray = normalize_sketch(picture)
        face = choose_frame(frame, gray, finder)
        lines = line_image(gray, face)  # (512, 512), 1 = paper
    except ImagingError as error:
        raise JobError(error.code, error.message, error.remedy) from error
    ink = torch.from_numpy(1 - np.ascontiguousarray(lines, np.float32))[None, None].to(finder.device)
    # In 255 steps, so that a stroke elsewhere, which moves the paper's white by next to nothing, changes no window.
    return Drawing((F.avg_pool2d(ink, 2) * 255).round() / 255, face)


class CodeCache:
    """Codes of windows by what is drawn in them, for each canvas: one moved eye costs one window."""

    def __init__(self, embedding: ComponentEmbedding) -> None:
        self.embedding = embedding
        self.kept: OrderedDict[str, dict[str, tuple[bytes, torch.Tensor]]] = OrderedDict()
        self.encoded = 0  # windows encoded so far

    @torch.inference_mode()
    def codes(self, ink: torch.Tensor, canvas: str) -> Mapping[str, torch.Tensor]:
        """Codes by part, (1, D) each, of `ink` (1, 1, 256, 256); without a canvas id nothing is kept."""
        known = self.kept.pop(canvas, {})
        current: dict[str, tuple[bytes, torch.Tensor]] = {}
        for part, cut in cut_windows(ink).items():
            key = hashlib.sha256(cut.cpu().numpy().tobytes()).digest()
            if part in known and known[part][0] == key:
                current[part] = known[part]
            else:
                current[part] = (key, self.embedding.encoders[part](cut))
                self.encoded += 1
        if canvas:
            self.kept[canvas] = current
            while len(self.kept) > CANVASES:
                self.kept.popitem(last=False)
        return {part: current[part][1] for part in PARTS}
