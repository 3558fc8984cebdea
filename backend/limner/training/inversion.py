# SPDX-License-Identifier: Apache-2.0
"""Training of the sketch inversion: photos, sketches of them in three styles, and the paper's loss.

The loss is the paper's (section 3.2): squared error of pixels in 0..255, `FEATURE_WEIGHT` times that of VGG16's second
block, `VARIATION_WEIGHT` times the total variation. The features come from `FEATURES_FROM` of the run on, of one style
a step in turn: they cost more than the networks. Lines tell least of a photo and are learned slowest: every step has
them, and gray or color sketches in turn. Sketches are made of the photos at 256 pixels and reduced with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from limner.imaging.frame import full_frame
from limner.imaging.planes import FloatImage
from limner.imaging.sketch import brightened, pen_image
from limner.imaging.styles import bare_lines, line_sketch, sketch_photo
from limner.models.blocks import in_channels_last
from limner.models.codec import half
from limner.models.inversion import SIDE as OWN_SIDE
from limner.models.inversion import STYLES, Inversion, InversionConfig
from limner.training.codec import in_rows, to_tensor
from limner.training.drawn import Ahead, DrawnFaces
from limner.training.perceptual import VggFeatures, find_hed_weights
from limner.training.processes import ALONE, Processes

BATCH = 6  # photos, each with a sketch in both styles of the step
FEATURE_WEIGHT = 1e-3
VARIATION_WEIGHT = 1e-5 * (96 / OWN_SIDE) ** 2  # the paper's, for as many pixels as it has
FEATURES_FROM = 0.85  # share of the run trained without the features
FEATURE_MAP = 1  # of VggFeatures: relu2_2
SIDE = 2 * OWN_SIDE  # pixels of the photos that sketches are made of
REAL = 0.5  # share of the photos with a real drawing that are shown with it
BARE = 0.4  # share of the line sketches without hatching
SHOWN = 8  # photos on a sample sheet


@dataclass(frozen=True)
class SketchBatch:
    """photos (N, 3, 128, 128) in [-1, 1], and their sketches by style, (N, 1 or 3, 128, 128) in [-1, 1], 1 = paper.

    Not every batch has every style."""

    photos: torch.Tensor
    sketches: Mapping[str, torch.Tensor]


def random_view(rng: np.random.Generator) -> np.ndarray:
    """A small random similarity of a 256x256 picture, half of them mirrored: (2, 3), for `cv2.warpAffine`."""
    turn, scale = rng.normal(0, 3.0), float(np.exp(rng.normal(0, 0.05)))
    matrix = np.asarray(cv2.getRotationMatrix2D((SIDE / 2 - 0.5, SIDE / 2 - 0.5), turn, scale), np.float64)
    matrix[:, 2] += rng.normal(0, 0.015 * SIDE, 2)
    if rng.random() < 0.5:
        matrix[0] = -matrix[0] + (0, 0, SIDE - 1)
    return matrix


def moved(picture: np.ndarray, view: np.ndarray) -> np.ndarray:
    """`picture` (256, 256[, 3]) under `view`; outside it is mirrored."""
    return cv2.warpAffine(np.ascontiguousarray(picture), view, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101)


def styles_of(step: int) -> tuple[str, ...]:
    """The styles that a step trains."""
    return ("line", "color" if step % 2 else "gray")


def make_sketches(photo: np.ndarray, styles: Sequence[str] = STYLES) -> dict[str, np.ndarray]:
    """`limner sketch` in these styles: (256, 256, 3) uint8 -> (256, 256) or, in color, (256, 256, 3) uint8."""
    return {style: sketch_photo(photo, style) for style in styles}


def sketches_of_drawing(ink: np.ndarray) -> dict[str, np.ndarray]:
    """A real pencil drawing, ink (256, 256) uint8, as a gray sketch and, by its lines, as a line sketch."""
    paper = 255 - ink
    return {"gray": _in_bytes(brightened(_unit(paper))), "line": _in_bytes(line_sketch(_unit(paper)))}


def pen_sketch(sketch: np.ndarray) -> np.ndarray:
    """A line sketch (256, 256) uint8 as `limner invert` shows it to the network."""
    drawn = pen_image(_unit(sketch), full_frame(*sketch.shape))
    return _in_bytes(cv2.resize(drawn, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def as_seen(sketches: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sketches by style, uint8, as `limner invert` shows them to the networks."""
    ways = {"line": pen_sketch, "gray": lambda sketch: _in_bytes(brightened(_unit(sketch)))}
    return {style: ways[style](sketch) if style in ways else sketch for style, sketch in sketches.items()}


