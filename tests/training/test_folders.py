# SPDX-License-Identifier: Apache-2.0
"""Plain folders of photos: aligned into the frame, split by name, the useless ones counted; the detector is a fake."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from limner.training import face_mesh
from limner.training.drawn import DrawnFaces
from limner.training.face_mesh import box_anchors, largest_of, load_face_mesh, moved, square_around, to_square, view_of
from limner.training.faces import DataError, read_index
from limner.training.folders import EYES, MOUTH, align, frame_of, indexed
from limner.training.pretrained import FetchError
from limner.training.sketches import Slips
from tests.support.faces import SIDE, face_landmarks, face_photo

PLACES = {EYES[0]: (0.369, 0.473), EYES[1]: (0.629, 0.473), MOUTH: (0.5, 0.754)}  # of the published sets


def framed_landmarks() -> np.ndarray:
    """Landmarks of a face that is in the frame already, (468, 2) in 0..1."""
    points = face_landmarks().astype(np.float64)
    for group, place in PLACES.items():
        for at in group:
            points[at] = place
    points[list(MOUTH), 0] += (-0.06, 0.06)
    return points


def turned(size: tuple[int, int], scale: float, degrees: float) -> np.ndarray:
    """From the frame's pixels (256) to a picture of `size` with the face in its middle, (2, 3)."""
    matrix = np.asarray(cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, scale), np.float64)
    matrix[:, 2] += (size[0] / 2 - SIDE / 2, size[1] / 2 - SIDE / 2)
    return matrix


@dataclass
class KnownFaces:
    """A detector that knows where the faces are: by the picture's size, none in others."""

    places: dict[tuple[int, int], np.ndarray]
    asked: int = 0

    def __call__(self, photo: np.ndarray) -> np.ndarray | None:
        self.asked += 1
        matrix = self.places.get((photo.shape[1], photo.shape[0]))
        return None if matrix is None else moved(matrix, framed_landmarks() * SIDE)


def folder_of_photos(folder: Path, count: int) -> KnownFaces:
    """`count` faces, turned and scaled, one picture without a face, one too small and one that is no picture."""
    (folder / "more").mkdir()
    places = {}
    for i in range(count):
        size = (600 + i, 500)
        places[size] = turned(size, 1.0 + 0.1 * (i % 12), 8.0 * (i % 5) - 16)
        photo = cv2.warpAffine(face_photo(2 * i), places[size], size)
        cv2.imwrite(str(folder / ("more" if i % 2 else ".") / f"{i}.png"), photo[:, :, ::-1])
    places[(90, 90)] = turned((90, 90), 0.3, 0)
    cv2.imwrite(str(folder / "small.png"), np.full((90, 90, 3), 90, np.uint8))
    cv2.imwrite(str(folder / "wall.png"), np.full((100, 100, 3), 200, np.uint8))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    return KnownFaces(places)


def test_the_frame_is_that_of_the_published_sets() -> None:
    to_frame, side = frame_of(framed_landmarks() * 512)
    assert side == pytest.approx(512, rel=0.02)
    assert np.abs(moved(to_frame, framed_landmarks() * 512) - framed_landmarks()).max() < 0.01


