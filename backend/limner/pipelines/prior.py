# SPDX-License-Identifier: Apache-2.0
"""Limner's portrait prior as PULSE sees a generator: unit noise and whitened component codes to a portrait's latent.

The prior is the flow without a drawing. Where PULSE's generator knows nothing of the picture, this one takes its colors
as a hint, as it takes an artist's: the search starts near its goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
import torch.nn.functional as F

from limner.imaging.styles import bare_lines
from limner.models.codec import Codec, half, to_pixels
from limner.models.components import DRAWING, PARTS
from limner.models.feature_mapping import MAP_SIDE
from limner.models.pulse import THUMBNAIL, CodeGaussian, ThumbnailDecoder, resized
from limner.models.registry import Networks
from limner.models.synthesis import LATENT_SIDE, Conditions, sample_euler
from limner.pipelines.defaults import STEPS
from limner.pipelines.grain import with_grain
from limner.pipelines.noise import FaceNoise
from limner.pipelines.sampling import sample_portraits

FITTED = 12  # portraits that the thumbnail decoder is fitted to
CHUNK = 4
READINGS = 2  # how often codes are read off the portraits: the first time gains most


def decode(codec: Codec, latents: torch.Tensor) -> torch.Tensor:
    """(N, L, 32, 32) -> (N, 3, 512, 512) in [0, 1]; each has grain of its own."""
    pictures = [with_grain(codec.decoder(latent), seed) for seed, latent in enumerate(latents.split(1))]
    return torch.cat(pictures).add(1).div(2).clamp(0, 1)


@dataclass(frozen=True)
class Start:
    """What each of N candidates begins with, all of unit variance.

    noise: (N, L, 32, 32) and whitened codes (N, D), which the search moves; grit: (N, L, 32, 32), the noise of the
    detail, which it does not see."""

    noise: torch.Tensor
    codes: torch.Tensor
    grit: torch.Tensor


class PortraitPrior:
    """The prior of one engine; what has to be fitted is fitted when it is first needed."""

    def __init__(self, networks: Networks) -> None:
        self.networks, self.device = networks, networks.device
        self.noise = FaceNoise.of(networks.codec)

    @cached_property
    def gaussian(self) -> CodeGaussian:
        """The Gaussian of the codes of the bank."""
        return CodeGaussian.fit(self.networks.bank)

    def prepare(self) -> None:
        """Fits what is fitted once, for the first job."""
        _ = self.thumbnails

    def start(self, count: int, seed: int) -> Start:
        """`count` candidates; the first ones do not depend on how many there are."""
        drawn = []
        for candidate in range(count):
            generator = torch.Generator().manual_seed(seed + 7919 * candidate)  # on the CPU: the same on every device
            noise = self.noise.draw(generator)
            codes = torch.randn(self.gaussian.mean.shape, generator=generator)
            drawn.append((noise, codes, self.noise.draw(generator)))
        return Start(*(torch.stack(parts).to(self.device) for parts in zip(*drawn, strict=True)))

    def conditions(self, codes: torch.Tensor, colors: torch.Tensor) -> Conditions:
        """codes: (N, D) whitened. colors: (1 or N, 3, S, S) in [0, 1], the hint of the whole picture."""
        count = len(codes)
        hint = resized(colors, LATENT_SIDE).clamp(0, 1) * 2 - 1
        hint = torch.cat([hint, torch.ones_like(hint[:, :1])], 1).expand(count, -1, -1, -1)
        return Conditions(
            self.gaussian.codes(codes),
            torch.zeros(count, 1, DRAWING, DRAWING, device=self.device),
            torch.zeros(count, 1, MAP_SIDE, MAP_SIDE, device=self.device),
            hint,
            torch.ones(count, 1, 1, 1, device=self.device),
        )

    def quick(self, noise: torch.Tensor, codes: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
        """The latents of the search: differentiable, in few steps."""
        synthesis = self.networks.synthesis
        velocity = partial(synthesis.velocity, condition=synthesis.condition(self.conditions(codes, colors)))
        return sample_euler(velocity, noise, STEPS)

    @torch.no_grad()
    def finish(self, start: Start, colors: torch.Tensor, steps: int, told: Callable[[int], None]) -> torch.Tensor:
        """The finished latents (N, L, 32, 32), with their detail; told(done) hears of all `looks(steps)`.

        A small picture hardly tells codes apart, so those that were searched are anybody's and contradict the colors.
        The portrait is more of a face than they are: codes are read off it, as off a drawing, for the next one."""

        def heard(before: int, done: int) -> None:
            told(before + done)

        latents = self._sample(start, colors, steps, told)
        for reading in range(1, READINGS + 1):
            start = replace(start, codes=self._read_off(latents))
            latents = self._sample(start, colors, steps, partial(heard, reading * steps))
        return latents

    @staticmethod
    def looks(steps: int) -> int:
        """How often the first flow looks until portraits are finished."""
        return (READINGS + 1) * steps

    def _read_off(self, latents: torch.Tensor) -> torch.Tensor:
        """Whitened codes (N, D) of portraits' lines, projected onto the manifold."""
        pictures = [to_pixels(half(self.networks.codec.decoder(latent)))[0] for latent in latents.split(1)]
        lines = torch.from_numpy(np.stack([bare_lines(picture) for picture in pictures]))[:, None]
        ink = 1 - lines.to(self.device).float() / 255  # (N, 1, 256, 256)
        projections = self.networks.bank.project(self.networks.components.encode(ink))
        return self.gaussian.whitened({part: projections[part].code for part in PARTS})

    def _sample(self, start: Start, colors: torch.Tensor, steps: int, told: Callable[[int], None]) -> torch.Tensor:
        """Latents (N, L, 32, 32) with their detail; `told` hears of each of the first flow's `steps`."""
        given = self.conditions(start.codes, colors)
        condition = self.networks.synthesis.condition(given)
        return sample_portraits(
            self.networks, given, condition, start.noise, start.grit, steps, lambda done, estimate: told(done + 1)
        )

    @cached_property
    @torch.no_grad()
    def thumbnails(self) -> ThumbnailDecoder:
        """Fitted to portraits of faces of the bank in random colors."""
        noise = self.start(FITTED, seed=0).noise
        generator = torch.Generator().manual_seed(0)
        rows = torch.randint(len(self.networks.bank.faces), (FITTED,), generator=generator).to(self.device)
        whitened = self.gaussian.whitened({part: self.networks.bank.codes[part][rows] for part in PARTS})
        blobs = torch.rand(FITTED, 3, 4, 4, generator=generator).to(self.device)
        colors = F.interpolate(blobs, size=LATENT_SIDE, mode="bicubic").clamp(0, 1)
        latents = torch.cat(
            [
                self.quick(*parts)
                for parts in zip(noise.split(CHUNK), whitened.split(CHUNK), colors.split(CHUNK), strict=True)
            ]
        )
        pictures = [resized(decode(self.networks.codec, part), THUMBNAIL) for part in latents.split(CHUNK)]
        return ThumbnailDecoder.fit(latents, torch.cat(pictures))
