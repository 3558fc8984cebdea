# SPDX-License-Identifier: Apache-2.0
"""Eyes, nose and mouth drawn anew: where, how firmly, and never over lines that are trusted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from limner.models.components import DRAWING, WINDOWS
from limner.models.feature_mapping import MAP_SIDE
from limner.pipelines.portrait import trust_in_lines
from limner.pipelines.redrawing import as_lines, redraw, redrawn_places, with_redrawing
from limner.pipelines.shadow import FloatImage

EYE = WINDOWS[0]


def shadows(seed: int = 0) -> Mapping[str, FloatImage]:
    """Even gray with a bold line across each window."""
    made = {}
    for number, window in enumerate(WINDOWS):
        shadow = np.full((window.side, window.side), 0.2, np.float32)
        row = window.side // 2 + (seed + number) % 3
        shadow[row - 1 : row + 2] = 0.8
        made[window.name] = shadow
    return made


def drawing() -> torch.Tensor:
    return (torch.rand(1, 1, DRAWING, DRAWING, generator=torch.Generator().manual_seed(1)) > 0.9).float()


def trust(value: float) -> torch.Tensor:
    return torch.full((1, 1, MAP_SIDE, MAP_SIDE), value)


def test_trusted_lines_stay_as_they_are() -> None:
    ink, trusted = with_redrawing(drawing(), trust(1.0), shadows())
    assert torch.equal(ink, drawing())
    assert torch.equal(trusted, trust(1.0))


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_outside_of_the_windows_nothing_changes(value: float) -> None:
    ink, trusted = with_redrawing(drawing(), trust(value), shadows())
    outside = torch.from_numpy(redrawn_places() == 0)
    assert 0.5 < outside.float().mean() < 0.95
    assert torch.equal(ink[0, 0][outside], drawing()[0, 0][outside])
    cells = torch.nn.functional.avg_pool2d(outside[None, None].float(), DRAWING // MAP_SIDE) == 1
    torch.testing.assert_close(trusted[cells], trust(value)[cells])


def test_where_no_line_is_trusted_others_are_drawn() -> None:
    ink, trusted = with_redrawing(drawing(), trust(0.0), shadows())
    whole = torch.from_numpy(redrawn_places() == 1)
    assert torch.equal(ink[0, 0][whole], torch.from_numpy(redraw(shadows()))[whole])
    assert ink[0, 0][whole].max() == 1
    middle = (EYE.slices(DRAWING)[0].start + EYE.side // 2) // 4, (EYE.slices(DRAWING)[1].start + EYE.side // 2) // 4
    assert trusted[0, 0][middle] == 1
    assert trusted[0, 0, 0, 0] == 0


def test_half_trusted_both_are_seen() -> None:
    blank = torch.zeros(1, 1, DRAWING, DRAWING)
    where = torch.from_numpy((redrawn_places() == 1) & (redraw(shadows()) == 1))
    redrawn, _ = with_redrawing(blank, trust(0.5), shadows())
    own, _ = with_redrawing(blank + 1, trust(0.5), shadows())
    torch.testing.assert_close(redrawn[0, 0][where], torch.full_like(redrawn[0, 0][where], 2 / 3))
    torch.testing.assert_close(own[0, 0][where], torch.full_like(own[0, 0][where], 2 / 3))


def test_what_is_told_follows_refine_without_leaps() -> None:
    told = []
    for value in trust_in_lines(torch.linspace(0, 1, 101)).tolist():
        ink, trusted = with_redrawing(drawing(), trust(value), shadows())
        told.append(ink * torch.nn.functional.interpolate(trusted, size=DRAWING))
    everything = torch.cat(told)  # (101, 1, 256, 256)
    assert float((everything[1:] - everything[:-1]).abs().max()) < 0.05


def test_only_what_stands_out_is_a_line() -> None:
    assert as_lines(np.full((64, 64), 0.7, np.float32)).max() == 0
    assert as_lines(np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1)))[:, 16:48].max() == 0  # a soft gradient
    lines = as_lines(shadows()[EYE.name])
    assert lines[EYE.side // 2].min() == 1
    assert lines[: EYE.side // 2 - 8].max() == 0


def test_a_redrawing_follows_the_shadow() -> None:
    assert not np.array_equal(redraw(shadows(0)), redraw(shadows(1)))
