# SPDX-License-Identifier: Apache-2.0
"""The plug-in in the window of the real GIMP 3, used by keyboard and mouse: menu, dialogs, cancel, undo, Live."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.editors.gimp_engine import BEGUN, JOBS_LOG, KILL_BACKEND, SLOW, SLOW_FILE, portrait_of
from tests.editors.gimp_real import Backends, open_gimp
from tests.editors.gimp_window import Box, Window, open_window, wait_for
from tests.editors.test_gimp_real import sketch

pytestmark = [pytest.mark.editors, pytest.mark.timeout(2400)]

ALONE, TOGETHER = ["face.png"], ["Limner portrait", "face.png"]
IMAGE_WINDOW, DIALOG, LIVE = "– GIMP$", "^Sketch to Portrait$", "^Live Portrait$"
ENTRIES = ["Invert Sketch", "Live Portrait", "Shadow Guide", "Sketch to Portrait", "Upsample Face"]  # as GIMP sorts
REST_S = 3  # several times as long as a drawing has to rest before Live looks at it closely
RESUME_S = 8  # for Live to make its layers; when that takes longer, it is asked again
PART = (100, 56, 430, 456)  # of the sketch, in its pixels: seen whole, and large enough to be found once only
_STATE: dict[str, Any] = {}


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """GIMP with a sketch open. No backend runs: the dialog starts one."""
    shots = tmp_path_factory.mktemp("shots")
    with open_gimp() as gimp, Backends(gimp.home) as backends:
        Image.fromarray(sketch()[..., :3]).save(gimp.work / "face.png")
        with open_window(gimp, "face.png", shots) as found:
            _STATE.update(home=gimp.home, backends=backends)
            yield found


def choose(window: Window, key: str, title: str = "") -> None:
    """Filters > Limner, the last submenu, by keyboard; `key` is the entry's own. Waits for the window it opens."""
    window.await_window(IMAGE_WINDOW)
    window.press("alt+r", "Up", "Right", key)
    if title:
        window.await_window(title)


def set_seed(window: Window, seed: int) -> None:
    window.press("alt+d", "ctrl+a", *str(seed), "Tab", pause=0.3)


def undo(window: Window) -> None:
    window.await_window(IMAGE_WINDOW)
    window.press("ctrl+z")


def await_slow_job() -> None:
    """Wait until the backend is at it."""
    wait_for((_STATE["home"] / JOBS_LOG).is_file, "the slow job")


def end_of_slow_job(go_on: Callable[[], None] = lambda: None) -> str:
    """How the slow job ended; waits for it, and calls `go_on` before each look."""
    log = _STATE["home"] / JOBS_LOG

    def look() -> str:
        go_on()
        told = str(log.read_text("utf-8"))
        return told if told != BEGUN else ""

    ended = wait_for(look, "the end of the slow job")
    log.unlink()
    return ended


def kept_values(window: Window) -> dict[str, Any]:
    """The arguments that the top layer was made with."""
    arguments: dict[str, Any] = json.loads(window.ask()["layers"][0]["parasite"])["arguments"]
    return arguments


def canvas_place(window: Window) -> tuple[int, int]:
    """Where the screen shows the sketch's left top corner; GIMP shows it in its own size."""
    left, top, right, bottom = PART
    x, y = window.find_picture(sketch()[top:bottom, left:right, :3])
    return x - left, y - top


def saturation(screenshot: Path, box: Box) -> float:
    """How colorful a part of the screen is: the mean difference of the channels, in [0, 255]."""
    left, top, right, bottom = box
    pixels = np.asarray(Image.open(screenshot).convert("RGB"), np.int16)[top:bottom, left:right]
    return float(np.ptp(pixels, axis=2).mean())


def await_preview(window: Window) -> None:
    """Wait for the colorful picture at the right of the dialog."""

    def shown(shot: Path) -> bool:
        _left, top, right, _bottom = window.place(DIALOG)
        return saturation(shot, (right - 270, top + 40, right - 30, top + 270)) > 40

    window.await_picture(shown, "the preview in the dialog")


