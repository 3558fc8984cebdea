# SPDX-License-Identifier: Apache-2.0
"""A part of the docker that can be folded away."""

from __future__ import annotations

from ..model.settings import Settings
from ..qt import QSizePolicy, Qt, QToolButton, QVBoxLayout, QWidget


class Section(QWidget):
    """A heading that folds what is below it; Krita keeps whether it is open."""

    def __init__(self, title: str, name: str, content: QWidget, settings: Settings, is_open: bool = True) -> None:
        """name: of the setting. is_open: before the artist has folded it once."""
        super().__init__()
        self._content, self._settings, self._name = content, settings, f"{name}_open"
        self._heading = QToolButton()
        self._heading.setObjectName(f"limner_section_{name}")
        self._heading.setText(title)
        self._heading.setAutoRaise(True)
        self._heading.setCheckable(True)
        self._heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._heading.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._heading.toggled.connect(self._fold)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._heading)
        layout.addWidget(content)
        shown = settings.is_on(self._name, is_open)
        self._heading.setChecked(shown)
        self._show(shown)

    def _fold(self, shown: bool) -> None:
        self._show(shown)
        self._settings.set_on(self._name, shown)

    def _show(self, shown: bool) -> None:
        self._content.setVisible(shown)
        self._heading.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
