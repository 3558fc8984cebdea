# SPDX-License-Identifier: Apache-2.0
"""Sketch to portrait: DeepFaceDrawing's whole path, from component codes to a 512x512 picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from limner.imaging.color import hints_field
from limner.imaging.frame import FaceFrame
from limner.models.bank import refine_codes
from limner.models.codec import to_pixels
from limner.models.components import PARTS, WINDOWS
from limner.models.feature_mapping import spread_over_windows
from limner.models.registry import Networks
from limner.models.synthesis import LATENT_SIDE, Conditions
from limner.pipelines.base import Outcome, Progress, Request, opaque
from limner.pipelines.drawing import Drawing, Part, PartCache, beside, read_drawing
from limner.pipelines.grain import with_grain
from limner.pipelines.noise import FaceNoise
from limner.pipelines.redrawing import with_redrawing
from limner.pipelines.sampling import sample_portraits
from limner.pipelines.shadow import merge_shadows
from limner.pipelines.timing import Stopwatch

DOUBT = 0.2  # how much doubt weighs against trust in the drawing's lines


@dataclass(frozen=True)
class PortraitParams:
    """The parameters of a portrait; a part without a value of its own follows `refine` (0 plausible, 1 literal).

    The value moves a part's code from its projection to itself; the lines are trusted sooner from 0.2 on (see
    `trust_in_lines`), for the sake of glasses and beards, which a blend of neighbors loses. As far as the lines of
    eyes, nose and mouth are not trusted, they are drawn anew."""

    seed: int
    refine: float
    parts: Mapping[str, float | None]
    shadow: bool
    frame: Any
    steps: int

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> PortraitParams:
        """From the validated parameters of a job."""
        parts = {part: params[part] for part in PARTS}
        return cls(params["seed"], params["refine"], parts, params["shadow"], params["frame"], params["steps"])

    def literal(self, part: str) -> float:
        """How literally one part is taken, in [0, 1]."""
        own = self.parts[part]
        return self.refine if own is None else own

    def mirrored(self) -> float:
        """How much of the noise is mirrored in the face, in [0, 1]: the less, the more literally its parts are taken.

        An artist's lines say themselves how one eye differs from the other, and the noise then shall not contradict."""
        literal = [self.literal(window.name) for window in WINDOWS[:-1]]
        return 1 - (sum(literal) / len(literal)) ** 2

    def redraws(self) -> bool:
        """Whether eyes, nose or mouth are drawn anew, because their lines are not all taken as they are."""
        return any(self.literal(window.name) < 1 for window in WINDOWS[:-1])


def trust_in_lines(literal: torch.Tensor) -> torch.Tensor:
    """How far the drawing's own lines are trusted, in [0, 1], where a part is taken this literally, in [0, 1].

    The portrait moves most while the first lines gain trust, so the curve starts level; it is at half near 0.3."""
    sure, doubt = literal.square(), (1 - literal).square()
    return sure / (sure + DOUBT * doubt)


class PortraitPipeline:
    """Keeps what was made of unchanged windows between calls; one instance for each engine."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks
        self.cache = PartCache(networks.components, networks.bank)
        self.noise = FaceNoise.of(networks.codec)

    @torch.inference_mode()
    def run(self, request: Request, progress: Progress) -> Outcome:
        """images: "sketch", at will "color_hints" -> "portrait" (512, 512, 4), and "shadow" where asked for."""
        params, watch = PortraitParams.read(request.params), Stopwatch()
        progress("reading", 0.0)
        with watch("reading"):
            drawing = read_drawing(request.images["sketch"], params.frame, self.networks.frame_finder)
        with watch("components"):
            parts = self.cache.parts(drawing.ink, request.canvas)
            self.cache.codes(parts)
        with watch("manifold"):
            self.cache.projections(parts)
        guide = None
        if params.shadow or params.redraws():
            progress("shadow", 0.1)
            with watch("shadow"):
                shadows = self.cache.shadows(parts)
                guide = beside().submit(merge_shadows, shadows) if params.shadow else None  # while the synthesis runs
        with watch("features"):
            hints = self._hints(request.images.get("color_hints"), drawing.frame)
            given = self._conditions(params, drawing, parts, hints)
            condition = self.networks.synthesis.condition(given)
        with watch("synthesis"):
            latent = self._synthesize(params, given, condition, progress)
        with watch("decoding"):
            decoded = self.networks.codec.decoder(latent)  # (1, 3, 512, 512)
        with watch("pixels"):
            images = {"portrait": opaque(to_pixels(with_grain(decoded, params.seed))[0])}
            images |= {} if guide is None else {"shadow": guide.result()}
        info = {"seed": params.seed, "frame": drawing.frame.as_dict(), "timings_ms": watch.milliseconds()}
        return Outcome(images, info)

    def _hints(self, picture: NDArray[Any] | None, frame: FaceFrame) -> torch.Tensor:
        if picture is None:
            return torch.zeros(1, 4, LATENT_SIDE, LATENT_SIDE, device=self.networks.device)
        return torch.from_numpy(hints_field(picture, frame))[None].to(self.networks.device)

    def _conditions(
        self,
        params: PortraitParams,
        drawing: Drawing,
        parts: Mapping[str, Part],
        hints: torch.Tensor,
    ) -> Conditions:
        device = self.networks.device
        literal = {part: torch.tensor([params.literal(part)], device=device) for part in PARTS}
        mixed = refine_codes(self.cache.codes(parts), self.cache.projections(parts), literal)
        mapped = torch.ones(1, 1, 1, 1, device=device)
        trust = spread_over_windows({part: trust_in_lines(value) for part, value in literal.items()})
        ink = drawing.ink
        if params.redraws():
            ink, trust = with_redrawing(ink, trust, self.cache.shadows(parts))
        return Conditions(mixed, ink, trust, hints, mapped)

    def _synthesize(
        self, params: PortraitParams, given: Conditions, condition: torch.Tensor, progress: Progress
    ) -> torch.Tensor:
        generator = torch.Generator().manual_seed(params.seed)
        drawn = torch.stack([self.noise.draw(generator, params.mirrored()) for _ in range(2)])
        noise, grit = drawn.to(self.networks.device).split(1)  # (1, L, 32, 32) each

        def step_done(done: int, estimate: torch.Tensor) -> None:
            stage = "synthesis" if done + 1 < params.steps else "decoding"
            progress(stage, 0.2 + 0.7 * (done + 1) / params.steps)

        return sample_portraits(self.networks, given, condition, noise, grit, params.steps, step_done)


class ShadowPipeline:
    """The shadow guide alone."""

    def __init__(self, networks: Networks, cache: PartCache) -> None:
        self.networks, self.cache = networks, cache

    def run(self, request: Request, progress: Progress) -> Outcome:
        """images: "sketch" -> "shadow" (512, 512, 4)."""
        watch = Stopwatch()
        progress("reading", 0.0)
        with watch("reading"):
            drawing = read_drawing(request.images["sketch"], request.params["frame"], self.networks.frame_finder)
        progress("components", 0.3)
        with watch("components"):
            parts = self.cache.parts(drawing.ink, request.canvas)
            self.cache.codes(parts)
        with watch("manifold"):
            self.cache.projections(parts)
        progress("shadow", 0.6)
        with watch("shadow"):
            shadows = self.cache.shadows(parts)
        with watch("pixels"):
            layer = merge_shadows(shadows)
        return Outcome({"shadow": layer}, {"frame": drawing.frame.as_dict(), "timings_ms": watch.milliseconds()})
