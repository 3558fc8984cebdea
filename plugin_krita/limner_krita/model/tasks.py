# SPDX-License-Identifier: Apache-2.0
"""What the plugin asks the backend for: which layer goes in under which name, and what comes back is called."""

from __future__ import annotations

from dataclasses import dataclass

PORTRAIT, SHADOW, INVERT, UPSAMPLE = "portrait", "shadow", "invert", "upsample"


@dataclass(frozen=True)
class Task:
    """slot: the backend's name of the picture that is sent. title: as the artist calls it.

    group: name of the group that the result becomes, "" for a single layer. framed: the backend tells where the
    result lies; otherwise it fills the square around what was sent. photo: the layer alone is what is sent, without the
    rest of the canvas, and the result is not made smaller than it is, though the photo was.
    """

    name: str
    slot: str
    title: str
    group: str = ""
    framed: bool = True
    photo: bool = False


TASKS = {
    PORTRAIT: Task(PORTRAIT, "sketch", "Portrait", "Limner portrait"),
    SHADOW: Task(SHADOW, "sketch", "Shadow guide"),
    INVERT: Task(INVERT, "sketch", "Invert", "Limner inverted", framed=False),
    UPSAMPLE: Task(UPSAMPLE, "photo", "Upsample", "Limner upsampled", framed=False, photo=True),
}
TOOLS = (INVERT, UPSAMPLE)  # they have controls of their own


def layer_name(image: str) -> str:
    """What the layer of one of the result's pictures is called: "shadow" is the guide, "candidate-2" Candidate 2."""
    return "Shadow guide" if image == "shadow" else image.replace("-", " ").replace("_", " ").capitalize()
