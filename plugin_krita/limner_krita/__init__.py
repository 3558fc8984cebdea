# SPDX-License-Identifier: Apache-2.0
"""Limner for Krita: a rough face sketch on the active layer becomes a portrait.

editor/ alone touches Krita's API, qt.py alone chooses the Qt. backend/ is the thread that talks to the backend,
model/ what the plugin knows and decides, ui/ the widgets, plugin.py registers it all. wire/, client/ and _vendor/ are
copies that `limner install krita` puts here.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

if sys.version_info < (3, 8):  # noqa: UP036 - an older Krita's Python comes this far
    raise ImportError("Limner needs a Krita with Python 3.8 or newer (Krita 5.1 or newer).")

_krita = find_spec("krita")
if _krita is not None and _krita.origin is not None:  # not so in tests without Krita
    from .plugin import register

    register()
