# SPDX-License-Identifier: Apache-2.0
"""What the drawing tasks take and give; the editors build their controls from this."""

from __future__ import annotations

from limner.models.components import PARTS
from limner.wire import (
    BooleanParameter,
    FrameParameter,
    ImageSlot,
    IntegerParameter,
    NumberParameter,
    Parameter,
    TaskSchema,
)

LABELS = {
    "left_eye": "Left eye",
    "right_eye": "Right eye",
    "nose": "Nose",
    "mouth": "Mouth",
    "remainder": "Remainder",
}
SKETCH = ImageSlot("sketch", label="Sketch", help="The drawing: strokes on transparency or on paper.")
HINTS = ImageSlot(
    "color_hints", label="Color hints", help="Rough strokes of color that the portrait follows.", required=False
)
FRAME = FrameParameter("frame", label="Face frame", help="The square that holds the face: found, all, or given.")


def _blends() -> tuple[Parameter, ...]:
    help_text = "0 = plausible, 1 = literal; without a value it follows Refine."
    return tuple(
        NumberParameter(part, label=LABELS[part], help=help_text, default=None, optional=True, follows="refine")
        for part in PARTS
    )


def task_schemas() -> dict[str, TaskSchema]:
    """The schema of every drawing task by its name."""
    portrait: tuple[Parameter, ...] = (
        IntegerParameter("seed", label="Seed", help="Another seed, other colors.", maximum=2**31 - 1),
        NumberParameter("refine", label="Refine", help="0 = plausible face, 1 = the literal lines.", default=0.3),
        *_blends(),
        BooleanParameter("shadow", label="Shadow guide", help="Also draw the guide.", default=True),
        FRAME,
        IntegerParameter(
            "steps", label="Steps", help="More steps: more detail, slower.", minimum=1, maximum=32, default=6
        ),
    )
    tasks = (
        TaskSchema(
            "portrait", "Portrait", "A portrait of the drawn face.", portrait, (SKETCH, HINTS), ("portrait", "shadow")
        ),
        TaskSchema("shadow", "Shadow guide", "Where a plausible face would go on.", (FRAME,), (SKETCH,), ("shadow",)),
    )
    return {task.name: task for task in tasks}
