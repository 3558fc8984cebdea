# SPDX-License-Identifier: Apache-2.0
"""The last results as thumbnails: a click goes back to one."""

from __future__ import annotations

from ..model.history import Entry
from ..model.session import Session
from ..qt import QIcon, QListWidget, QListWidgetItem, QPixmap, QSize, Qt
from ..texts import tr

_ICON = 56  # pixels
_ROWS = 2  # shown without scrolling


class HistoryList(QListWidget):
    """The latest first."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.setObjectName("limner_history")
        self._session = session
        self._entries: tuple[Entry, ...] | None = None
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setMovement(QListWidget.Movement.Static)
        self.setIconSize(QSize(_ICON, _ICON))
        self.setSpacing(2)
        self.setFixedHeight(_ROWS * (_ICON + 10) + 6)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip(tr("The last results. Click one to go back to its values; Apply inserts it again."))
        self.itemClicked.connect(self._clicked)

    def refresh(self) -> None:
        """Show the results of the document in front."""
        entries = self._session.results()
        if entries is self._entries:
            return
        self._entries = entries
        self.clear()
        for entry in entries:
            picture = QPixmap()
            picture.loadFromData(entry.thumbnail)
            item = QListWidgetItem(QIcon(picture), "")
            item.setToolTip(_words(entry))
            self.addItem(item)

    def _clicked(self, item: QListWidgetItem) -> None:
        row = self.row(item)
        if self._entries is not None and 0 <= row < len(self._entries):
            self._session.restore(self._entries[row])


def _words(entry: Entry) -> str:
    """The task and the values that are set."""
    values = [f"{name} {value}" for name, value in sorted(entry.params.items()) if value is not None]
    return "\n".join([entry.task, *values])