def test_a_backend_that_does_not_start_is_told_and_tried_again(window: Window) -> None:
    refuse, backends = _STATE["home"] / "refuse", _STATE["backends"]
    refuse.touch()
    choose(window, "p", DIALOG)
    wait_for(lambda: not refuse.exists(), "a backend that refuses to start")
    wait_for(lambda: window.press("alt+b") or backends.started, "another try")
    await_preview(window)
    window.shoot("tried-again")
    window.press("Escape")
    window.await_no_window(DIALOG)


def test_the_menu_entry_is_found_and_clicked(window: Window) -> None:
    """The dialog shows a preview, and leaving it changes nothing."""
    window.await_window(IMAGE_WINDOW)
    window.press("alt+r")
    left, _top, right, bottom = wait_for(window.menus, "the menu Filters")[0]
    window.click(left + (right - left) // 3, bottom - 12)  # Limner, the last submenu
    left, top, right, bottom = wait_for(lambda: window.menus()[1:], "the menu Limner")[0]
    height = (bottom - top) / len(ENTRIES)
    window.shoot("menu")
    window.click((left + right) // 2, round(top + (ENTRIES.index("Sketch to Portrait") + 0.5) * height))
    window.await_window(DIALOG)
    await_preview(window)
    assert window.top_layers() == ALONE
    window.press("Escape")
    window.await_no_window(DIALOG)
    assert window.top_layers() == ALONE


def test_cancel_in_the_dialog_and_a_backend_that_is_killed(window: Window) -> None:
    """The dialog stays open with cause and remedy, and the next try works."""
    backends = _STATE["backends"]
    choose(window, "p", DIALOG)
    set_seed(window, SLOW)
    window.press("Return", pause=2)
    await_slow_job()
    window.shoot("slow")
    window.press("Escape")
    assert end_of_slow_job() == "Cancelled"
    assert window.find(DIALOG)
    set_seed(window, KILL_BACKEND)
    wait_for(lambda: len(backends.started) == 2, "a new backend")
    window.shoot("killed")
    assert window.find(DIALOG)
    assert window.top_layers() == ALONE
    set_seed(window, 3)
    window.press("Return")
    window.await_layers(TOGETHER, selected=ALONE)
    assert kept_values(window)["seed"] == 3
    undo(window)
    window.await_layers(ALONE)


def test_cancel_in_gimps_own_progress_bar(window: Window) -> None:
    """GIMP ends the plug-in's process, and the backend drops the job."""
    slow = _STATE["home"] / SLOW_FILE
    slow.touch()
    window.await_window(IMAGE_WINDOW)
    before = window.shoot("no-progress")
    left, _top, right, bottom = window.place(IMAGE_WINDOW)

    def click_cancel() -> None:
        if found := window.find_change(before, (left, bottom - 60, right, bottom), width=120):
            window.click(found[2] - 25, (found[1] + found[3]) // 2)  # the button ends the row

    choose(window, "g")
    await_slow_job()
    window.shoot("progress")
    assert end_of_slow_job(click_cancel) == "Cancelled"
    slow.unlink()
    assert window.top_layers() == ALONE


def test_menu_dialog_undo_and_repeat(window: Window) -> None:
    window.await_window(IMAGE_WINDOW)
    x, y = canvas_place(window)
    shown = (x + 100, y + 50, x + 400, y + 450)
    choose(window, "p", DIALOG)
    set_seed(window, 0)
    window.press("alt+n")  # the nose gets a value of its own: what Refine says now
    window.shoot("dialog")
    window.press("Return")
    window.await_layers(TOGETHER, selected=ALONE)
    window.await_window(IMAGE_WINDOW)
    window.await_picture(lambda shot: saturation(shot, shown) > 40, "the portrait on the canvas")
    first = kept_values(window)
    assert (first["nose"], first["mouth"]) == (pytest.approx(0.3), -1.0)
    window.press("ctrl+z")
    window.await_layers(ALONE)  # one step for the group and both layers
    window.await_picture(lambda shot: saturation(shot, shown) < 5, "the gray sketch on the canvas")
    window.press("ctrl+f")
    window.await_layers(TOGETHER, selected=ALONE)
    children = [layer["name"] for layer in window.ask()["layers"][0]["children"]]
    assert children == ["Portrait", "Shadow guide"]
    assert kept_values(window) == first
    undo(window)
    window.await_layers(ALONE)


@pytest.mark.parametrize(
    ("key", "title", "group", "children"),
    [
        ("i", "^Invert Sketch$", "Limner inverted", ["Portrait"]),
        ("u", "^Upsample Face$", "Limner upsampled", [f"Candidate {number}" for number in (1, 2, 3, 4)]),
    ],
)
def test_invert_and_upsample(window: Window, key: str, title: str, group: str, children: list[str]) -> None:
    choose(window, key, title)
    window.shoot(group)
    window.press("Return")
    window.await_layers([group, "face.png"], selected=ALONE)
    assert [layer["name"] for layer in window.ask()["layers"][0]["children"]] == children
    undo(window)
    window.await_layers(ALONE)


def is_drawn(drawing: NDArray[np.uint8]) -> bool:
    """There is a stroke on the sketch."""
    return not np.array_equal(drawing, sketch())


def shows_portrait(window: Window, layers: list[dict[str, Any]], seed: int) -> bool:
    """The topmost group has the portrait of the lowest layer as it is."""
    parts = layers[0]["children"]
    return bool(parts) and np.array_equal(window.pixels(parts[0]), portrait_of(window.pixels(layers[-1]), seed))


def await_portrait(window: Window, seed: int, drawn: bool) -> list[dict[str, Any]]:
    """Wait until the sketch has a stroke, or none, and the group has its portrait; returns the layers."""

    def look(layers: list[dict[str, Any]]) -> bool:
        return is_drawn(window.pixels(layers[-1])) == drawn and shows_portrait(window, layers, seed)

    return window.await_tree(look, f"the live portrait with seed {seed}")


def draw(window: Window, x: int, y: int) -> None:
    """A stroke, in the middle of which the hand rests; (x, y) is the sketch's corner on the screen."""
    window.await_window(IMAGE_WINDOW)
    with window.stroke(*[(x + 100 + 40 * n, y + 90 + 20 * n) for n in range(5)]):
        window.await_tree(lambda layers: is_drawn(window.pixels(layers[-1])), "the stroke on the sketch")
        time.sleep(REST_S)
        portrait = window.ask()["layers"][0]["children"][0]
        assert np.array_equal(window.pixels(portrait), portrait_of(sketch(), 0)), "of a stroke that has not ended"


def resume(window: Window) -> None:
    """New layers for the live portrait, whose old ones were undone. Live pauses when it sees that; a press that comes
    before makes it pause, and the next one takes that back."""

    def look() -> bool:
        window.press("alt+p", pause=RESUME_S)
        return window.top_layers() == TOGETHER

    window.await_window(LIVE)
    wait_for(look, "new layers")


def test_live_follows_strokes_and_their_undo_in_place(window: Window) -> None:
    """A stroke changes the layers, undoing it changes them back; inserting them is the only step of their own."""
    window.await_window(IMAGE_WINDOW)
    x, y = canvas_place(window)
    choose(window, "l", LIVE)
    window.move_window(LIVE, 640, 100)
    first = await_portrait(window, 0, drawn=False)
    assert [layer["name"] for layer in first] == TOGETHER
    assert first[0]["opacity"] == 50.0
    draw(window, x, y)
    drawn = await_portrait(window, 0, drawn=True)
    window.shoot("live")
    assert [layer["name"] for layer in drawn] == TOGETHER
    wait_for(lambda: not window.ask("saved")["unsaved"], "an image that counts as saved")
    window.await_window(LIVE)
    set_seed(window, 5)
    await_portrait(window, 5, drawn=True)
    wait_for(lambda: kept_values(window)["seed"] == 5, "the record of the other values")
    wait_for(lambda: window.ask()["unsaved"], "the image's mark of a change")
    set_seed(window, 0)
    await_portrait(window, 0, drawn=True)
    undo(window)
    await_portrait(window, 0, drawn=False)
    undo(window)
    window.await_layers(ALONE)
    resume(window)
    window.press("alt+k")
    window.await_no_window(LIVE)
    kept = window.await_tree(lambda layers: layers[0]["opacity"] == 100.0, "the kept portrait")
    assert json.loads(kept[0]["parasite"])["procedure"] == "plug-in-limner-live"
    undo(window)
    window.await_layers(ALONE)