@pytest.mark.parametrize(("scale", "pixels"), [(0.6, 256), (1.5, 256), (2.2, 512)])
def test_a_turned_face_is_put_upright(scale: float, pixels: int) -> None:
    matrix = turned((700, 700), scale, 25)
    photo = view_of(face_photo(), matrix, 700, cv2.BORDER_REPLICATE)
    face = align(photo, moved(matrix, framed_landmarks() * SIDE))
    assert face is not None
    assert face.photo.shape == (pixels, pixels, 3)
    assert face.source == pytest.approx(256 * scale, rel=0.02)
    assert np.abs(face.landmarks - framed_landmarks()).max() < 0.01
    wanted = cv2.resize(face_photo(), (pixels, pixels)).astype(int)
    middle = slice(pixels // 8, -pixels // 8)
    assert np.abs(face.photo.astype(int) - wanted)[middle, middle].mean() < 6


def test_a_folder_becomes_an_index_and_what_is_useless_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, cache = tmp_path / "photos", tmp_path / "cache"
    data.mkdir()
    detect = folder_of_photos(data, 30)
    found = indexed(data, cache, lambda: detect)
    assert "30 faces aligned; left out: 1 unreadable, 1 without a face, 1 too small" in capsys.readouterr().out
    faces = read_index(found)
    assert len(faces) == 30
    assert {f.set for f in faces} == {"photos_256", "photos_512"}
    assert all(f.is_sharp and not f.is_sketch for f in faces)
    assert 1 <= sum(f.split == "val" for f in faces) <= 8
    assert max(np.abs(f.landmarks - framed_landmarks()).max() for f in faces) < 0.01
    asked = detect.asked
    assert indexed(data, cache, lambda: detect) == found
    assert detect.asked == asked
    assert [p.name for p in cache.iterdir()] == [found.name]


def test_a_name_decides_alone_who_is_held_out(tmp_path: Path) -> None:
    splits = []
    for name, count in (("all", 24), ("some", 12)):
        data = tmp_path / name
        data.mkdir()
        detect = folder_of_photos(data, count)
        folder = indexed(data, tmp_path / "cache", lambda detect=detect: detect)  # type: ignore[misc]
        rows = (folder / "index.csv").read_text().splitlines()[1:]
        splits.append({row.split(",")[-1]: row.split(",")[2] for row in rows})
    assert all(splits[0][name] == split for name, split in splits[1].items())
    assert set(splits[0].values()) == {"train", "val"}


def test_a_changed_folder_is_aligned_anew(tmp_path: Path) -> None:
    data = tmp_path / "photos"
    data.mkdir()
    detect = folder_of_photos(data, 3)
    first = indexed(data, tmp_path / "cache", lambda: detect)
    (data / "0.png").unlink()
    second = indexed(data, tmp_path / "cache", lambda: detect)
    assert first != second
    assert len(read_index(second)) == 2
    assert sum(f.split == "val" for f in read_index(second)) == 1


def test_photos_of_a_folder_are_drawn_without_real_drawings(tmp_path: Path) -> None:
    data = tmp_path / "photos"
    data.mkdir()
    detect = folder_of_photos(data, 3)
    faces = DrawnFaces(indexed(data, tmp_path / "cache", lambda: detect), tmp_path / "cache")
    assert faces.drawings == {}
    batch = faces.batch(np.arange(3), [Slips(0, 0)] * 3, seed=(1,))
    assert batch.drawing.shape == (3, 1, 256, 256)


def test_a_folder_with_an_index_is_taken_as_it_is(face_data: Path, tmp_path: Path) -> None:
    assert indexed(face_data, tmp_path, lambda: pytest.fail("looked for a detector")) == face_data


@pytest.mark.parametrize("picture", [False, True])
def test_a_folder_without_faces_says_so(tmp_path: Path, picture: bool) -> None:
    data = tmp_path / "photos"
    data.mkdir()
    if picture:
        cv2.imwrite(str(data / "wall.png"), np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(DataError, match="1 without a face" if picture else "neither"):
        indexed(data, tmp_path / "cache", lambda: KnownFaces({}))
    assert not list((tmp_path / "cache").glob("*")) or not picture


def test_without_its_package_the_detector_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object) -> Path:
        raise FetchError("the package could not be downloaded: check the network")

    monkeypatch.setattr(face_mesh, "fetch", offline)
    with pytest.raises(FetchError, match="check the network"):
        load_face_mesh()


def test_boxes_of_one_face_are_merged_and_the_largest_face_wins() -> None:
    faces = np.zeros((3, 8, 2))
    faces[0, :2] = (0.30, 0.30), (0.40, 0.40)
    faces[1, :2] = (0.32, 0.30), (0.40, 0.40)
    faces[2, :2] = (0.80, 0.80), (0.10, 0.10)
    merged = largest_of(faces, np.array([0.9, 0.9, 0.99]))
    assert merged[0] == pytest.approx((0.31, 0.30))
    assert merged[1] == pytest.approx((0.40, 0.40))
    assert box_anchors().shape == (896, 2)
    assert box_anchors()[[0, -1]] == pytest.approx(np.array([(1 / 32, 1 / 32), (15 / 16, 15 / 16)]))


def test_the_square_about_a_mesh_is_upright() -> None:
    matrix = turned((800, 800), 1.3, 30)
    points = moved(matrix, framed_landmarks() * SIDE)
    seen = moved(square_around(points), points)
    left, right = seen[33], seen[263]
    assert left[1] == pytest.approx(right[1], abs=1e-6)
    assert left[0] < right[0]
    assert seen.min() > 0
    assert seen.max() < 192
    assert moved(to_square(np.array([50.0, 60.0]), 40.0, 0.7, 192), np.array([[50.0, 60.0]])) == pytest.approx(96.0)
