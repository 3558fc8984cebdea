# SPDX-License-Identifier: Apache-2.0
"""A tiny or blurred face to several portraits that, down-scaled, are that face again: PULSE on Limner's prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from limner.imaging.color import on_white
from limner.imaging.errors import ImagingError
from limner.imaging.frame import FaceFrame
from limner.imaging.locate import frame_from_params
from limner.models.pulse import THUMBNAIL, back_projected, mean_square, resized
from limner.models.registry import Networks
from limner.pipelines.base import JobError, Outcome, Progress, Request, opaque
from limner.pipelines.defaults import STEPS
from limner.pipelines.prior import PortraitPrior, Start, decode
from limner.pipelines.search import MARGIN, Found, SearchConfig, search
from limner.pipelines.timing import Stopwatch

LEAST_SIDE = 8  # pixels; less shows no face
PREVIEW_SIDE, PREVIEW_EVERY = 256, 5  # pixels, steps


@dataclass(frozen=True)
class SmallPicture:
    """The face (1, 3, S, S) in [0, 1], S at most 64, and the square of the picture that it was cut from."""

    face: torch.Tensor
    frame: FaceFrame


def read_small_picture(picture: NDArray[Any], frame: Any, size: int, device: torch.device) -> SmallPicture:
    """Cuts the square `frame` ("auto": the largest centered one; "full"; [x, y, size]) out of a picture (H, W, C).

    Its side is kept up to 64 pixels, or reduced to `size` where that is not 0. Transparent pixels are white. Raises
    JobError for a frame that does not fit, and for pictures of fewer than 8x8 pixels or of one even color."""
    rgb = on_white(picture)  # (H, W, 3)
    square = _square(rgb, frame)
    left, top, side = round(square.x), round(square.y), round(square.size)
    if side < LEAST_SIDE:
        text = f"The picture is too small: {side}x{side} pixels show no face."
        raise JobError("bad_picture", text, f"Use one of at least {LEAST_SIDE}x{LEAST_SIDE} pixels.")
    rows = np.clip(np.arange(top, top + side), 0, rgb.shape[0] - 1)  # beyond the edge the picture goes on as it ends
    columns = np.clip(np.arange(left, left + side), 0, rgb.shape[1] - 1)
    cut = rgb[rows][:, columns]
    if np.ptp(cut) < 1 / 255:
        raise JobError("bad_picture", "The picture is of one even color.", "Choose the layer that shows the face.")
    while side > 8 * THUMBNAIL:  # averaged first, so that the largest photos cost no more than others
        cut = np.asarray(cv2.resize(cut, (side // 2, side // 2), interpolation=cv2.INTER_AREA), np.float32)
        side //= 2
    face = torch.from_numpy(np.ascontiguousarray(np.moveaxis(cut, 2, 0)))[None].to(device)
    target = min(size or side, side, THUMBNAIL)
    face = face if target == side else resized(face, target).clamp(0, 1)
    return SmallPicture(face, FaceFrame(float(left), float(top), float(round(square.size))))


def _square(rgb: NDArray[np.float32], frame: Any) -> FaceFrame:
    height, width = rgb.shape[:2]
    side = float(min(height, width))
    if frame == "auto":
        return FaceFrame((width - side) // 2, (height - side) // 2, side)
    try:
        return frame_from_params(frame, rgb[..., 0])
    except ImagingError as error:
        raise JobError(error.code, error.message, error.remedy) from error


class UpsamplePipeline:
    """Searches for all candidates of a job at once."""

    def __init__(self, networks: Networks) -> None:
        self.networks = networks
        self.prior = PortraitPrior(networks)

    def run(self, request: Request, progress: Progress) -> Outcome:
        """images: "photo" -> "candidate-1" ... (512, 512, 4) each, the one that matches best first."""
        params, watch = request.params, Stopwatch()
        config = SearchConfig(params["steps"], params["eps"])
        progress("reading", 0.0)
        with watch("reading"):
            small = read_small_picture(request.images["photo"], params["frame"], params["size"], self.networks.device)
        with watch("preparing"):
            start = self.prior.start(params["candidates"], params["seed"])
            self.prior.prepare()
        with watch("search"):
            found = self._search(small.face, start, config, progress)

        def sampled(look: int) -> None:
            progress("synthesis", 0.8 + 0.15 * look / self.prior.looks(STEPS))

        with watch("synthesis"):
            latents = self.prior.finish(Start(found.noise, found.codes, start.grit), small.face, STEPS, sampled)
        with watch("decoding"), torch.no_grad():
            progress("decoding", 0.95)
            decoded = decode(self.networks.codec, latents)
            pictures = back_projected(decoded, small.face, MARGIN * config.eps)
            residuals = mean_square(resized(pictures, small.face.shape[-1]) - small.face)
            corrections = mean_square(pictures - decoded).sqrt()
            order = residuals.argsort().tolist()
            images = _layers(pictures[order])
        info = {
            "candidates": _report(order, residuals, found.residuals, corrections),
            "reached": bool((residuals <= config.eps).all()),
            "searched_steps": found.steps,
            "matched_side": small.face.shape[-1],
            "seed": params["seed"],
            "frame": small.frame.as_dict(),
            "timings_ms": watch.milliseconds(),
        }
        return Outcome(images, info)

    def _search(self, wanted: torch.Tensor, start: Start, config: SearchConfig, progress: Progress) -> Found:
        def generate(noise: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
            return self.prior.quick(noise, codes, wanted)

        def told(step: int, thumbnails: torch.Tensor, residuals: torch.Tensor) -> None:
            shown = _preview(thumbnails[int(residuals.argmin())]) if step % PREVIEW_EVERY == 1 else None
            progress("search", 0.05 + 0.75 * step / config.steps, shown)

        return search(generate, self.prior.thumbnails, wanted, (start.noise, start.codes), config, told)


def _report(
    order: Sequence[int], residuals: torch.Tensor, searched: torch.Tensor, corrections: torch.Tensor
) -> list[dict[str, Any]]:
    """What is told of each candidate, in `order`: the portrait's residual, the search's, and the correction."""
    return [
        {
            "name": f"candidate-{place}",
            "residual": float(residuals[i]),
            "searched": float(searched[i]),
            "corrected": float(corrections[i]),
            "started": i,
        }
        for place, i in enumerate(order, 1)
    ]


def _preview(thumbnail: torch.Tensor) -> NDArray[np.uint8]:
    """(3, 64, 64) around [0, 1] -> (256, 256, 4) uint8."""
    rgb = thumbnail.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
    return opaque(cv2.resize(rgb, (PREVIEW_SIDE, PREVIEW_SIDE), interpolation=cv2.INTER_CUBIC))


def _layers(pictures: torch.Tensor) -> Mapping[str, NDArray[np.uint8]]:
    """(N, 3, 512, 512) in [0, 1] -> "candidate-1" ... (512, 512, 4) uint8."""
    rgb = pictures.mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return {f"candidate-{place}": opaque(picture) for place, picture in enumerate(rgb, 1)}
