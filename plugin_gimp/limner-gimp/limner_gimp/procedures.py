# SPDX-License-Identifier: Apache-2.0
"""What the plug-in offers: one entry of PROCEDURES is one procedure of GIMP and one entry of the menu Filters > Limner.

GIMP asks for this when no backend runs, so the ranges and defaults stand here; a test compares them with the backend's
schema. GIMP's argument `left-eye` is the backend's parameter `left_eye`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .texts import N_
from .wire import BooleanParameter, ChoiceParameter, ImageSlot, IntegerParameter, NumberParameter, Parameter

MENU = "<Image>/Filters/Limner"
FRAME_AUTO, FRAME_SELECTION, FRAME_FULL = "auto", "selection", "full"


@dataclass(frozen=True)
class Procedure:
    """name: in GIMP. task: of the backend. layers: (name of the result's picture, name of its layer), top first; a
    picture that was not asked for is left out. group: name of the layer group that holds them, "" for none.
    slots: further drawables that go to the backend, at the place and in the size of the sketch."""

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

PROCEDURES = {procedure.name: procedure for procedure in (_PORTRAIT, _SHADOW)}
