# SPDX-License-Identifier: Apache-2.0
"""The backend's state in words, with the button that helps; and what went wrong last."""

from __future__ import annotations

from ..backend import service
from ..model.session import Session
from ..qt import QDesktopServices, QHBoxLayout, QLabel, QPushButton, Qt, QUrl, QVBoxLayout, QWidget
from ..texts import tr, tr_filled
from ..wire.connection import log_path

_COLORS = {service.READY: "#4caf50", service.STARTING: "#e0a030", service.LOADING: "#e0a030"}
_GRAY, _RED = "#888888", "#d9534f"


def words(session: Session) -> tuple[str, str]:
    """What the state is called, and the label of the button that helps."""
    state = session.state
    if state.name == service.READY:
        device = state.welcome.device if state.welcome is not None else ""
        return tr("Ready") + (f" ({device})" if device else ""), tr("Log")
    return {
        service.STOPPED: (tr("Not running. It starts with the first portrait."), tr("Start")),
        service.STARTING: (tr("Starting ..."), tr("Log")),
        service.LOADING: (tr("Loading the networks ..."), tr("Log")),
        service.NOT_INSTALLED: (tr("Not installed"), tr("Look again")),
        service.LOST: (tr("Ended"), tr("Start again")),
    }.get(state.name, (tr("Cannot be started"), tr("Try again")))


class StatusArea(QWidget):
    """One line for the state; below it, only when there is something to tell, cause and remedy."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._shown: tuple[str, ...] = ()
        self._dot, self._text = QLabel("\u25cf", self), QLabel(self)
        self._text.setWordWrap(True)
        self._text.setObjectName("limner_backend_state")
        self._button = QPushButton(self)
        self._button.setObjectName("limner_help_button")
        self._button.clicked.connect(lambda checked=False: self._help())
        self._trouble = QLabel(self)
        self._trouble.setWordWrap(True)
        self._trouble.setTextFormat(Qt.TextFormat.PlainText)
        self._trouble.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._trouble.setObjectName("limner_trouble")
        self._trouble.setStyleSheet(
            "#limner_trouble { border: 1px solid " + _RED + "; border-radius: 3px; padding: 4px; }"
        )
        line = QHBoxLayout()
        line.addWidget(self._dot)
        line.addWidget(self._text, 1)
        line.addWidget(self._button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(line)
        layout.addWidget(self._trouble)

    def _help(self) -> None:
        """Start the backend; where it runs, or is about to, open its log in the system's program for texts."""
        if self._session.state.name in _COLORS:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_path())))
        else:
            self._session.service.start()

    def refresh(self) -> None:
        """Show the session as it is now."""
        state = self._session.state
        text, button = words(self._session)
        color = _RED if state.problem is not None else _COLORS.get(state.name, _GRAY)
        problem = state.problem or self._session.problem
        trouble = "\n".join(map(tr_filled, (problem.message, problem.remedy))) if problem is not None else ""
        shown = (text, button, color, trouble)
        if shown == self._shown:  # laying it out anew takes its time
            return
        self._shown = shown
        self._dot.setStyleSheet(f"color: {color}")
        self._text.setText(tr("Backend:") + " " + text)
        self._button.setText(button)
        self._button.setToolTip(str(log_path()) if state.name in _COLORS else "")
        self._trouble.setVisible(problem is not None)
        self._trouble.setText(trouble)
        self._trouble.setToolTip("\n".join(state.log_tail))
