# SPDX-License-Identifier: Apache-2.0
"""The frame finder's looks: from points seen in squares to the face's frame in the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from limner.imaging.decode import read_picture
from limner.imaging.errors import FrameError
from limner.imaging.frame import FaceFrame, extract
from limner.imaging.reading import SketchReading
from limner.imaging.sketch import normalize_sketch
from limner.models.frame_finder import POINTS, FrameFinder, FrameFinderConfig, as_seen, point_error, similarity
from limner.models.registry import load_network
from limner.pipelines.framing import choose_frame, find_face
from limner.resources import examples_dir, weights_dir

BLANK = np.ones((300, 500), np.float32)


class BlobFinder(FrameFinder):
    """Stands for trained weights: the face is three blobs, and these are found where they are."""

    def forward(self, ink: torch.Tensor) -> torch.Tensor:
        marks = (ink[0, 0] > 0.4).numpy().astype(np.uint8)
        _, _, stats, centers = cv2.connectedComponentsWithStats(marks)
        largest = centers[np.argsort(stats[1:, cv2.CC_STAT_AREA])[-3:] + 1] + 0.5
        by_distance = sorted(range(3), key=lambda i: np.linalg.norm(largest[i] - largest[[i - 1, i - 2]], axis=1).sum())
        mouth = largest[by_distance[2]]  # it is further from the eyes than they are from each other
        first, second = (largest[i] for i in by_distance[:2])
        cross = np.cross(np.append(second - first, 0), np.append(mouth - first, 0))[2]
        eyes = (first, second) if cross > 0 else (second, first)
        return torch.from_numpy(np.stack([*eyes, mouth])[None] / ink.shape[-1]).float()


@pytest.fixture
def blobs() -> BlobFinder:
    return BlobFinder(FrameFinderConfig((4, 4, 4)))


def blob_face(frame: FaceFrame, height: int, width: int) -> np.ndarray:
    """Paper (height, width) float32 with the three points of a face in `frame`."""
    paper = np.ones((height, width), np.float32)
    for x, y in frame.from_canvas(POINTS * 512):
        cv2.circle(paper, (round(x), round(y)), round(0.08 * frame.size), 0.0, -1, cv2.LINE_AA)
    return paper


@pytest.mark.parametrize("angle", [0, 15, -40])
@pytest.mark.parametrize(("x", "y", "size"), [(40, 30, 300), (600, 200, 500), (700, 420, 180)])
def test_a_face_is_found_moved_scaled_and_tilted(
    blobs: BlobFinder, x: float, y: float, size: float, angle: float
) -> None:
    wanted = FaceFrame(x, y, size, angle)
    found = find_face(blob_face(wanted, 900, 1300), blobs)
    assert np.abs(found.from_canvas(POINTS * 512) - wanted.from_canvas(POINTS * 512)).max() < 0.03 * size
    assert found.angle == pytest.approx(angle, abs=2)


def test_a_head_tilted_by_next_to_nothing_is_upright(blobs: BlobFinder) -> None:
    assert find_face(blob_face(FaceFrame(100, 60, 300, 1.5), 600, 900), blobs).angle == 0


def test_a_face_that_fills_its_square_picture_keeps_it(blobs: BlobFinder) -> None:
    assert find_face(blob_face(FaceFrame(8, -5, 500), 500, 500), blobs) == FaceFrame(0, 0, 500)
    smaller = find_face(blob_face(FaceFrame(80, 90, 300), 500, 500), blobs)
    assert smaller.size == pytest.approx(300, rel=0.05)


def test_a_drawing_that_reaches_from_top_to_bottom_is_taken_whole_unless_its_face_is_small(blobs: BlobFinder) -> None:
    for size, wanted in ((430, 500), (260, 260)):
        paper = blob_face(FaceFrame(250 - size / 2, 60, size), 500, 500)
        paper[5:25, 250:260] = paper[475:495, 250:260] = 0  # hair and chin
        assert find_face(paper, blobs).size == pytest.approx(wanted, rel=0.05)


def test_a_blank_picture_keeps_it(blobs: BlobFinder) -> None:
    assert find_face(BLANK, blobs) == FaceFrame(0, -100, 500)


@pytest.mark.parametrize("frame", [FaceFrame(1500, 400, 1200, 10), FaceFrame(300, 900, 700)])
def test_a_face_on_a_large_picture_is_found_in_its_own_pixels(blobs: BlobFinder, frame: FaceFrame) -> None:
    picture = (blob_face(frame, 2101, 3333) * 255).astype(np.uint8)
    found = choose_frame("auto", SketchReading(picture), blobs)
    assert np.abs(found.from_canvas(POINTS * 512) - frame.from_canvas(POINTS * 512)).max() < 0.03 * frame.size
    assert found.angle == pytest.approx(frame.angle, abs=2)


def test_a_face_that_fills_a_large_picture_keeps_all_of_it(blobs: BlobFinder) -> None:
    picture = (blob_face(FaceFrame(8, -5, 2101), 2101, 2103) * 255).astype(np.uint8)
    reading = SketchReading(picture)
    assert choose_frame("auto", reading, blobs) == choose_frame("full", reading, blobs) == FaceFrame(0, -1, 2103)


def test_a_named_frame_is_not_searched(blobs: BlobFinder) -> None:
    assert choose_frame("full", BLANK, blobs) == FaceFrame(0, -100, 500)
    assert choose_frame([10, 20, 100], BLANK, blobs) == FaceFrame(10, 20, 100)
    with pytest.raises(FrameError):
        choose_frame("middle", BLANK, blobs)


def test_the_similarity_of_canonical_points_is_their_square() -> None:
    for frame in (FaceFrame(0, 0, 512), FaceFrame(-30, 80, 200, 33), FaceFrame(5, 5, 64, -120)):
        x, y, side, angle = similarity(frame.from_canvas(POINTS * 512))
        assert (x, y) == pytest.approx(frame.center)
        assert side == pytest.approx(frame.size)
        assert angle == pytest.approx(frame.angle)


def test_the_error_is_a_share_of_the_face() -> None:
    wanted = torch.tensor([[[0.3, 0.4], [0.5, 0.4], [0.4, 0.6]]])
    moved = wanted + torch.tensor([0.03, 0.04])
    assert point_error(moved, wanted, torch.tensor([0.5])).tolist() == pytest.approx([0.1], abs=1e-4)


def test_faint_lines_are_seen_as_firm_ones() -> None:
    drawing = blob_face(FaceFrame(0, 0, 96), 96, 96)
    faint = 1 - 0.3 * (1 - drawing)
    assert torch.allclose(as_seen(faint), as_seen(drawing), atol=1e-5)
    assert float(as_seen(np.ones((96, 96), np.float32)).max()) == 0


@pytest.mark.parametrize("name", ["elder-glasses", "man-beard", "man-short-hair", "woman-curls", "woman-long-hair"])
@pytest.mark.parametrize("square", [FaceFrame(-100, -100, 750, -8), FaceFrame(-500, -250, 1100, 12)])
def test_the_shipped_finder_finds_the_examples_on_larger_paper(name: str, square: FaceFrame) -> None:
    finder = load_network("frame_finder", weights_dir(), torch.device("cpu"))
    assert isinstance(finder, FrameFinder)
    example = normalize_sketch(read_picture(examples_dir() / f"{name}.png"))
    side = example.shape[0]
    relative = FaceFrame(*(value * side / 512 for value in (square.x, square.y, square.size)), square.angle)
    sheet = extract(example, relative, 700)
    wanted = relative.to_canvas(POINTS * side, 700)
    size = 700 * side / relative.size
    assert np.linalg.norm(find_face(sheet, finder).from_canvas(POINTS * 512) - wanted, axis=1).max() < 0.12 * size
