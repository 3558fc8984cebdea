# SPDX-License-Identifier: Apache-2.0
"""Qt of the running Krita: Qt 5 up to Krita 5, Qt 6 from Krita 6 on. Enums are used with their scopes, as Qt 6 asks.

A system may have both PyQt5 and PyQt6; loading the wrong one into the editor ends it. So the choice is the one that
the krita module itself has made.
"""

from __future__ import annotations

import sys

if "PyQt6.QtCore" in sys.modules and "PyQt5.QtCore" not in sys.modules:
    from PyQt6.QtCore import QAbstractItemModel, QBuffer, QByteArray, QObject, QPointF, QRectF, QSize, Qt, QTimer
    from PyQt6.QtGui import (
        QColor,
        QIcon,
        QImage,
        QPainter,
        QPainterPath,
        QPainterPathStroker,
        QPen,
        QPixmap,
        QPolygonF,
        QRegion,
        QTransform,
    )
    from PyQt6.QtWidgets import (
        QAbstractScrollArea,
        QCheckBox,
        QComboBox,
        QDoubleSpinBox,
        QFormLayout,
        QFrame,
        QGridLayout,
        QHBoxLayout,
        QLabel,
        QListWidget,
        QListWidgetItem,
        QMdiArea,
        QProgressBar,
        QPushButton,
        QScrollArea,
        QSizePolicy,
        QSlider,
        QSpinBox,
        QToolButton,
        QVBoxLayout,
        QWidget,
    )
else:
    from PyQt5.QtCore import QAbstractItemModel, QBuffer, QByteArray, QObject, QPointF, QRectF, QSize, Qt, QTimer
    from PyQt5.QtGui import (
        QColor,
        QIcon,
        QImage,
        QPainter,
        QPainterPath,
        QPainterPathStroker,
        QPen,
        QPixmap,
        QPolygonF,
        QRegion,
        QTransform,
    )
    from PyQt5.QtWidgets import (
        QAbstractScrollArea,
        QCheckBox,
        QComboBox,
        QDoubleSpinBox,
        QFormLayout,
        QFrame,
        QGridLayout,
        QHBoxLayout,
        QLabel,
        QListWidget,
        QListWidgetItem,
        QMdiArea,
        QProgressBar,
        QPushButton,
        QScrollArea,
        QSizePolicy,
        QSlider,
        QSpinBox,
        QToolButton,
        QVBoxLayout,
        QWidget,
    )

__all__ = [
    "QAbstractItemModel",
    "QAbstractScrollArea",
    "QBuffer",
    "QByteArray",
    "QCheckBox",
    "QColor",
    "QComboBox",
    "QDoubleSpinBox",
    "QFormLayout",
    "QFrame",
    "QGridLayout",
    "QHBoxLayout",
    "QIcon",
    "QImage",
    "QLabel",
    "QListWidget",
    "QListWidgetItem",
    "QMdiArea",
    "QObject",
    "QPainter",
    "QPainterPath",
    "QPainterPathStroker",
    "QPen",
    "QPixmap",
    "QPointF",
    "QPolygonF",
    "QProgressBar",
    "QPushButton",
    "QRectF",
    "QRegion",
    "QScrollArea",
    "QSize",
    "QSizePolicy",
    "QSlider",
    "QSpinBox",
    "QTimer",
    "QToolButton",
    "QTransform",
    "QVBoxLayout",
    "QWidget",
    "Qt",
]
