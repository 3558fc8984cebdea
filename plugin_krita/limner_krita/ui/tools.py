# SPDX-License-Identifier: Apache-2.0
"""Invert and Upsample: each a button, and the controls that the backend says it has."""

from __future__ import annotations

from ..model.controls import own_parameters
from ..model.session import Session
from ..model.tasks import TASKS, TOOLS
from ..qt import QFormLayout, QPushButton, QVBoxLayout, QWidget
from ..texts import tr
from ..wire import TaskSchema
from .rows import Row, make_row

_HELP = {
    "invert": "Turn any sketch on the active layer, of lines, in gray or in color, into a portrait.",
    "upsample": "Make portraits that fit the small or blurred photo on the active layer.",
}


class ToolsPanel(QWidget):
    """The tools that work on the active layer."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._tools = [_Tool(session, name) for name in TOOLS]
        for tool in self._tools:
            layout.addWidget(tool)

    def refresh(self) -> None:
        """Show the session as it is now."""
        for tool in self._tools:
            tool.refresh()


class _Tool(QWidget):
    def __init__(self, session: Session, name: str) -> None:
        super().__init__()
        self._session, self._name = session, name
        self._schema: TaskSchema | None = None
        self._rows: list[Row] = []
        self._button = QPushButton(tr(TASKS[name].title))
        self._button.setObjectName(f"limner_{name}_button")
        self._button.clicked.connect(lambda checked=False: session.generate(name))
        self._form = QWidget()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._form)
        self._layout.addWidget(self._button)

    def refresh(self) -> None:
        controls, offered = self._session.tasks[self._name], self._session.offers(self._name)
        running = self._session.current()
        if controls.schema != self._schema:
            self._build(controls.schema)
        for row in self._rows:
            row.refresh()
        self._form.setVisible(bool(self._rows))
        self._button.setEnabled(offered and (running is None or running.target.live))
        self._button.setToolTip(tr(_HELP[self._name]) if offered else tr("This backend does not offer it."))

    def _build(self, schema: TaskSchema | None) -> None:
        self._schema, self._rows = schema, []
        self._layout.removeWidget(self._form)
        self._form.deleteLater()
        self._form = QWidget()
        self._layout.insertWidget(0, self._form)
        form = QFormLayout(self._form)
        form.setContentsMargins(0, 0, 0, 0)
        for parameter in own_parameters(schema) if schema is not None else ():
            row = make_row(self._session.tasks[self._name], parameter)
            if row is not None:
                self._rows.append(row)
                form.addRow(row.label, row.field)
