# SPDX-License-Identifier: Apache-2.0
"""What the neighbors draw in a window, and how the windows' shadows become one guide without a seam."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from limner.models.bank import CodeBank
from limner.models.components import PARTS, WINDOWS, ComponentConfig, ComponentEmbedding
from limner.models.manifold import Projection
from limner.pipelines.shadow import DRAWING_ALONG, HEAVIEST, merge_shadows, soft_mask, window_shadow

SIDES = {window.name: window.side for window in WINDOWS}


class Drawn:
    """What neighbors of some weights draw in the nose's window, and what each of them draws alone."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.embedding = ComponentEmbedding(ComponentConfig()).eval()
        codes = {window.name: 5 * torch.randn(6, window.code) for window in WINDOWS}
        self.bank = CodeBank(codes, torch.arange(6))

    def together(self, *weights: float) -> np.ndarray:
        rows = torch.arange(len(weights))[None]
        projection = Projection(torch.zeros(1, 96), torch.tensor([weights]), rows)
        return window_shadow(self.embedding, self.bank, "nose", projection)

    def alone(self, row: int) -> np.ndarray:
        with torch.inference_mode():
            logits = self.embedding.decoders["nose"](self.bank.codes["nose"][row : row + 1])
        return np.asarray(logits.sigmoid()[0, 0].numpy(), np.float32)


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return Drawn()


def test_neighbors_draw_by_their_weights(drawn: Drawn) -> None:
    wanted = 0.4 * drawn.alone(0) + 0.35 * drawn.alone(1) + 0.25 * drawn.alone(2)
    assert np.abs(drawn.together(0.4, 0.35, 0.25) - wanted).max() < 1e-5
    assert np.abs(drawn.alone(0) - drawn.alone(1)).max() > 0.01  # or nothing would be told


def test_only_the_heaviest_neighbors_draw(drawn: Drawn) -> None:
    assert DRAWING_ALONG == 4
    weights = (0.06, 0.3, 0.24, 0.2, 0.14, 0.06)
    wanted = sum(weights[row] / 0.88 * drawn.alone(row) for row in (1, 2, 3, 4))
    assert np.abs(drawn.together(*weights) - wanted).max() < 1e-5


def test_neighbors_of_negative_weight_draw_nothing_and_none_too_much(drawn: Drawn) -> None:
    found = drawn.together(1.1, 0.3, -0.4)
    wanted = (HEAVIEST * drawn.alone(0) + 0.3 * drawn.alone(1)) / (HEAVIEST + 0.3)
    assert np.abs(found - wanted).max() < 1e-5


def even(strength: float, **parts: float) -> dict[str, np.ndarray]:
    """Shadows of one strength each."""
    return {part: np.full((side, side), parts.get(part, strength), np.float32) for part, side in SIDES.items()}


def emptied(strength: float) -> np.ndarray:
    """A remainder's shadow as its network draws it, which has learned that the windows are empty: (128, 128)."""
    remainder = np.full((128, 128), strength, np.float32)
    for window in WINDOWS[:-1]:
        remainder[window.slices(128)] = 0
    return remainder


def steepest(layer: np.ndarray) -> int:
    """The largest difference of the alpha of two neighboring pixels."""
    alpha = layer[..., 3].astype(int)
    return max(int(np.abs(np.diff(alpha, axis=axis)).max()) for axis in (0, 1))


@pytest.mark.parametrize("inside", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("outside", [0.0, 0.5, 1.0])
def test_no_border_of_a_window_shows(inside: float, outside: float) -> None:
    shadows = {**even(inside), "remainder": emptied(outside)}
    assert steepest(merge_shadows(shadows)) < 0.08 * 255 * max(inside, outside, 0.1)


def test_what_a_window_draws_in_its_middle_is_seen_as_it_is() -> None:
    for window in WINDOWS[:-1]:
        alpha = merge_shadows(even(0.0, **{window.name: 0.6}))[..., 3]
        assert alpha.max() == pytest.approx(0.6 * 255, abs=2)


def test_a_bar_at_a_windows_border_fades() -> None:
    shadows = even(0.0)
    shadows["right_eye"][:, -7:] = 1.0  # the outermost ninth of the window: a neighbor's hair
    assert merge_shadows(shadows)[..., 3].max() < 0.35 * 255


def test_the_remainder_is_damped_under_the_windows() -> None:
    alpha = merge_shadows(even(0.0, remainder=1.0))[..., 3] / 255
    assert alpha[20:100, 20:100].min() > 0.98
    assert alpha[300:308, 252:260].max() <= 0.2 + 0.01  # the middle of the nose
    assert alpha[220:228, 180:188].max() <= 0.2 + 0.01  # of the left eye


def test_the_eyes_cover_what_the_nose_draws_of_them() -> None:
    shadows = even(0.0, nose=1.0)
    alpha = merge_shadows(shadows)[..., 3] / 255
    nose = WINDOWS[2]
    seen = alpha[nose.y + nose.size // 2 : nose.y + nose.size, nose.x : nose.x + nose.size].max()
    assert seen > 0.98
    assert alpha[230:250, 190:225].max() < 0.4


@pytest.mark.parametrize("part", PARTS[:-1])
def test_masks_fall_smoothly_to_the_border(part: str) -> None:
    mask = soft_mask(next(window for window in WINDOWS if window.name == part))
    assert mask.max() == 1
    assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) < 0.01
    assert np.abs(np.diff(mask, axis=0)).max() < 0.1
