# SPDX-License-Identifier: Apache-2.0
"""A real GIMP with its window on a screen that nobody sees, used by keyboard as a person does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from tests.editors.gimp_real import HERE, Gimp

SCREEN = "1280x900x24"
_PATIENCE_S = 300.0  # for anything to be seen, beside other work on slow cores
_POLL_S = 0.25
_PROFILE = '(config-version "{version}")\n(show-welcome-dialog no)\n(check-updates no)\n'

MENU = "^GNU Image Manipulation Program$"  # what GTK calls each menu's window

Box = tuple[int, int, int, int]  # left, top, right, bottom
Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], what: str) -> Found:
    """Look until there is something; fail after a long time."""
    deadline = time.monotonic() + _PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(_POLL_S)
    return found


@contextmanager
def process(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended afterwards."""
    with log.open("wb") as output:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def open_screen(folder: Path) -> Iterator[str]:
    """Xvfb with a window manager; gives the display's name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]
    with process(command, folder / "xvfb.log", pass_fds=[writing]):
        os.close(writing)
        with os.fdopen(reading) as told:
            display = f":{told.readline().strip()}"
        assert display != ":", (folder / "xvfb.log").read_text("utf-8", "replace")
        with process(["openbox"], folder / "openbox.log", env={**os.environ, "DISPLAY": display}):
            yield display


class Window:
    """What a person can do to GIMP, and see of it."""

    def __init__(self, gimp: Gimp, display: str, shots: Path) -> None:
        self._gimp, self._shots, self._asked = gimp, shots, 0
        self._environ = {**os.environ, "DISPLAY": display}

    def _xdotool(self, *arguments: str) -> str:
        ran = subprocess.run(["xdotool", *arguments], env=self._environ, capture_output=True, text=True, check=False)
        return ran.stdout.strip()

    def shoot(self, name: str) -> Path:
        """A screenshot."""
        path = self._shots / f"{name}.png"
        subprocess.run(["import", "-window", "root", str(path)], env=self._environ, check=True)
        return path

    def find(self, title: str) -> str:
        """The id of the newest visible window with that title (a regular expression); "" without one."""
        return self._xdotool("search", "--onlyvisible", "--name", title).split("\n")[-1]

    def place(self, title: str) -> Box:
        """Where that window's inside is on the screen; waits for it, as GIMP hides windows for a moment."""
        return wait_for(lambda: self._place(self.find(title)), f"the place of the window {title}")

    def _place(self, window: str) -> Box | None:
        """None where the window is gone."""
        told = self._xdotool("getwindowgeometry", "--shell", window)
        found = dict(line.split("=", 1) for line in told.split("\n") if "=" in line)
        if not {"X", "Y", "WIDTH", "HEIGHT"} <= found.keys():
            return None
        left, top = int(found["X"]), int(found["Y"])
        return left, top, left + int(found["WIDTH"]), top + int(found["HEIGHT"])

    def menus(self) -> list[Box]:
        """Where the open menus are, the leftmost first."""
        places = (self._place(found) for found in self._xdotool("search", "--onlyvisible", "--name", MENU).split())
        return sorted(place for place in places if place)

    def find_picture(self, picture: NDArray[np.uint8]) -> tuple[int, int]:
        """Left and top of where the screen shows these pixels, (H, W, 3); waits until it does."""

        def look() -> tuple[int, int] | None:
            screen = np.asarray(Image.open(self.shoot("canvas")).convert("RGB"))
            found = cv2.matchTemplate(screen, picture, cv2.TM_SQDIFF_NORMED)
            _least, _most, where, _ = cv2.minMaxLoc(found)
            return (where[0], where[1]) if _least < 0.01 else None

        return wait_for(look, "a picture on the screen")

    def find_change(self, before: Path, box: Box, width: int) -> Box | None:
        """Where a box of the screen differs from a screenshot; None while that is not so wide."""
        shots = [Image.open(shot).convert("RGB").crop(box) for shot in (before, self.shoot("canvas"))]
        found = ImageChops.difference(*shots).getbbox()
        if found is None or found[2] - found[0] < width:
            return None
        return found[0] + box[0], found[1] + box[1], found[2] + box[0], found[3] + box[1]

    def await_window(self, title: str) -> str:
        """Wait for such a window and bring it to the front."""
        found = wait_for(lambda: self.find(title), f"the window {title}")
        self._xdotool("windowactivate", "--sync", found)
        return found

    def await_no_window(self, title: str) -> None:
        """Wait until no such window is open."""
        wait_for(lambda: not self.find(title), f"the end of the window {title}")

    def press(self, *keys: str, pause: float = 0.7) -> None:
        """Press keys, one after the other, leaving the program time to draw."""
        for key in keys:
            self._xdotool("key", key)
            time.sleep(pause)

    def point(self, x: int, y: int, pause: float = 1.5) -> None:
        """Bring the pointer to that point of the screen, leaving the program time to draw."""
        self._xdotool("mousemove", str(x), str(y))
        time.sleep(pause)

    def click(self, x: int, y: int) -> None:
        """Press and let go the left button there."""
        self.point(x, y)
        self._xdotool("click", "1")

    @contextmanager
    def stroke(self, *points: tuple[int, int]) -> Iterator[None]:
        """Draw through these points of the screen; the left button is held until the end of what is done inside."""
        moves = [word for x, y in points[1:] for word in ("mousemove", str(x), str(y), "sleep", "0.05")]
        self._xdotool("mousemove", *map(str, points[0]), "mousedown", "1", *moves)
        try:
            yield
        finally:
            self._xdotool("mouseup", "1")

    def move_window(self, title: str, x: int, y: int) -> None:
        """Put a window's corner at that point of the screen."""
        self._xdotool("windowmove", self.find(title), str(x), str(y))

    def ask(self, order: str = "") -> dict[str, Any]:
        """The layers of the open image, as the watcher inside sees them, which carries out an order first."""
        self._asked += 1
        (self._gimp.work / "ask.tmp").write_text(f"{self._asked} {order}", encoding="utf-8")
        (self._gimp.work / "ask.tmp").rename(self._gimp.work / "ask")
        path = self._gimp.work / f"answer-{self._asked}.json"
        wait_for(path.is_file, "the watcher's answer")
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return found

    def pixels(self, layer: Mapping[str, Any]) -> NDArray[np.uint8]:
        """(H, W, 4): what a layer held when it was last looked at."""
        return self._gimp.pixels(layer)

    def top_layers(self) -> list[str]:
        """The names of the image's layers on the top level, top first."""
        return [layer["name"] for layer in self.ask()["layers"]]

    def await_layers(self, names: list[str], selected: list[str] | None = None) -> None:
        """Wait until the image has exactly these layers on the top level, and these are selected."""

        def look() -> bool:
            found = self.ask()
            tops = [layer["name"] for layer in found["layers"]]
            return tops == names and selected in (None, found["selected"])

        wait_for(look, f"the layers {names}")

    def await_tree(self, look: Callable[[list[dict[str, Any]]], Any], what: str) -> list[dict[str, Any]]:
        """Wait until the layers of the open image, top first, are as `look` wants them; returns them."""

        def found() -> list[dict[str, Any]]:
            layers: list[dict[str, Any]] = self.ask()["layers"]
            return layers if look(layers) else []

        return wait_for(found, what)

    def await_picture(self, look: Callable[[Path], bool], what: str) -> None:
        """Wait until the screen shows something."""
        wait_for(lambda: look(self.shoot("canvas")), what)


@contextmanager
def open_window(gimp: Gimp, picture: str, shots: Path) -> Iterator[Window]:
    """GIMP with a picture of its work folder open."""
    shutil.copy(HERE / "gimp_watcher.py", gimp.work)
    query = [*gimp.command("dpkg-query", "-W", "-f", "${Version}", "gimp")]
    version = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("-")[0]
    (gimp.work / "gimp" / "gimprc").write_text(_PROFILE.format(version=version), encoding="utf-8")
    with ExitStack() as stack:
        display = stack.enter_context(open_screen(shots))
        gimp.extra["DISPLAY"] = display
        script = f"exec(open('{gimp.inside}/gimp_watcher.py').read())"
        options = ["-s", "-n", "--batch-interpreter=python-fu-eval", "-b", script, f"{gimp.inside}/{picture}"]
        stack.enter_context(process(gimp.command("gimp", *options), shots / "gimp.log"))
        window = Window(gimp, display, shots)
        try:
            window.await_window("– GIMP$")
            wait_for(window.top_layers, "the open picture")
            yield window
        except BaseException:
            window.shoot("trouble")
            raise
