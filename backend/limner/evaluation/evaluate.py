# SPDX-License-Identifier: Apache-2.0
"""Measures Limner on held-out pictures, beside baselines, section by section."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.evaluation.inversion import inversion_section
from limner.evaluation.lab import Lab, Settings
from limner.evaluation.marks import Judged, judged
from limner.evaluation.memory import memory_section
from limner.evaluation.metrics import Estimate
from limner.evaluation.novices import novices_section
from limner.evaluation.portraits import portraits_section, robustness_section
from limner.evaluation.reconstruction import reconstruction_section
from limner.evaluation.sections import Section, load_section, save_section
from limner.evaluation.upsampling import upsampling_section

SECTIONS: Mapping[str, Callable[[Lab], Section]] = {
    "reconstruction": reconstruction_section,
    "portraits": portraits_section,
    "novices": novices_section,
    "robustness": robustness_section,
    "inversion": inversion_section,
    "upsampling": upsampling_section,
    "memory": memory_section,
}


@dataclass(frozen=True)
class Report:
    """All sections, measured now or before on the same weights (sha256 by file)."""

    sections: list[Section]
    weights: dict[str, str]
    weights_mb: float
    timed: Mapping[str, Estimate]

    @property
    def facts(self) -> dict[str, Estimate]:
        """The single numbers of all sections."""
        size = Estimate(self.weights_mb, self.weights_mb, self.weights_mb, len(self.weights))
        return {"weights_mb": size, **self.timed} | {
            name: value for part in self.sections for name, value in part.facts.items()
        }

    @property
    def marks(self) -> list[Judged]:
        """What was asked, held against the facts."""
        return judged(self.facts)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "marks": [mark.as_dict() for mark in self.marks],
            "facts": {name: value.as_dict() for name, value in self.facts.items()},
            "sections": {section.name: section.as_dict() for section in self.sections},
            "weights": self.weights,
        }


def evaluate(settings: Settings, only: Sequence[str] = ()) -> Report:
    """Measures the sections in `only`, or all; the others are taken from the folder, where they were measured before.

    Raises FileNotFoundError without an index, WeightsError without weights, FetchError without the feature networks."""
    lab = Lab(settings)
    sums, sections = lab.engine.weights(), []
    wanted = [name for name in SECTIONS if not only or name in only]
    for name, measure in SECTIONS.items():
        if name not in wanted:
            known = load_section(name, settings.out, sums)
            sections += [known] if known else []
            continue
        started = time.monotonic()
        print(f"[{wanted.index(name) + 1}/{len(wanted)}] {name}", file=sys.stderr)
        sections.append(measure(lab))
        save_section(sections[-1], settings.out, sums)
        print(f"    {time.monotonic() - started:.0f} s", file=sys.stderr)
    size = sum(file.stat().st_size for file in settings.weights.glob("*.safetensors")) / 1e6
    return Report(sections, sums, size, _of_bench(settings.bench))


def _of_bench(file: Path | None) -> dict[str, Estimate]:
    """What `limner bench --json` found, where its output was kept: the median pass and the speed-up."""
    if file is None:
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    half, late = (found["full_pass_ms"][key] / 1000 for key in ("p50", "p95"))
    facts = {"full_pass_seconds": Estimate(half, half, late, 1)}
    speedup = found.get("speedup_over_deepfacedrawing")
    return facts if speedup is None else {**facts, "speedup": Estimate(speedup, speedup, speedup, 1)}
