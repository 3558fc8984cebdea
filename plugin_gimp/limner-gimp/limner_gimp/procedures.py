# SPDX-License-Identifier: Apache-2.0
"""What the plug-in offers: one entry of PROCEDURES is one procedure of GIMP and one entry of the menu Filters > Limner.

GIMP asks for this when no backend runs, so the ranges and defaults stand here; a test compares them with the backend's
schema. GIMP's argument `left-eye` is the backend's parameter `left_eye`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .texts import N_
from .wire import BooleanParameter, ChoiceParameter, ImageSlot, IntegerParameter, NumberParameter, Parameter

MENU = "<Image>/Filters/Limner"
FRAME_AUTO, FRAME_SELECTION, FRAME_FULL = "auto", "selection", "full"


@dataclass(frozen=True)
class Procedure:
    """name: in GIMP. task: of the backend. layers: (name of the result's picture, name of its layer), top first; a
    picture that was not asked for is left out. group: name of the layer group that holds them, "" for none.
    slot: the backend's name of the picture that is the selected layer. slots: further drawables that go to the
    backend, at its place and in its size. live: its dialog stays open and follows the drawing. sharp: the layers are
    never made smaller than the backend's pictures. quick: the preview may follow each change of a value."""

    name: str
    task: str
    menu_label: str
    title: str
    blurb: str
    help: str
    parameters: tuple[Parameter, ...]
    layers: tuple[tuple[str, str], ...]
    group: str = ""
    slots: tuple[ImageSlot, ...] = ()
    slot: str = "sketch"
    live: bool = False
    sharp: bool = False
    quick: bool = True

    @property
    def has_dialog(self) -> bool:
        """As its menu entry says: one with an ellipsis asks first."""
        return self.menu_label.endswith("...")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The backend's names of the pictures."""
        return tuple(name for name, _layer in self.layers)


def argument_name(parameter: str) -> str:
    """GIMP's name of a backend parameter or picture slot."""
    return parameter.replace("_", "-")


_PART_HELP = N_("0 = plausible, 1 = literal; -1: the same as Refine")
_PARTS = (
    ("left_eye", N_("Left e_ye")),
    ("right_eye", N_("Righ_t eye")),
    ("nose", N_("_Nose")),
    ("mouth", N_("_Mouth")),
    ("remainder", N_("Rem_ainder")),
)

_FRAME = ChoiceParameter(
    "frame",
    N_("Fac_e frame"),
    N_("The square of the layer that holds the face"),
    choices=(FRAME_AUTO, FRAME_SELECTION, FRAME_FULL),
    labels=(N_("Find the face"), N_("The selection"), N_("The whole layer")),
    default=FRAME_AUTO,
)

_PORTRAIT = Procedure(
    name="plug-in-limner-portrait",
    task="portrait",
    menu_label=N_("Sketch to _Portrait..."),
    title=N_("Sketch to Portrait"),
    blurb=N_("Turn the face sketch on the layer into a portrait"),
    help=N_(
        "Sends the layer's pixels to the Limner backend on this computer, which is started when none runs, and inserts "
        "a layer group with the portrait and the shadow guide above the layer. The layer itself stays as it is. "
        "Each part of the face follows 'refine' (0 = plausible, 1 = literal) unless it has a value of its own; "
        "-1 means that it has none. The same sketch, seed and values give the same portrait."
    ),
    parameters=(
        IntegerParameter("seed", N_("See_d"), N_("Another seed, other colors"), default=0, maximum=2**31 - 1),
        NumberParameter("refine", N_("Re_fine"), N_("0 = a plausible face, 1 = the lines as they are"), default=0.3),
        *(NumberParameter(n, text, _PART_HELP, default=None, optional=True, follows="refine") for n, text in _PARTS),
        BooleanParameter("shadow", N_("Shadow _guide"), N_("Also make a layer with the shadow guide"), default=True),
        _FRAME,
    ),
    layers=(("portrait", "Portrait"), ("shadow", "Shadow guide")),
    group="Limner portrait",
    slots=(
        ImageSlot(
            "color_hints", N_("Color h_ints"), N_("A layer with rough strokes of color, or none"), required=False
        ),
    ),
)

_LIVE = replace(
    _PORTRAIT,
    name="plug-in-limner-live",
    menu_label=N_("_Live Portrait..."),
    title=N_("Live Portrait"),
    blurb=N_("Follow the drawing with a portrait while you draw"),
    help=N_(
        "Opens a dialog that stays open beside the canvas. When the drawing on the layer rests, the layers 'Portrait' "
        "and 'Shadow guide' of the group above it are painted anew in place. The first portrait inserts the group, "
        "which is one undo step; painting it anew adds none, so that undo takes back your strokes. The group lets the "
        "drawing shine through until 'Keep' closes the dialog and leaves it in the image; 'Discard' removes it. The "
        "drawn layer itself stays as it is."
    ),
    live=True,
)

_SHADOW = Procedure(
    name="plug-in-limner-shadow",
    task="shadow",
    menu_label=N_("Shadow _Guide"),
    title=N_("Shadow Guide"),
    blurb=N_("Show softly where a plausible face would continue"),
    help=N_(
        "Sends the layer's pixels to the Limner backend on this computer, which is started when none runs, and inserts "
        "a layer with the shadow guide above the layer. The layer itself stays as it is."
    ),
    parameters=(_FRAME,),
    layers=(("shadow", "Shadow guide"),),
)

_INVERT = Procedure(
    name="plug-in-limner-invert",
    task="invert",
    menu_label=N_("_Invert Sketch..."),
    title=N_("Invert Sketch"),
    blurb=N_("Turn a line, gray or color sketch of a face into a photo of it"),
    help=N_(
        "Sends the layer's pixels to the Limner backend on this computer, which is started when none runs, and inserts "
        "a layer group with the photo above the layer. It follows the sketch to the letter. The layer itself stays as "
        "it is."
    ),
    parameters=(
        ChoiceParameter(
            "style",
            N_("S_tyle"),
            N_("What kind of sketch it is"),
            choices=("auto", "line", "gray", "color"),
            labels=(N_("Find out"), N_("Lines"), N_("Shades of gray"), N_("Colors")),
            default="auto",
        ),
        _FRAME,
    ),
    layers=(("portrait", "Portrait"),),
    group="Limner inverted",
)

MOST_CANDIDATES = 8
_UPSAMPLE = Procedure(
    name="plug-in-limner-upsample",
    task="upsample",
    menu_label=N_("_Upsample Face..."),
    title=N_("Upsample Face"),
    blurb=N_("Find sharp faces that look like a tiny or blurred one"),
    help=N_(
        "Sends the layer's pixels to the Limner backend on this computer, which is started when none runs, and inserts "
        "a layer group with sharp faces that look the same when they are made as small as the layer. They keep their "
        "own size, centered on the layer: choose Image > Fit Canvas to Layers when the canvas is smaller. The layer "
        "itself stays as it is."
    ),
    parameters=(
        IntegerParameter(
            "candidates",
            N_("Ca_ndidates"),
            N_("How many different faces"),
            minimum=1,
            maximum=MOST_CANDIDATES,
            default=4,
        ),
        IntegerParameter("seed", N_("See_d"), N_("Another seed, other faces"), default=0, maximum=2**31 - 1),
        _FRAME,
    ),
    layers=tuple((f"candidate-{number}", f"Candidate {number}") for number in range(1, MOST_CANDIDATES + 1)),
    group="Limner upsampled",
    slot="photo",
    sharp=True,
    quick=False,
)

PROCEDURES = {procedure.name: procedure for procedure in (_PORTRAIT, _LIVE, _SHADOW, _INVERT, _UPSAMPLE)}
