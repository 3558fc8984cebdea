# SPDX-License-Identifier: Apache-2.0
"""The metrics of the report, each with a 95 % bootstrap interval over the pictures (or the people) it was taken on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

RESAMPLES = 400
EDGE_TOLERANCE = 3  # pixels of the 512 frame


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval and the count of samples behind it."""

    value: float
    low: float
    high: float
    count: int

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.count}

    @classmethod
    def from_dict(cls, stored: Mapping[str, float]) -> "Estimate":
        """What `as_dict` gave."""
        return cls(stored["value"], stored["low"], stored["high"], int(stored["n"]))

    def over(self, other: "Estimate") -> "Estimate":
        """The quotient of two positive numbers; its interval is as wide as those of both allow."""
        least = 1e-9
        low, high = self.low / max(other.high, least), self.high / max(other.low, least)
        return Estimate(self.value / max(other.value, least), low, high, min(self.count, other.count))


def bootstrap(count: int, statistic: Callable[[np.ndarray], float], resamples: int = RESAMPLES) -> Estimate:
    """`statistic` of the samples 0..count-1, and its interval over resamples (index arrays with repetition)."""
    rng = np.random.default_rng(0)
    drawn = [statistic(rng.integers(0, count, count)) for _ in range(resamples)]
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Estimate(float(statistic(np.arange(count))), float(low), float(high), count)


def mean_of(values: np.ndarray) -> Estimate:
    """The mean of one value for each picture, (N,)."""
    return bootstrap(len(values), lambda rows: float(values[rows].mean()))


def _cubic_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a @ b.T / a.shape[1] + 1) ** 3


def kernel_distance(fake: np.ndarray, real: np.ndarray, resamples: int = RESAMPLES) -> Estimate:
    """1000 times the unbiased squared maximum mean discrepancy of features (N, D) and (M, D), cubic kernel.

    The kernel is KID's (Binkowski et al. 2018), the features are not Inception's: never call it FID or KID. The
    interval resamples the fakes; a picture drawn twice is not compared with itself."""
    within, across = _cubic_kernel(fake, fake), _cubic_kernel(fake, real).mean(1)
    reals = _cubic_kernel(real, real)
    among_reals = (reals.sum() - np.trace(reals)) / (len(real) * (len(real) - 1))

    def statistic(rows: np.ndarray) -> float:
        pairs, others = within[np.ix_(rows, rows)], rows[:, None] != rows[None]
        if not others.any():  # one picture alone, drawn again and again
            return float("nan")
        return float(1000 * (pairs[others].mean() + among_reals - 2 * across[rows].mean()))

    return bootstrap(len(fake), statistic, resamples)


def rank_one(portraits: np.ndarray, gallery: np.ndarray) -> Estimate:
    """Share of portraits, descriptors (N, D), whose nearest in the gallery (N or more, D) is the one in their own row:
    the photo that they were drawn from. Behind the first N rows may be strangers."""
    return share_of(distances(portraits, gallery).argmin(1) == np.arange(len(portraits)))


def distances(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Euclidean distances (N, M) of features (N, D) and (M, D)."""
    ones, others = ones.astype(np.float64), others.astype(np.float64)
    squared = (ones**2).sum(1)[:, None] + (others**2).sum(1)[None] - 2 * ones @ others.T
    return np.sqrt(np.maximum(squared, 0))


def apart(features: np.ndarray) -> np.ndarray:
    """The mean distance of each of features (N, D), N at least 2, from the others, (N,)."""
    return distances(features, features).sum(1) / (len(features) - 1)


def edges_of(pictures: np.ndarray) -> np.ndarray:
    """Canny edges (N, H, W) bool of pictures (N, H, W, 3) or (N, H, W) uint8."""
    found = []
    for picture in pictures:
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
        found.append(cv2.Canny(cv2.GaussianBlur(gray, (0, 0), 1.5), 30, 80) > 0)
    return np.stack(found)


def edge_f1(wanted: np.ndarray, found: np.ndarray) -> float:
    """F1 of edges (H, W) bool, matched within the tolerance: do the portrait's edges lie where the strokes are?"""
    if not wanted.any() or not found.any():
        return float(wanted.any() == found.any())
    size = 2 * round(EDGE_TOLERANCE * wanted.shape[0] / 512) + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    near_wanted, near_found = (cv2.dilate(e.astype(np.uint8), disk) > 0 for e in (wanted, found))
    precision, recall = (found & near_wanted).sum() / found.sum(), (wanted & near_found).sum() / wanted.sum()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def psnrs(pictures: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """PSNR in dB over RGB of each of (N, H, W, 3) uint8, (N,)."""
    pairs = zip(photos, pictures, strict=True)
    return np.array([peak_signal_noise_ratio(a, b, data_range=255) for a, b in pairs])


def ssims(pictures: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """SSIM, 11x11 Gaussian window, over RGB of each of (N, H, W, 3) uint8, (N,)."""
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    pairs = zip(photos, pictures, strict=True)
    return np.array([structural_similarity(a, b, data_range=255, **settings) for a, b in pairs])


def pearsons(pictures: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """Pearson's r of all values of each of (N, ...) with those of its photo, (N,); 0 where one is even."""
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (pictures, photos))
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    scale = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return np.where(scale > 0, (a * b).sum(1) / np.where(scale > 0, scale, 1), 0.0)


def likeness(pictures: np.ndarray, photos: np.ndarray) -> dict[str, Estimate]:
    """How near pictures (N, H, W, 3) uint8 come to their photos, pixel by pixel: PSNR, SSIM and Pearson's r."""
    measures = {"psnr": psnrs, "ssim": ssims, "pearson": pearsons}
    return {name: mean_of(measure(pictures, photos)) for name, measure in measures.items()}


def share_of(true: np.ndarray) -> Estimate:
    """The share of true ones among (N,) bool, with Wilson's interval, which resampling has none of at 0 and 1."""
    count, share, z = len(true), float(np.mean(true)), 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return Estimate(share, max(0.0, float(middle - reach)), min(1.0, float(middle + reach)), count)
