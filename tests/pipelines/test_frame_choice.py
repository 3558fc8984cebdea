# SPDX-License-Identifier: Apache-2.0
"""Which face frame a job works in."""

from __future__ import annotations

import numpy as np
import pytest

from limner.pipelines.base import JobError
from limner.pipelines.engine import Engine
from tests.pipelines.conftest import face_drawing, run


@pytest.mark.parametrize("square", [[0, 0, 2], [900, 0, 100], [0, 400, 50], [-60, 0, 50], [0, 0, 1e6]])
def test_a_square_that_cannot_hold_the_face_is_refused(engine: Engine, square: list[float]) -> None:
    canvas = np.full((400, 800, 1), 255, np.uint8)
    canvas[:, 200:600] = face_drawing()[56:456, 56:456]
    with pytest.raises(JobError) as error:
        run(engine, canvas, frame=square)
    assert error.value.code == "bad_parameter"
    assert "800x400" in error.value.message


def test_what_the_drawing_lacks_is_told_before_what_its_frame_does(engine: Engine) -> None:
    """The two are looked at side by side; what is told does not depend on which is found first."""
    blank = np.full((400, 800, 1), 255, np.uint8)
    for square in ([0, 0, 2], [0, 0, 400]):
        with pytest.raises(JobError) as error:
            run(engine, blank, frame=square)
        assert error.value.code == "blank_sketch"


def test_a_frame_around_the_face_gives_the_same_portrait_wherever_it_is_drawn(engine: Engine) -> None:
    alone = run(engine, face_drawing(), refine=1)
    canvas = np.full((900, 1200, 1), 255, np.uint8)
    canvas[250:762, 500:1012] = face_drawing()
    inside = run(engine, canvas, refine=1, frame=[500, 250, 512])
    assert inside.info["frame"] == {"x": 500.0, "y": 250.0, "size": 512.0, "angle": 0.0}
    difference = np.abs(inside.images["portrait"].astype(int) - alone.images["portrait"].astype(int))
    assert difference.mean() < 2
