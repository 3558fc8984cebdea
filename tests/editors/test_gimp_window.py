# SPDX-License-Identifier: Apache-2.0
"""The plug-in in the window of the real GIMP 3, used by keyboard: menu, dialog, undo, repeat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.editors.gimp_real import Backends, open_gimp
from tests.editors.gimp_window import Window, open_window
from tests.editors.test_gimp_real import sketch

pytestmark = [pytest.mark.editors, pytest.mark.timeout(2400)]

ALONE, TOGETHER = ["face.png"], ["Limner portrait", "face.png"]
IMAGE_WINDOW, DIALOG = "– GIMP$", "^Sketch to Portrait$"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """GIMP with a sketch open. No backend runs: the dialog starts one."""
    shots = tmp_path_factory.mktemp("shots")
    with open_gimp() as gimp, Backends(gimp.home):
        Image.fromarray(sketch()[..., :3]).save(gimp.work / "face.png")
        with open_window(gimp, "face.png", shots) as found:
            yield found


def open_dialog(window: Window) -> None:
    """Filters > Limner > Sketch to Portrait..., by keyboard: the last submenu, its second entry."""
    window.await_window(IMAGE_WINDOW)
    window.press("alt+r", "Up", "Right", "Down", "Return")
    window.await_window(DIALOG)


def kept_values(window: Window) -> dict[str, Any]:
    """The arguments that the top layer was made with."""
    arguments: dict[str, Any] = json.loads(window.ask()["images"][0][0]["parasite"])["arguments"]
    return arguments


def saturation(screenshot: Path) -> float:
    """How colorful the canvas is: the mean difference of the channels, in [0, 255]."""
    pixels = np.asarray(Image.open(screenshot).convert("RGB"), np.int16)[150:600, 250:640]
    return float(np.ptp(pixels, axis=2).mean())


def test_a_cancelled_dialog_changes_nothing(window: Window) -> None:
    open_dialog(window)
    window.press("Escape")
    window.await_no_window(DIALOG)
    assert window.top_layers() == ALONE


def test_menu_dialog_undo_and_repeat(window: Window) -> None:
    open_dialog(window)
    window.press("alt+n")  # the nose gets a value of its own: what Refine says now
    window.shoot("dialog")
    window.press("Return")
    window.await_layers(TOGETHER, selected=ALONE)
    window.await_window(IMAGE_WINDOW)
    window.await_picture(lambda shot: saturation(shot) > 40, "the portrait on the canvas")
    first = kept_values(window)
    assert (first["nose"], first["mouth"]) == (pytest.approx(0.3), -1.0)
    window.press("ctrl+z")
    window.await_layers(ALONE)  # one step for the group and both layers
    window.await_picture(lambda shot: saturation(shot) < 5, "the gray sketch on the canvas")
    window.press("ctrl+f")
    window.await_layers(TOGETHER, selected=ALONE)
    children = [layer["name"] for layer in window.ask()["images"][0][0]["children"]]
    assert children == ["Portrait", "Shadow guide"]
    assert kept_values(window) == first
