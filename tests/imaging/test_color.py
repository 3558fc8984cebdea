# SPDX-License-Identifier: Apache-2.0
"""sRGB there and back, and the field of color hints."""

from __future__ import annotations

import numpy as np
import pytest

from limner.imaging.color import hints_field, linear_to_srgb, srgb_to_linear, to_unit_rgba
from limner.imaging.frame import FaceFrame


def test_srgb_and_linear_light_are_inverse() -> None:
    values = np.linspace(0, 1, 1001, dtype=np.float32)
    assert np.abs(linear_to_srgb(srgb_to_linear(values)) - values).max() < 1e-5
    assert srgb_to_linear(np.array([0.5])) == pytest.approx(0.2140, abs=1e-4)  # IEC 61966-2-1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_kind_of_picture_becomes_rgba(channels: int) -> None:
    values = np.arange(6 * channels, dtype=np.uint8).reshape(2, 3, channels) * 9
    rgba = to_unit_rgba(values)
    assert rgba.shape == (2, 3, 4)
    assert np.allclose(rgba, to_unit_rgba(values.astype(np.uint16) * 257), atol=1e-6)
    assert np.allclose(rgba, to_unit_rgba(values.astype(np.float32) / 255), atol=1e-6)
    assert np.allclose(rgba[..., 3], values[..., -1] / 255 if channels in (2, 4) else 1)


def test_nothing_painted_is_an_empty_field() -> None:
    field = hints_field(np.zeros((100, 100, 4), np.uint8), FaceFrame(0, 0, 100))
    assert field.shape == (4, 32, 32)
    assert field.dtype == np.float32
    assert not field.any()


def test_invisible_color_does_not_count() -> None:
    layer = np.zeros((128, 128, 4), np.float32)
    layer[..., 0] = 1  # red, but alpha 0
    layer[:64, :, :] = (0, 0, 1, 0.25)
    field = hints_field(layer, FaceFrame(0, 0, 128))
    assert np.allclose(field[:, 5, 5], (-1, -1, 1, 0.25), atol=1e-3)
    assert not field[:, 25].any()


def test_the_field_lies_in_the_frame() -> None:
    layer = np.zeros((600, 800, 4), np.uint8)
    layer[200:240, 400:440] = (255, 255, 255, 255)
    field = hints_field(layer, FaceFrame(300, 100, 320))  # 10 pixels a cell
    painted = np.argwhere(field[3] > 0.5)
    assert painted.min(axis=0).tolist() == [10, 10]
    assert painted.max(axis=0).tolist() == [13, 13]
    assert np.allclose(field[:3, 11, 11], 1)


def test_a_picture_with_five_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="channels"):
        to_unit_rgba(np.zeros((4, 4, 5), np.uint8))
