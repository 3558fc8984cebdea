# SPDX-License-Identifier: Apache-2.0
"""One control for each type of parameter: a row shows the value, and sets it when the artist changes it."""

from __future__ import annotations

import contextlib
import math
from typing import Any, Callable, Iterator

from ..model.controls import TaskControls
from ..qt import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    Qt,
    QWidget,
)
from ..texts import tr
from ..wire import BooleanParameter, ChoiceParameter, IntegerParameter, NumberParameter, Parameter

_SLIDER_STEPS = 100
_SPIN_LIMIT = 2**31 - 1


class Row:
    """A label and a field. ``refresh`` shows the control's value without setting it again."""

    def __init__(self, controls: TaskControls, parameter: Parameter) -> None:
        self.controls, self.parameter = controls, parameter
        self.label: QWidget = QLabel(tr(parameter.label or parameter.name))
        self.field: QWidget = QWidget()
        self._showing = False

    @property
    def value(self) -> Any:
        """The control's value; the default when it has none."""
        return self.controls.values.get(self.parameter.name, self.parameter.default)

    @contextlib.contextmanager
    def showing(self) -> Iterator[None]:
        """Changes of the widgets in here are not the artist's."""
        self._showing = True
        try:
            yield
        finally:
            self._showing = False

    def put(self, value: Any) -> None:
        """The artist has changed it."""
        if not self._showing:
            self.controls.set(self.parameter.name, value)

    def refresh(self) -> None:
        """Show the value."""

    def finish(self) -> Row:
        """Set the tool tips; returns itself."""
        text = tr(self.parameter.help) or self.parameter.allowed
        for widget in (self.label, self.field):
            widget.setToolTip(text)
        self.field.setObjectName(f"limner_field_{self.parameter.name}")
        return self


class NumberRow(Row):
    """Slider and numeric entry. An optional number has a check box: without the check it follows another one."""

    def __init__(self, controls: TaskControls, parameter: NumberParameter) -> None:
        super().__init__(controls, parameter)
        self._number = parameter
        self._own: QCheckBox | None = None
        if parameter.optional:
            self._own = QCheckBox(tr(parameter.label or parameter.name))
            self._own.toggled.connect(self._toggled)
            self.label = self._own
        self._slider, self._spin = QSlider(Qt.Orientation.Horizontal), QDoubleSpinBox()
        self._slider.setRange(0, _SLIDER_STEPS)
        smallest = min(number for number in (parameter.step, parameter.minimum, 0.01) if number > 0)
        self._spin.setDecimals(math.ceil(-math.log10(smallest)))
        self._spin.setRange(parameter.minimum, parameter.maximum)
        self._spin.setSingleStep(parameter.step)
        self._spin.setKeyboardTracking(False)
        self._slider.valueChanged.connect(lambda position: self.put(self._at(position)))
        self._spin.valueChanged.connect(lambda value: self.put(round(float(value), 6)))
        self.field = side_by_side(self._slider, self._spin)

    def _at(self, position: int) -> float:
        span = self._number.maximum - self._number.minimum
        return round(self._number.minimum + span * position / _SLIDER_STEPS, 6)

    def _effective(self) -> float:
        value = self.value
        if value is None:
            value = self.controls.values.get(self._number.follows)
        return float(self._number.minimum if value is None else value)

    def _toggled(self, own: bool) -> None:
        self.put(self._effective() if own else None)

    def refresh(self) -> None:
        """Show the value, or the one that it follows."""
        value = self._effective()
        span = (self._number.maximum - self._number.minimum) or 1.0
        with self.showing():
            if self._own is not None:
                self._own.setChecked(self.value is not None)
            self._spin.setValue(value)
            if not self._slider.isSliderDown():
                self._slider.setValue(round((value - self._number.minimum) / span * _SLIDER_STEPS))


class IntegerRow(Row):
    """A numeric entry; the seed has a button beside it that takes another one."""

    def __init__(
        self, controls: TaskControls, parameter: IntegerParameter, button: tuple[str, Callable[[], None]] | None
    ) -> None:
        super().__init__(controls, parameter)
        self._spin = QSpinBox()
        self._spin.setRange(max(parameter.minimum, -_SPIN_LIMIT), min(parameter.maximum, _SPIN_LIMIT))
        self._spin.setSingleStep(parameter.step)
        self._spin.setKeyboardTracking(False)
        self._spin.valueChanged.connect(lambda value: self.put(int(value)))
        self.field = self._spin
        if button is not None:
            press = QPushButton(button[0])
            press.setObjectName("limner_new_color")
            press.clicked.connect(lambda checked=False: button[1]())
            self.field = side_by_side(self._spin, press)

    def refresh(self) -> None:
        """Show the value."""
        with self.showing():
            self._spin.setValue(int(self.value))


class BooleanRow(Row):
    """A check box."""

    def __init__(self, controls: TaskControls, parameter: BooleanParameter) -> None:
        super().__init__(controls, parameter)
        self.label = QLabel()
        self._box = QCheckBox(tr(parameter.label or parameter.name))
        self._box.toggled.connect(lambda checked: self.put(bool(checked)))
        self.field = self._box

    def refresh(self) -> None:
        """Show the value."""
        with self.showing():
            self._box.setChecked(bool(self.value))


class ChoiceRow(Row):
    """A list to choose from."""

    def __init__(self, controls: TaskControls, parameter: ChoiceParameter) -> None:
        super().__init__(controls, parameter)
        self._choices = parameter.choices
        self._list = QComboBox()
        self._list.addItems([tr(label) for label in parameter.labels])
        self._list.currentIndexChanged.connect(lambda index: self.put(self._choices[index]))
        self.field = self._list

    def refresh(self) -> None:
        """Show the value."""
        with self.showing():
            self._list.setCurrentIndex(self._choices.index(self.value))


def make_row(controls: TaskControls, parameter: Parameter) -> Row | None:
    """The row for a parameter; None for a type that has no control here."""
    if isinstance(parameter, NumberParameter):
        return NumberRow(controls, parameter).finish()
    if isinstance(parameter, IntegerParameter):
        button = (tr("New color"), controls.new_color) if parameter.name == "seed" else None
        return IntegerRow(controls, parameter, button).finish()
    if isinstance(parameter, BooleanParameter):
        return BooleanRow(controls, parameter).finish()
    if isinstance(parameter, ChoiceParameter):
        return ChoiceRow(controls, parameter).finish()
    return None


def side_by_side(first: QWidget, second: QWidget) -> QWidget:
    """Both in one line, the first as wide as there is room."""
    both = QWidget()
    line = QHBoxLayout(both)
    line.setContentsMargins(0, 0, 0, 0)
    first.setMinimumWidth(40)  # a docker is narrow
    line.addWidget(first, 1)
    line.addWidget(second)
    return both
