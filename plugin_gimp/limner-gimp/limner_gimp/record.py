# SPDX-License-Identifier: Apache-2.0
"""What is kept with a result, in a parasite of its layer or group: how it was made, so that it can be made again.

The parasite `limner` holds one JSON object in UTF-8: {"version": 1, "procedure": "plug-in-limner-portrait",
"arguments": {"seed": 5, "refine": 0.3, ...}, "made": {"seed", "device", "weights", "frame", "params", "backend"}}.
A reader ignores unknown keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PARASITE = "limner"
VERSION = 1
_MADE = ("seed", "device", "weights", "frame", "params")  # of a result's info


@dataclass(frozen=True)
class Record:
    """procedure: GIMP's name of it. arguments: by GIMP's names. made: what the backend said of the result."""

    procedure: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_result(cls, procedure: str, arguments: Mapping[str, Any], info: Mapping[str, Any], backend: str) -> Record:
        """The record of a result. info: the result's own; backend: its version."""
        made = {name: info[name] for name in _MADE if name in info}
        return cls(procedure, dict(arguments), {**made, "backend": backend})

    def pack(self) -> bytes:
        """The parasite's data."""
        content = {
            "version": VERSION,
            "procedure": self.procedure,
            "arguments": dict(self.arguments),
            "made": dict(self.made),
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True).encode("utf-8")


def unpack(data: bytes) -> Record | None:
    """The record in a parasite; None when it is damaged or of a version that is not known here."""
    try:
        content = json.loads(bytes(data).rstrip(b"\0").decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("version") != VERSION:
        return None
    procedure, arguments, made = content.get("procedure"), content.get("arguments"), content.get("made", {})
    if not isinstance(procedure, str) or not isinstance(arguments, dict) or not isinstance(made, dict):
        return None
    return Record(procedure, arguments, made)
