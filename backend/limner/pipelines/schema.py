# SPDX-License-Identifier: Apache-2.0
"""What the drawing tasks take and give; the editors build their controls from this."""

from __future__ import annotations

from limner.models.components import PARTS
from limner.models.inversion import STYLES
from limner.pipelines.defaults import CANDIDATES, EPS, MOST_CANDIDATES, REFINE, SEARCH_STEPS, STEPS
from limner.wire import (
    BooleanParameter,
    ChoiceParameter,
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


def _invert() -> TaskSchema:
    style = ChoiceParameter(
        "style",
        label="Style",
        help="How the sketch is drawn; Automatic looks at it.",
        choices=("auto", *STYLES),
        labels=("Automatic", "Lines", "Gray tones", "Color"),
        default="auto",
    )
    help_text = "A portrait that follows a sketch of lines, in gray or in color, in one pass."
    return TaskSchema("invert", "Invert", help_text, (style, FRAME), (SKETCH,), ("portrait",))


def _upsample() -> TaskSchema:
    parameters: tuple[Parameter, ...] = (
        IntegerParameter(
            "candidates",
            label="Candidates",
            help="How many portraits.",
            minimum=1,
            maximum=MOST_CANDIDATES,
            default=CANDIDATES,
        ),
        IntegerParameter("seed", label="Seed", help="Another seed, other faces.", maximum=2**31 - 1),
        IntegerParameter(
            "steps",
            label="Steps",
            help="The longest search; it ends early.",
            minimum=1,
            maximum=400,
            default=SEARCH_STEPS,
        ),
        NumberParameter(
            "eps",
            label="Tolerance",
            help="Mean squared difference from the picture, 0 to 1, that is close enough.",
            minimum=1e-4,
            maximum=0.1,
            default=EPS,
            step=1e-3,
        ),
        IntegerParameter(
            "size",
            label="Match at",
            help="Side in pixels at which the picture is matched; less for noisy ones. 0: as it is, up to 64.",
            maximum=64,
        ),
        FrameParameter("frame", label="Face square", help="The square that holds the face: centered, all, or given."),
    )
    photo = ImageSlot("photo", label="Small photo", help="A tiny or blurred picture of a face, upright.")
    outputs = tuple(f"candidate-{place}" for place in range(1, MOST_CANDIDATES + 1))
    help_text = "Imagined portraits that, made small, are the picture. They do not show who it is."
    return TaskSchema("upsample", "Upsample", help_text, parameters, (photo,), outputs)


def task_schemas(inversion: bool = False) -> dict[str, TaskSchema]:
    """The schema of every drawing task by its name; "invert" only where the engine has the weights of `inversion`."""
    portrait: tuple[Parameter, ...] = (
        IntegerParameter("seed", label="Seed", help="Another seed, other colors.", maximum=2**31 - 1),
        NumberParameter("refine", label="Refine", help="0 = plausible face, 1 = the literal lines.", default=REFINE),
        *_blends(),
        BooleanParameter("shadow", label="Shadow guide", help="Also draw the guide.", default=True),
        FRAME,
        IntegerParameter(
            "steps",
            label="Steps",
            help="More steps are slower and change the portrait a little.",
            minimum=1,
            maximum=32,
            default=STEPS,
        ),
    )
    tasks = (
        TaskSchema(
            "portrait", "Portrait", "A portrait of the drawn face.", portrait, (SKETCH, HINTS), ("portrait", "shadow")
        ),
        TaskSchema("shadow", "Shadow guide", "Where a plausible face would go on.", (FRAME,), (SKETCH,), ("shadow",)),
        *([_invert()] if inversion else []),
        _upsample(),
    )
    return {task.name: task for task in tasks}
