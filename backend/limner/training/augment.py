# SPDX-License-Identifier: Apache-2.0
"""One photo in many looks: moved, turned and scaled a little, in other light; its landmarks and drawings move alike."""

from dataclasses import dataclass

import cv2
import numpy as np

MOVED, RELIT = 0.6, 0.7  # shares of the looks that are moved, and in another light; resampling softens a little
TURN, SHIFT, SCALE = 5.0, 0.05, 0.05  # at most: degrees, share of the side, share of the size
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Look:
    """A similarity about the middle of the picture and a change of light; `Look()` changes nothing.

    degrees: clockwise; scale: 1 = as it is; shift: right and down in shares of the side; brightness: added, of 0..1;
    contrast about middle gray, saturation and balance (red, green, blue): factors."""

    degrees: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    brightness: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def moves(self) -> bool:
        """Whether anything is at another place."""
        return (self.degrees, self.scale, self.shift) != (0.0, 1.0, (0.0, 0.0))

    def matrix(self) -> np.ndarray:
        """(2, 3): where a point in 0..1 of the side comes to lie."""
        angle = np.deg2rad(self.degrees)
        turn = self.scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
        return np.column_stack([turn, 0.5 - turn @ (0.5, 0.5) + self.shift])

    def apply_to_landmarks(self, landmarks: np.ndarray) -> np.ndarray:
        """(P, 2) in 0..1 -> the same points in the look, (P, 2) float32; some may lie outside."""
        matrix = self.matrix()
        return (landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)

    def apply_to_photo(self, photo: np.ndarray) -> np.ndarray:
        """(S, S, 3) uint8 RGB -> (S, S, 3) uint8; what comes in from outside is mirrored."""
        return self.relit(self._moved(photo, cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101))

    def apply_to_ink(self, ink: np.ndarray) -> np.ndarray:
        """(S, S) ink or edges, float32 or uint8 -> the same; outside is paper."""
        return self._moved(ink, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)

    def relit(self, photo: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB in the look's light; of any size, so for crops too."""
        gray = np.tile((1 - self.saturation) * LUMA, (3, 1))
        mixed = self.contrast * (gray + self.saturation * np.eye(3)) * np.array(self.balance)[None]
        offset = 127.5 * (1 - self.contrast) + 255 * self.brightness
        if offset == 0 and np.array_equal(mixed, np.eye(3)):
            return photo
        return cv2.transform(np.ascontiguousarray(photo), np.column_stack([mixed, [offset] * 3]))

    def _moved(self, picture: np.ndarray, interpolation: int, border: int) -> np.ndarray:
        if not self.moves:
            return picture
        matrix, side = self.matrix(), picture.shape[0]
        pixels = matrix.copy()
        pixels[:, 2] = side * matrix[:, 2] + matrix[:, :2] @ (0.5, 0.5) - 0.5  # pixel centers lie at whole numbers
        return cv2.warpAffine(
            np.ascontiguousarray(picture), pixels, (side, side), flags=interpolation, borderMode=border
        )


def random_look(rng: np.random.Generator) -> Look:
    """A mild one: within five degrees, 5 % of the side and of the size; light as from another lamp and camera."""
    moved, relit = rng.random() < MOVED, rng.random() < RELIT
    turn, scale, right, down = rng.uniform(-1, 1, 4) * (TURN, SCALE, SHIFT, SHIFT) * moved
    brightness, contrast, saturation = rng.uniform(-1, 1, 3) * (0.06, 0.12, 0.2) * relit
    red, green, blue = np.exp(rng.uniform(-1, 1, 3) * (0.05, 0.025, 0.05) * relit)
    return Look(
        float(turn),
        1 + float(scale),
        (float(right), float(down)),
        float(brightness),
        1 + float(contrast),
        1 + float(saturation),
        (float(red), float(green), float(blue)),
    )
