# SPDX-License-Identifier: Apache-2.0
"""What Limner keeps inside a document: which group belongs to which sketch, and the parameters that made it.

It is versioned JSON in an annotation of the document, so it is saved and opened with it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Mapping

KEY = "limner"
DESCRIPTION = "Limner: what the portraits in this document were made with"
VERSION = 2
_KEPT = 8  # groups of one sketch: undo brings earlier ones back


@dataclass(frozen=True)
class MadeLayer:
    """A layer as Limner left it: its id, and a digest of its pixels, which tells whether somebody painted on it.

    rect: x, y, width and height of the pixels that the digest is of; outside there is nothing.
    """

    uid: str
    digest: str
    rect: tuple[int, int, int, int]


@dataclass(frozen=True)
class Made:
    """What was made of one sketch layer, once.

    task: the backend's name of what was done. group: id of the group. layers: its layers by the backend's name of the
    picture. params: what the backend used, the seed among them. weights: sha256 of the networks' files by name. frame:
    the face frame in document pixels.
    """

    task: str
    group: str
    layers: Mapping[str, MadeLayer]
    params: Mapping[str, Any]
    weights: Mapping[str, str]
    device: str = ""
    frame: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """All that is kept with a document.

    made: by the id of the sketch layer, the latest first. values: the controls' values. frame_mode: "auto",
    "selection" or "full". hints: id of the layer with color hints, or "".
    """

    made: Mapping[str, tuple[Made, ...]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    frame_mode: str = ""
    hints: str = ""

    def with_made(self, sketch: str, made: Made) -> Record:
        """The same with what was just made of a sketch."""
        return replace(self, made={**self.made, sketch: (made, *self.made.get(sketch, ()))[:_KEPT]})

    def sketch_of(self, group: str) -> str:
        """The id of the sketch layer that a group was made of, or ""."""
        return next((sketch for sketch, all_made in self.made.items() for made in all_made if made.group == group), "")

    def to_bytes(self) -> bytes:
        """As it is kept."""
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True).encode("utf-8")

    @classmethod
    def from_bytes(cls, data: bytes) -> Record:
        """Read it; an empty Record for anything that is not one (none yet, damaged, made by a newer version)."""
        try:
            value = json.loads(data.decode("utf-8"))
            if value["version"] != VERSION:
                return cls()
            made = {str(sketch): tuple(map(_made, entries)) for sketch, entries in value["made"].items()}
            return cls(made, dict(value["values"]), str(value["frame_mode"]), str(value["hints"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return cls()


def _made(value: Mapping[str, Any]) -> Made:
    layers = {str(name): _made_layer(item) for name, item in value["layers"].items()}
    return Made(
        str(value["task"]),
        str(value["group"]),
        layers,
        dict(value["params"]),
        {str(name): str(digest) for name, digest in value["weights"].items()},
        str(value["device"]),
        {str(name): float(number) for name, number in value["frame"].items()},
    )


def _made_layer(value: Mapping[str, Any]) -> MadeLayer:
    x, y, width, height = (int(number) for number in value["rect"])
    return MadeLayer(str(value["uid"]), str(value["digest"]), (x, y, width, height))


def digest_of(*parts: bytes) -> str:
    """What tells two pictures apart."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
