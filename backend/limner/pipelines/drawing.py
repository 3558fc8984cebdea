# SPDX-License-Identifier: Apache-2.0
"""From the artist's picture to what the networks see: the sketch in its face frame, and what comes of its parts."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from limner.imaging.errors import ImagingError
from limner.imaging.frame import FaceFrame
from limner.imaging.reading import SketchReading
from limner.imaging.sketch import check_drawing, line_image
from limner.models.bank import CodeBank
from limner.models.components import PARTS, ComponentEmbedding, cut_windows
from limner.models.frame_finder import FrameFinder
from limner.models.manifold import Projection
from limner.pipelines.base import JobError
from limner.pipelines.framing import choose_frame
from limner.pipelines.shadow import FloatImage, window_shadow

CANVASES = 8  # canvases whose parts are kept


@dataclass(frozen=True)
class Drawing:
    """The sketch in the networks' frame: `ink` (1, 1, 256, 256) in [0, 1], 1 = ink; `frame` in the picture's pixels."""

    ink: torch.Tensor
    frame: FaceFrame


def read_drawing(picture: NDArray[Any], frame: Any, finder: FrameFinder) -> Drawing:
    """Normalizes a picture (H, W, C) and cuts its face frame ("auto", "full" or [x, y, size]), on the finder's device.

    Raises JobError for a blank picture, a photo, or a frame that makes no sense."""
    try:
        reading = SketchReading(picture)
        check = beside().submit(check_drawing, reading)  # takes as long as the lines do, and shares no step with them
        try:
            face = choose_frame(frame, reading, finder)
            lines = line_image(reading, face)  # (512, 512), 1 = paper
        finally:
            check.result()  # what it has to say comes first
    except ImagingError as error:
        raise JobError(error.code, error.message, error.remedy) from error
    ink = torch.from_numpy(1 - np.ascontiguousarray(lines, np.float32))[None, None].to(finder.device)
    # In 255 steps, so that a stroke elsewhere, which moves the paper's white by next to nothing, changes no window.
    return Drawing((F.avg_pool2d(ink, 2) * 255).round() / 255, face)


@lru_cache(maxsize=1)
def beside() -> ThreadPoolExecutor:
    """A thread for what needs no network, kept: to start one for each drawing takes longer than to use it."""
    return ThreadPoolExecutor(1, thread_name_prefix="beside")


@dataclass
class Part:
    """One window of a drawing.

    cut: (1, 1, S, S) ink in [0, 1], what its encoder sees. key: tells it from others, where it is kept. made: what came
    of it, by name."""

    cut: torch.Tensor
    key: bytes = b""
    made: dict[str, Any] = field(default_factory=dict)


class PartCache:
    """What the networks make of each window, kept for each canvas by what is drawn there: one moved eye costs one
    window. `computed` counts by name what was not there."""

    def __init__(self, embedding: ComponentEmbedding, bank: CodeBank) -> None:
        self.embedding, self.bank = embedding, bank
        self.kept: OrderedDict[str, dict[str, Part]] = OrderedDict()
        self.computed: Counter[str] = Counter()

    def parts(self, ink: torch.Tensor, canvas: str) -> Mapping[str, Part]:
        """The windows of `ink` (1, 1, 256, 256), known ones with what was made of them; no canvas id: none is kept."""
        if not canvas:
            return {name: Part(cut) for name, cut in cut_windows(ink).items()}
        known = self.kept.pop(canvas, {})
        parts: dict[str, Part] = {}
        for name, cut in cut_windows(ink).items():
            key = hashlib.sha256(cut.cpu().numpy().tobytes()).digest()
            parts[name] = known[name] if name in known and known[name].key == key else Part(cut, key)
        self.kept[canvas] = parts
        while len(self.kept) > CANVASES:
            self.kept.popitem(last=False)
        return parts

    @torch.inference_mode()
    def codes(self, parts: Mapping[str, Part]) -> dict[str, torch.Tensor]:
        """Codes by part, (1, D) each."""
        encoders = self.embedding.encoders
        return self._made("code", parts, lambda new: {name: encoders[name](part.cut) for name, part in new.items()})

    @torch.inference_mode()
    def projections(self, parts: Mapping[str, Part]) -> dict[str, Projection]:
        """The codes' projections by part."""
        codes = self.codes(parts)
        return self._made("projection", parts, lambda new: self.bank.project({name: codes[name] for name in new}))

    def shadows(self, parts: Mapping[str, Part]) -> dict[str, FloatImage]:
        """What the nearest faces would draw, by part, (S, S) in [0, 1]."""
        found = self.projections(parts)
        embedding, bank = self.embedding, self.bank
        return self._made(
            "shadow", parts, lambda new: {name: window_shadow(embedding, bank, name, found[name]) for name in new}
        )

    def _made(
        self, what: str, parts: Mapping[str, Part], compute: Callable[[Mapping[str, Part]], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """What was made of each part before, and what `compute` makes of those that are new to it."""
        new = {name: part for name, part in parts.items() if what not in part.made}
        if new:
            for name, made in compute(new).items():
                new[name].made[what] = made
            self.computed[what] += len(new)
        return {name: parts[name].made[what] for name in PARTS}
