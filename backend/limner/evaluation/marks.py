# SPDX-License-Identifier: Apache-2.0
"""What was asked of the networks, what was measured, and whether the one meets the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from limner.evaluation.metrics import Estimate

LOOK = ""  # no number tells
Judge = Callable[[Estimate], bool]


@dataclass(frozen=True)
class Mark:
    """asked: in words; fact: the name of the number; judge: None where it takes a viewer's eye."""

    asked: str
    fact: str
    judge: Judge | None = None
    unit: str = ""


def at_least(bound: float) -> Judge:
    """The number has to reach `bound`."""
    return lambda found: found.value >= bound


def at_most(bound: float) -> Judge:
    """The number may not exceed `bound`."""
    return lambda found: found.value <= bound


def surely_above(bound: float) -> Judge:
    """All of the interval has to lie above `bound`."""
    return lambda found: found.low > bound


def _all_of(found: Estimate) -> bool:
    return found.value == 1


MARKS: tuple[Mark, ...] = (
    Mark("codec: sharp photos at 256 at least 31.5 dB", "codec_psnr", at_least(31.5), "dB"),
    Mark("codec: no visible grid (steps at its lines beyond those of photos, share)", "grid"),
    Mark("codec: 512 pixels sharper than bicubic (its KD over ours at 512)", "sharper_than_bicubic", surely_above(1)),
    Mark("real drawings: photos at thumbnail size, with pose, hair, expression, glasses and beard kept", LOOK),
    Mark("FERET drawings: KD-EffLite0 x1000 at most 80", "kd_feret", at_most(80)),
    Mark("FERET drawings: at most a third of pix2pix's KD", "kd_feret_over_pix2pix", at_most(1 / 3)),
    Mark("FERET drawings: rank-1 at least 30 % of about 100", "rank1_feret", at_least(0.3)),
    Mark("CUHK drawings: rank-1 at least 30 % of about 100", "rank1_cuhk", at_least(0.3)),
    Mark("AR drawings: rank-1 at least 30 % of about 100", "rank1_ar", at_least(0.3)),
    Mark("lines of sharp photos: KD-EffLite0 x1000 at most 30", "kd_lines", at_most(30)),
    Mark("frames: eyes found within 4 % of the face's size", "eye_error", at_most(0.04)),
    Mark("novice drawings: every one gives a plausible face", LOOK),
    Mark("novice drawings: every one gives a portrait", "novices_made", _all_of),
    Mark(
        "novice drawings: refine is continuous (the largest of ten steps' share of the way)",
        "refine_largest_step",
        at_most(0.5),
    ),
    Mark("full pass in less than 0.6 s (limner bench)", "full_pass_seconds", at_most(0.6), "s"),
    Mark("full pass 30 times faster than DeepFaceDrawing (limner bench)", "speedup", at_least(30)),
    Mark("all weights at most 80 MB", "weights_mb", at_most(80), "MB"),
    Mark("inversion of lines at least 18 dB", "inversion_psnr_line", at_least(18), "dB"),
    Mark("inversion of gray sketches at least 20 dB", "inversion_psnr_gray", at_least(20), "dB"),
    Mark("inversion of color sketches at least 20 dB", "inversion_psnr_color", at_least(20), "dB"),
    Mark("inversion of lines better than a U-Net of its size", "inversion_gain_line", surely_above(0), "dB"),
    Mark("inversion of gray sketches better than a U-Net", "inversion_gain_gray", surely_above(0), "dB"),
    Mark("inversion of color sketches better than a U-Net", "inversion_gain_color", surely_above(0), "dB"),
    Mark("inversion keeps the colors of a sketch (r of opponent colors)", "inversion_color_r_color", at_least(0.9)),
    Mark("PULSE, 16x16: 95 % reach a mean square of 0.002", "upsampling_reached_16", at_least(0.95)),
    Mark("PULSE, 32x32: 95 % reach a mean square of 0.002", "upsampling_reached_32", at_least(0.95)),
    Mark("PULSE, 16x16: bicubic's KD over ours at least 10", "upsampling_kd_gain_16", at_least(10)),
    Mark("PULSE, 32x32: bicubic's KD over ours at least 10", "upsampling_kd_gain_32", at_least(10)),
    Mark("PULSE: every candidate is a face", LOOK),
    Mark("PULSE, 16x16: candidates differ (share of different people's distance)", "upsampling_differ_16"),
    Mark("PULSE, 32x32: candidates differ (share of different people's distance)", "upsampling_differ_32"),
    Mark("PULSE: four candidates in less than 40 s", "upsampling_seconds", at_most(40), "s"),
)


@dataclass(frozen=True)
class Judged:
    """A mark with what was found, None where nothing was; `met` is None also where it takes an eye."""

    mark: Mark
    found: Estimate | None

    @property
    def met(self) -> bool | None:
        """Whether it was met, as far as a number tells."""
        return None if self.found is None or self.mark.judge is None else self.mark.judge(self.found)

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.found is None and self.mark.fact != LOOK:
            return "not measured"
        return {True: "met", False: "NOT met", None: "look"}[self.met]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = None if self.found is None else self.found.as_dict()
        return {"asked": self.mark.asked, "fact": self.mark.fact, "measured": found, "met": self.met}


def judged(facts: Mapping[str, Estimate]) -> list[Judged]:
    """All marks, held against the facts of all sections."""
    return [Judged(mark, facts.get(mark.fact)) for mark in MARKS]