def spoiled(sketch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sketch, uint8, a little softer, fainter, darker or grainier; a third of them as they are."""
    if rng.random() < 1 / 3:
        return sketch
    ink = 1 - _unit(sketch)
    if rng.random() < 0.5:
        ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.3, 1.0)), np.float32)
    grain = rng.uniform(0, 0.03) * rng.standard_normal(sketch.shape[:2], np.float32)
    drawn = ink ** rng.uniform(0.8, 1.3) * rng.uniform(0.7, 1.15) + (grain if sketch.ndim == 2 else grain[..., None])
    return _in_bytes(1 - drawn.clip(0, 1))


def _unit(sketch: np.ndarray) -> FloatImage:
    """uint8 -> float32 in [0, 1]."""
    return np.asarray(sketch, np.float32) / np.float32(255)


def _in_bytes(sketch: np.ndarray) -> np.ndarray:
    """float in [0, 1] -> uint8."""
    return (sketch * 255).astype(np.uint8)


class InversionTask:
    """The networks of all styles at once, on the same photos."""

    batch = BATCH

    def __init__(self, faces: DrawnFaces, config: InversionConfig, processes: Processes = ALONE) -> None:
        self.model: nn.Module = in_channels_last(Inversion(config))
        self.faces, self.processes = faces, processes
        self.features = VggFeatures(find_hed_weights()).to(processes.device)
        self.weights = faces.weights(sharp=3, paired=2)
        self.batches = Ahead(self._batch)
        photos = [np.asarray(faces.photos[row]) for row in faces.held_out(48)]
        sketches = [as_seen(make_sketches(photo)) for photo in photos]
        self.held_out = self._stacked(photos, sketches)

    def _batch(self, step: int) -> SketchBatch:
        rng = np.random.default_rng((11, step, self.processes.rank))
        rows = rng.choice(self.faces.train, self.processes.part_of(BATCH), p=self.weights)
        photos, sketches = [], []
        for row in rows:
            view = random_view(rng)
            photos.append(moved(self.faces.photos[row], view))
            made = self._sketches(photos[-1], self.faces.drawings.get(self.faces.faces[row].file), view, step, rng)
            sketches.append({style: spoiled(sketch, rng) for style, sketch in made.items()})
        return self._stacked(photos, sketches)

    @staticmethod
    def _sketches(
        photo: np.ndarray, drawing: np.ndarray | None, view: np.ndarray, step: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        styles = styles_of(step)
        if drawing is not None and rng.random() < REAL:
            real = sketches_of_drawing(moved(drawing, view))
            sketches = {style: real[style] for style in styles if style in real}
            sketches |= make_sketches(photo, [style for style in styles if style not in real])
        else:
            sketches = make_sketches(photo, styles)
            if rng.random() < BARE:
                sketches["line"] = bare_lines(photo)
        return as_seen(sketches) if rng.random() < 0.5 else sketches

    def _stacked(self, photos: Sequence[np.ndarray], sketches: Sequence[Mapping[str, np.ndarray]]) -> SketchBatch:
        by_style = {s: np.stack([made[s].reshape(SIDE, SIDE, -1) for made in sketches]) for s in sketches[0]}
        device = self.processes.device
        reduced = {style: half(to_tensor(made)).to(device) for style, made in by_style.items()}
        return SketchBatch(half(to_tensor(np.stack(photos))).to(device), reduced)

    def losses(self, model: nn.Module, step: int, progress: float) -> Mapping[str, torch.Tensor]:
        batch = self.batches.take(step)
        outputs = {style: model(sketches, style) for style, sketches in batch.sketches.items()}
        losses = {style: F.mse_loss(output, batch.photos) for style, output in outputs.items()}
        variation = torch.stack([total_variation(output) for output in outputs.values()]).sum()
        losses["total"] = torch.stack(list(losses.values())).sum() + VARIATION_WEIGHT * variation
        if progress >= FEATURES_FROM:
            shown = list(outputs)[step // 2 % len(outputs)]
            losses["features"] = len(outputs) * self._feature_loss(outputs[shown], batch.photos)
            losses["total"] = losses["total"] + FEATURE_WEIGHT * losses["features"]
        return losses

    def _feature_loss(self, output: torch.Tensor, photos: torch.Tensor) -> torch.Tensor:
        """Squared error of the features, in the units of pixels in [-1, 1]."""
        with torch.no_grad():
            wanted = self.features(photos)[FEATURE_MAP]
        return F.mse_loss(self.features(output)[FEATURE_MAP], wanted) / 127.5**2

    @torch.no_grad()
    def validate(self, model: nn.Module) -> tuple[Mapping[str, float], np.ndarray]:
        numbers, photos = {}, self.held_out.photos
        shown = slice(None, None, max(1, len(photos) // SHOWN))
        lines = [photos[shown][:SHOWN]]
        for style in STYLES:
            sketches = self.held_out.sketches[style]
            outputs = torch.cat([model(part, style) for part in sketches.split(8)])
            numbers[f"psnr_{style}"] = float(psnr(outputs, photos).mean())
            lines += [sketches[shown][:SHOWN].expand(-1, 3, -1, -1), outputs[shown][:SHOWN]]
        return numbers, in_rows(lines)


def total_variation(rgb: torch.Tensor) -> torch.Tensor:
    """Mean over pictures (N, 3, H, W) of the summed squared differences of neighbors; a scalar."""
    down, right = rgb.diff(dim=2).square().sum((1, 2, 3)), rgb.diff(dim=3).square().sum((1, 2, 3))
    return (down + right).mean()


def psnr(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio of pictures (N, 3, H, W) in [-1, 1], (N,) in dB."""
    return -10 * ((one - other).square().mean((1, 2, 3)) / 4).clamp(min=1e-10).log10()
