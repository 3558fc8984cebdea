# SPDX-License-Identifier: Apache-2.0
"""The controls: built from the parameter schema that the backend sends, as soon as it has come."""

from __future__ import annotations

from ..model.controls import HINTS, own_parameters
from ..model.geometry import AUTO, FULL, SELECTION
from ..model.placing import NEW_GROUP, REFRESH
from ..model.session import PORTRAIT, Session
from ..qt import QCheckBox, QComboBox, QFormLayout, QLabel, QSlider, QSpinBox, Qt, QVBoxLayout, QWidget
from ..texts import tr
from ..wire import TaskSchema
from .rows import Row, make_row, side_by_side

FRAME_LABELS = {AUTO: "Automatic", SELECTION: "Selection", FULL: "Whole canvas"}
PLACEMENT_LABELS = {REFRESH: "Refresh the group", NEW_GROUP: "New group each time"}


class ControlsPanel(QWidget):
    """The rows. Without a schema it only says that they come with the backend."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._schema: TaskSchema | None = None
        self._rows: list[Row] = []
        self._hints: _LayerPicker | None = None
        self._frame_box: _FrameBox | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._form = QWidget(self)
        self._empty = QLabel(tr("The controls appear when the backend is ready."), self)
        self._empty.setWordWrap(True)
        self._empty.setEnabled(False)
        self._layout.addWidget(self._empty)

    def refresh(self) -> None:
        """Show the session as it is now; build the rows when the schema is new."""
        schema = self._session.schema
        if schema != self._schema:
            self._build(schema)
        for row in self._rows:
            row.refresh()
        if self._frame_box is not None:
            self._frame_box.refresh()

    def refresh_layers(self) -> None:
        """Look which layers the document has now."""
        if self._hints is not None:
            self._hints.refresh()

    def _build(self, schema: TaskSchema | None) -> None:
        self._schema = schema
        self._layout.removeWidget(self._form)
        self._form.deleteLater()
        self._form, self._rows, self._hints = QWidget(self), [], None
        self._empty.setVisible(schema is None)
        self._layout.addWidget(self._form)
        if schema is None:
            return
        form = QFormLayout(self._form)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for parameter in own_parameters(schema):
            row = make_row(self._session.tasks[PORTRAIT], parameter)
            if row is not None:
                self._rows.append(row)
                form.addRow(row.label, row.field)
                if parameter.name == "shadow":
                    form.addRow(tr("Guide's opacity"), _opacity_field(self._session))
        if any(slot.name == HINTS for slot in schema.images):
            self._hints = _LayerPicker(self._session)
            form.addRow(tr("Color hints"), self._hints)
        self._frame_box = _FrameBox(self._session)
        form.addRow(tr("Face frame"), self._frame_box)
        form.addRow("", _frame_check(self._session))
        form.addRow(tr("Next portrait"), _placement_box(self._session))
        form.addRow("", _under_check(self._session))


class _LayerPicker(QComboBox):
    """None, or one of the document's layers; the list is made anew each time it is opened."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._uids: list[str] = []
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)  # a layer's name may be long
        self.setToolTip(tr("A layer with rough strokes of color that the portrait follows."))
        self.refresh()
        self.activated.connect(lambda index: session.set_hints(self._uids[self.currentIndex()]))

    def refresh(self) -> None:
        canvas = self._session.editor.active_canvas()
        layers = canvas.layers() if canvas is not None else []
        entries = [("", tr("None"))] + [(layer.uid, layer.name) for layer in layers]
        if self._session.hints not in [uid for uid, _ in entries]:
            self._session.hints = ""
        self._uids = [uid for uid, _ in entries]
        self.clear()
        self.addItems([name for _, name in entries])
        self.setCurrentIndex(self._uids.index(self._session.hints))

    def showPopup(self) -> None:
        """Qt is about to open the list."""
        self.refresh()
        super().showPopup()


class _FrameBox(QComboBox):
    """Where the face is looked for."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._modes = session, list(FRAME_LABELS)
        self.addItems([tr(FRAME_LABELS[mode]) for mode in self._modes])
        self.setToolTip(tr("The square that holds the face: found in the drawing, around the selection, or all."))
        self.activated.connect(lambda index: session.set_frame_mode(self._modes[self.currentIndex()]))
        self.refresh()

    def refresh(self) -> None:
        self.setCurrentIndex(self._modes.index(self._session.frame_mode))


def _placement_box(session: Session) -> QComboBox:
    box, placements = QComboBox(), list(PLACEMENT_LABELS)
    box.addItems([tr(PLACEMENT_LABELS[placement]) for placement in placements])
    box.setCurrentIndex(placements.index(session.settings.placement))
    box.setToolTip(tr("What another portrait of the same sketch does. A group that you painted in is never changed."))

    def chosen(index: int) -> None:
        session.settings.placement = placements[box.currentIndex()]

    box.activated.connect(chosen)
    return box


def _frame_check(session: Session) -> QCheckBox:
    box = QCheckBox(tr("Show it on the canvas"))
    box.setObjectName("limner_show_frame")
    box.setChecked(session.settings.show_frame)

    def toggled(on: bool) -> None:
        session.settings.show_frame = on
        session.changed()

    box.toggled.connect(toggled)
    return box


def _under_check(session: Session) -> QCheckBox:
    box = QCheckBox(tr("Under the strokes"))
    box.setObjectName("limner_under_strokes")
    box.setToolTip(tr("Put portrait and guide below the sketch layer, whose strokes are then seen on them."))
    box.setChecked(session.settings.under_strokes)

    def toggled(on: bool) -> None:
        session.settings.under_strokes = on

    box.toggled.connect(toggled)
    return box


def _opacity_field(session: Session) -> QWidget:
    """In percent: slider and numeric entry, which change the guide when the hand is off them."""
    slider, spin = QSlider(Qt.Orientation.Horizontal), QSpinBox()
    for field in (slider, spin):
        field.setRange(0, 100)
        field.setValue(round(session.settings.guide_opacity * 100))
    spin.setSuffix(" %")
    spin.setKeyboardTracking(False)
    slider.valueChanged.connect(spin.setValue)
    spin.valueChanged.connect(slider.setValue)
    spin.valueChanged.connect(lambda value: None if slider.isSliderDown() else session.set_guide_opacity(value / 100))
    slider.sliderReleased.connect(lambda: session.set_guide_opacity(slider.value() / 100))
    return side_by_side(slider, spin)
