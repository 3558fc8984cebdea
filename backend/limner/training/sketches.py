# SPDX-License-Identifier: Apache-2.0
"""Sketch synthesis: drawings of a photo in many hands, never the same twice.

All drawings are ink (S, S) float32 in [0, 1], 0 = paper, in the photo's frame.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from limner.imaging.styles import xdog
from limner.models.components import WINDOWS
from limner.training.contours import Stroke, draw_again, edge_drawing, long_strokes
from limner.training.fitted_glasses import FittedGlasses
from limner.training.glasses import draw_glasses, wears_glasses
from limner.training.novice import novice_drawing
from limner.training.strokes import landmark_drawing, oval_mask

SIDE = 256
FAINTEST, MOST_GAIN = 0.03, 8.0  # ink below this is none; faint lines are never made darker than eight times
HANDS = ("xdog", "canny", "pencil", "freehand", "novice")
SHARES = (0.28, 0.10, 0.22, 0.26, 0.14)
EDGES_SHARE = 0.2  # of the drawings of a photo whose edges are known
GLASSES_SHARE = 0.9  # of the drawings by the face mesh of somebody who wears some


@dataclass(frozen=True)
class Slips:
    """How far a drawing may stray from the photo: `jitter` in pixels of the 512 frame, `erased` a share of its ink."""

    jitter: float
    erased: float


def gray_of(photo: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (S, S) float32 in [0, 1], contrast stretched."""
    gray = cv2.cvtColor(np.ascontiguousarray(photo), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    low, high = np.percentile(gray[::4, ::4], (1, 99))
    return ((gray - low) / max(high - low, 0.15)).clip(0, 1)


def local_contrast(gray: np.ndarray) -> np.ndarray:
    """(S, S) in [0, 1] with the contrast around each pixel made alike, so that soft photos give firm lines too."""
    mean = cv2.blur(gray, (49, 49))
    deviation = np.sqrt(cv2.blur((gray - mean) ** 2, (49, 49)).clip(0))
    return 0.5 + 0.17 * (gray - mean) / (deviation + 0.05)


def without_specks(ink: np.ndarray, least: int) -> np.ndarray:
    """`ink` without connected strokes of fewer than `least` pixels."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink > 0.25).astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= least
    keep[0] = True
    return ink * keep[labels] if count > 1 else ink


def brought_out(ink: np.ndarray) -> np.ndarray:
    """`ink` with its darkest lines full, as drawings are when the networks are shown them (`imaging.line_image`)."""
    drawn = ink[ink > FAINTEST]
    if not drawn.size:
        return ink
    gain = min(max(1.0, 0.9 / float(np.percentile(drawn, 95))), MOST_GAIN)
    return (ink * np.float32(gain)).clip(0, 1)


def clean_lines(photo: np.ndarray) -> np.ndarray:
    """The one clean line drawing of a photo: what the component decoders learn to draw and the bank is made of."""
    gray = local_contrast(gray_of(photo))
    ink = 1 - xdog(cv2.GaussianBlur(gray, (0, 0), 0.7), sigma=0.9, tau=0.988, phi=80)
    return without_specks(ink, 28)


def _xdog_lines(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    gray = gray_of(photo) if rng.random() < 0.4 else local_contrast(gray_of(photo))
    gray = cv2.GaussianBlur(gray, (0, 0), rng.uniform(0.3, 1.2))
    ink = 1 - xdog(gray, sigma=rng.uniform(0.5, 1.5), tau=rng.uniform(0.97, 0.992), phi=rng.uniform(40, 140))
    return without_specks(brought_out(ink), int(rng.integers(4, 40)))


def _edge_lines(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    gray = (
        (cv2.GaussianBlur(local_contrast(gray_of(photo)), (0, 0), rng.uniform(0.8, 2.0)) * 255)
        .clip(0, 255)
        .astype(np.uint8)
    )
    high = rng.uniform(50, 130)
    edges = cv2.Canny(gray, high * rng.uniform(0.3, 0.6), high).astype(np.float32) / 255
    return cv2.GaussianBlur(without_specks(edges, int(rng.integers(8, 40))), (0, 0), 0.6) * 1.6


def _pencil(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    gray = gray_of(photo)
    blurred = cv2.GaussianBlur(1 - gray, (0, 0), rng.uniform(2.5, 12.0))
    paper = (gray / (1.004 - blurred)).clip(0, 1) ** rng.uniform(1.0, 2.5)
    ink = 1 - paper
    if rng.random() < 0.7:  # tone, as a soft pencil shades dark regions
        tone = cv2.GaussianBlur(1 - gray, (0, 0), rng.uniform(0.8, 4.0))
        ink = np.maximum(ink, tone ** rng.uniform(1.2, 3.0) * rng.uniform(0.3, 1.0))
    if rng.random() < 0.6:
        ink = np.maximum(ink, _xdog_lines(photo, rng) * rng.uniform(0.3, 0.9))
    if rng.random() < 0.6:  # grain of the paper
        grain = cv2.GaussianBlur(rng.normal(0, 1, ink.shape).astype(np.float32), (0, 0), rng.uniform(0.4, 1.0))
        ink = ink * (1 + rng.uniform(0.1, 0.6) * grain)
    ink = ink - np.float32(np.quantile(ink[::4, ::4], rng.uniform(0, 0.2)))  # paper is white after normalization
    return cv2.GaussianBlur(ink.clip(0, 1), (0, 0), rng.uniform(0.3, 0.9))


def strokes_around(
    photo: np.ndarray, landmarks: np.ndarray, edges: np.ndarray | None, rng: np.random.Generator
) -> list[Stroke]:
    """The long lines about a face (hair, collar, shoulders), the longest first; at times the long ones inside it too.

    photo: (256, 256, 3) uint8; edges: (256, 256) uint8, None where they are not known."""
    inside = oval_mask(landmarks, SIDE, rng.uniform(0.95, 1.08)) if rng.random() < 0.8 else 0.0
    gray = local_contrast(gray_of(photo)) if edges is None else np.zeros((SIDE, SIDE), np.float32)
    return long_strokes(gray, np.ones((SIDE, SIDE), np.float32) - inside, edges, rng.uniform(2.0, 3.5))


def _freehand(
    photo: np.ndarray, landmarks: np.ndarray, edges: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    ink, kind = landmark_drawing(landmarks, SIDE, rng), rng.random()
    if kind < 0.35:
        strokes = strokes_around(photo, landmarks, edges, rng)
        return np.maximum(ink, draw_again(strokes[: int(rng.integers(3, 40))], SIDE, rng))
    around = _xdog_lines(photo, rng) if kind < 0.75 else _edge_lines(photo, rng)
    if rng.random() < 0.6:  # else glasses, beard and wrinkles too: the face mesh knows nothing of them
        around = around * (1 - oval_mask(landmarks, SIDE, rng.uniform(0.85, 1.05)))
    return np.maximum(ink, without_specks(around, int(rng.integers(15, 60))))


def warp(ink: np.ndarray, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """`ink` bent by a smooth random field of up to about `jitter` pixels of the 512 frame."""
    if jitter <= 0:
        return ink
    nodes = int(rng.integers(3, 9))
    coarse = rng.normal(0, jitter * SIDE / 512 / 2, (nodes, nodes, 2)).astype(np.float32)
    field = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return cv2.remap(ink, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR)


def erase(ink: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """`ink` with about `share` of it rubbed out: blobs anywhere, and at times a whole component."""
    if share <= 0:
        return ink
    cover = cv2.resize(rng.random((12, 12)).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    kept = ink * (cover > np.quantile(cover[::4, ::4], share))
    if rng.random() < share:
        window = WINDOWS[int(rng.integers(0, 4))]
        kept[window.slices(SIDE)] = 0
    return kept


def _change_width(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kind = rng.random()
    if kind < 0.25:
        return cv2.dilate(ink, np.ones((2, 2), np.uint8))
    if kind < 0.5:
        return (cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.5, 1.2)) * rng.uniform(1.0, 1.8)).clip(0, 1)
    return ink


def _by_hand(
    photo: np.ndarray, landmarks: np.ndarray, jitter: float, edges: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    if edges is not None and rng.random() < EDGES_SHARE:
        return edge_drawing(edges, rng)
    hand = rng.choice(HANDS, p=SHARES)
    by_light = {"xdog": _xdog_lines, "canny": _edge_lines, "pencil": _pencil}
    if hand in by_light:
        return by_light[hand](photo, rng)
    if hand == "novice":
        ink = novice_drawing(landmarks, strokes_around(photo, landmarks, edges, rng), SIDE, jitter, rng)
    else:
        ink = _freehand(photo, landmarks, edges, rng)
    if edges is not None and wears_glasses(edges, landmarks) and rng.random() < GLASSES_SHARE:
        ink = np.maximum(ink, draw_glasses(edges, landmarks, rng))
    return ink


def draw(
    photo: np.ndarray,
    landmarks: np.ndarray,
    slips: Slips,
    rng: np.random.Generator,
    own: np.ndarray | None = None,
    edges: np.ndarray | None = None,
    glasses: FittedGlasses | None = None,
) -> np.ndarray:
    """A drawing of `photo` (256, 256, 3) uint8 in a random hand: ink (256, 256) float32 in [0, 1].

    own: a real drawing of it, ink (256, 256), taken as it is; edges: its edges (256, 256) uint8, where they are
    known; glasses: what was put on in the photo and is neither in the real drawing nor in the edges."""
    ink = own if own is not None else _change_width(_by_hand(photo, landmarks, slips.jitter, edges, rng), rng)
    if glasses is not None:
        ink = np.maximum(ink, glasses.drawn(SIDE, rng))
    ink = erase(warp(ink, slips.jitter, rng), slips.erased, rng)
    return (ink * rng.uniform(0.7, 1.1)).clip(0, 1).astype(np.float32)
