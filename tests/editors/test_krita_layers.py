# SPDX-License-Identifier: Apache-2.0
"""The plugin in the real Krita: layers that the artist has changed, and where results are put."""

from __future__ import annotations

from typing import Any

import pytest

from tests.editors.krita_session import Facts

pytestmark = [pytest.mark.editors, pytest.mark.slow, pytest.mark.timeout(1500)]

GROUP = ["Limner portrait", ["Shadow guide", "Portrait"]]


def looks_as_read(found: dict[str, Any], reach: tuple[int, int]) -> None:
    """What Krita shows of the layer is what was read of it; so far does it reach."""
    inked, differs, width, height = found
    assert inked > 100
    assert differs == 0
    assert abs(width - reach[0]) <= 2
    assert abs(height - reach[1]) <= 2


@pytest.mark.parametrize("model", ["RGBAU8", "RGBAU16", "CMYKAU8"])
def test_a_sketch_is_read_as_it_is_seen_however_it_was_changed(facts: Facts, model: str) -> None:
    found = facts.of("changed_layers")[model]
    looks_as_read(found["drawn"], (120, 97))
    looks_as_read(found["scaled"], (200, 150))
    for look in ("turned, moved", "in groups", "a group"):
        looks_as_read(found[look], (224, 181))


def test_a_sketch_under_a_transform_mask(facts: Facts) -> None:
    found = facts.of("transform_mask")
    looks_as_read(found["before"], (120, 97))
    looks_as_read(found["after"], (120, 97))  # of the layer itself
    assert abs(found["after"][0] / found["before"][0] - 0.5) < 0.1  # the lines are half as long
    assert found["portrait"]["problem"] is None


def test_blending_modes_in_16_bits_are_kept_without_an_undo_step_of_their_own(facts: Facts) -> None:
    found = facts.of("blending_kept")
    assert (found["again"]["problem"], found["again"]["steps"], found["back"]["steps"]) == (None, 2, 2)
    assert found["modes"] == ["multiply", "multiply"]
    assert found["depths"] == ["U16", "U16"]
    assert found["before"] == found["after"]


def test_a_group_under_the_strokes_and_the_shortcut(facts: Facts) -> None:
    found = facts.of("under_the_strokes")
    under = found["under"]
    assert (under["problem"], under["steps"]) == (None, 1)
    assert under["layers"] == under["redone"] == ["Background", GROUP, "Sketch"]
    assert under["undone"] == ["Background", "Sketch"]
    assert found["above"] == ["Background", "Sketch", GROUP]


def test_another_guide_takes_the_place_of_the_one_before(facts: Facts) -> None:
    assert facts.of("under_the_strokes")["guides"] == [["Background", "Shadow guide", "Sketch", GROUP]] * 2
