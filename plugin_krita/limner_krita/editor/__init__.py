# SPDX-License-Identifier: Apache-2.0
"""Krita's documents, layers and settings, in the GUI thread only.

Nothing else touches the krita API, apart from registering the plugin (plugin.py) and the docker (ui/docker.py). view.py
needs Qt as well; all else in here does without.

What is known of the API, measured in Krita 5.1 and 5.2, and kept to here:

* ``Node.setPixelData`` cannot be undone, and silently does nothing when the bytes are too few for the node's depth.
* ``addChildNode`` is one undo step. Children given to a detached group by ``setChildNodes`` come with it.
* ``setBlendingMode`` and ``setColorSpace`` push an undo step onto the document that the *wrapper* was made from, even
  for a detached duplicate. ``setVisible``, ``setOpacity`` and ``setName`` push none.
* ``createDocument`` and ``close`` block for a tenth of a second and more, ``refreshProjection`` until all is drawn.
* A node keeps its own color model in a document of another one, but is then converted at each drawing.
"""

from .app import Editor
from .canvas import Canvas
from .layer import Layer
from .nodes import Block, EditorError, NewLayer, Workshop
from .pixels import BGRA8, PIXEL_BYTES, PixelFormat

__all__ = [
    "BGRA8",
    "PIXEL_BYTES",
    "Block",
    "Canvas",
    "Editor",
    "EditorError",
    "Layer",
    "NewLayer",
    "PixelFormat",
    "Workshop",
]
