# SPDX-License-Identifier: Apache-2.0
"""Krita's documents, layers and settings, in the GUI thread only.

Nothing else touches the krita API, apart from registering the plugin (plugin.py) and the docker (ui/docker.py).

What is known of the API, measured in Krita 5.1 and 5.2, and kept to here:

* ``Node.setPixelData`` cannot be undone, and silently does nothing when the bytes are too few for the node's depth.
* ``addChildNode`` is one undo step. Children given to a detached group by ``setChildNodes`` come with it.
* ``setBlendingMode`` and ``setColorSpace`` push an undo step onto the document that the *wrapper* was made from, even
  for a detached duplicate: so a duplicate is put into a scratch document, and a new wrapper fetched from there.
"""

from .app import Editor
from .canvas import Canvas
from .layer import Layer
from .nodes import PIXEL_BYTES, Block, EditorError, NewLayer

__all__ = ["PIXEL_BYTES", "Block", "Canvas", "Editor", "EditorError", "Layer", "NewLayer"]
