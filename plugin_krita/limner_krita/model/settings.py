# SPDX-License-Identifier: Apache-2.0
"""The plugin's settings, which Krita keeps."""

from __future__ import annotations

import contextlib

from ..editor import Editor
from .placing import PLACEMENTS, REFRESH, Wish

_ON, _OFF = "yes", "no"


class Settings:
    """Read and written at once; a damaged value counts as the default."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor

    @property
    def placement(self) -> str:
        """What a further portrait of the same sketch does: one of PLACEMENTS."""
        value = self._editor.setting("placement", REFRESH)
        return value if value in PLACEMENTS else REFRESH

    @placement.setter
    def placement(self, value: str) -> None:
        self._editor.save_setting("placement", value)

    @property
    def under_strokes(self) -> bool:
        """Whether a new group lies below its sketch, so that the strokes are seen on it."""
        return self.is_on("under_strokes", False)

    @under_strokes.setter
    def under_strokes(self, on: bool) -> None:
        self.set_on("under_strokes", on)

    @property
    def wish(self) -> Wish:
        """How results are placed."""
        return Wish(self.placement, self.under_strokes, self.guide_opacity)

    @property
    def guide_opacity(self) -> float:
        """Of new shadow guides, 0..1."""
        with contextlib.suppress(ValueError):
            return min(1.0, max(0.0, float(self._editor.setting("guide_opacity", "0.4"))))
        return 0.4

    @guide_opacity.setter
    def guide_opacity(self, opacity: float) -> None:
        self._editor.save_setting("guide_opacity", f"{opacity:.2f}")

    @property
    def show_frame(self) -> bool:
        """Whether the face frame is drawn on the canvas."""
        return self.is_on("show_frame")

    @show_frame.setter
    def show_frame(self, on: bool) -> None:
        self.set_on("show_frame", on)

    def is_on(self, name: str, default: bool = True) -> bool:
        """A setting that is on or off, such as whether a section of the docker is open."""
        return self._editor.setting(name, _ON if default else _OFF) == _ON

    def set_on(self, name: str, on: bool) -> None:
        """Keep it."""
        self._editor.save_setting(name, _ON if on else _OFF)
