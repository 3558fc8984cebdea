# SPDX-License-Identifier: Apache-2.0
"""The running Krita: the document in front, settings, its end."""

from __future__ import annotations

from typing import Any, Callable

from krita import Krita

from .canvas import Canvas

_SETTINGS_GROUP = "limner"


class Editor:
    """The running Krita."""

    def active_canvas(self) -> Canvas | None:
        """The document in front, or None."""
        document = Krita.instance().activeDocument()
        return None if document is None else Canvas(document)

    def main_window(self) -> Any:
        """The QMainWindow in front, or None."""
        window = Krita.instance().activeWindow()
        return None if window is None else window.qwindow()

    def undo(self) -> None:
        """One step back in the document in front."""
        Krita.instance().action("edit_undo").trigger()

    def redo(self) -> None:
        """One step on again."""
        Krita.instance().action("edit_redo").trigger()

    def setting(self, name: str, default: str = "") -> str:
        """A setting of the plugin, kept in Krita's settings."""
        return str(Krita.instance().readSetting(_SETTINGS_GROUP, name, default))

    def save_setting(self, name: str, value: str) -> None:
        """Keep a setting of the plugin."""
        Krita.instance().writeSetting(_SETTINGS_GROUP, name, value)

    def when_closing(self, call: Callable[[], None]) -> None:
        """Call it when Krita is about to end."""
        notifier = Krita.instance().notifier()
        notifier.setActive(True)
        notifier.applicationClosing.connect(call)
