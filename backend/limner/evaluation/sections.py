# SPDX-License-Identifier: Apache-2.0
"""The parts of the report: tables, single numbers and picture grids, kept on disk so that it can be made in parts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limner.evaluation.metrics import Estimate


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, and its numbers by column."""

    label: str
    numbers: Mapping[str, Estimate]


@dataclass(frozen=True)
class Table:
    """`columns` are keys of `report.COLUMNS`; a row may lack some. `grid` names the picture that goes with it."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    grid: str = ""


@dataclass
class Section:
    """A part of the report. facts: single numbers by name; grids: pictures (H, W, 3) uint8 by file name without .png;
    missing: why there is nothing, one sentence each."""

    name: str
    title: str
    notes: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    facts: dict[str, Estimate] = field(default_factory=dict)
    grids: dict[str, np.ndarray] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)  # of those grids that belong to no table
    missing: list[str] = field(default_factory=list)

    def show(self, name: str, picture: np.ndarray, caption: str) -> None:
        """Adds a picture grid of its own."""
        self.grids[name], self.captions[name] = picture, caption

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the grids are files beside it."""
        tables = [
            {
                "name": table.name,
                "title": table.title,
                "columns": list(table.columns),
                "note": table.note,
                "grid": table.grid,
                "rows": [{"label": r.label, **{k: v.as_dict() for k, v in r.numbers.items()}} for r in table.rows],
            }
            for table in self.tables
        ]
        facts = {name: value.as_dict() for name, value in self.facts.items()}
        plain = {"title": self.title, "notes": self.notes, "captions": self.captions, "missing": self.missing}
        return {**plain, "tables": tables, "facts": facts}


def _table(stored: Mapping[str, Any]) -> Table:
    rows = [
        Row(row["label"], {k: Estimate.from_dict(v) for k, v in row.items() if k != "label"}) for row in stored["rows"]
    ]
    columns = tuple(stored["columns"])
    return Table(stored["name"], stored["title"], columns, tuple(rows), stored["note"], stored["grid"])


def save_section(section: Section, folder: Path, weights: Mapping[str, str]) -> None:
    """Writes `folder`/parts/NAME.json and the grids into `folder`; `weights` says what was measured."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    for name, grid in section.grids.items():
        Image.fromarray(grid).save(folder / f"{name}.png")
    text = json.dumps({"weights": dict(weights), **section.as_dict()}, indent=1)
    (folder / "parts" / f"{section.name}.json").write_text(text + "\n", encoding="utf-8")


def load_section(name: str, folder: Path, weights: Mapping[str, str]) -> Section | None:
    """A section measured before on the same weights, without its grids' pixels; None where there is none."""
    try:
        stored = json.loads((folder / "parts" / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if stored["weights"] != dict(weights):
        return None
    section = Section(name, stored["title"], stored["notes"], [_table(table) for table in stored["tables"]])
    section.facts = {key: Estimate.from_dict(value) for key, value in stored["facts"].items()}
    section.captions, section.missing = stored["captions"], stored["missing"]
    return section


def side_by_side(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of pictures, (N, H, W, 3) uint8 each, as one picture."""
    return np.concatenate([np.concatenate(list(row), 1) for row in rows])
