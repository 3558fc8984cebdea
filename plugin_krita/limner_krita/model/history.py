# SPDX-License-Identifier: Apache-2.0
"""The last results of a document, each with a thumbnail and what made it; it is kept inside the document.

The picture itself stays in memory only, of the last few: the same sketch, values and seed make it again.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import Any, Mapping

from .jobs import Finished

KEY = "limner-history"
DESCRIPTION = "Limner: thumbnails of the last results and what they were made with"
VERSION = 1
MOST = 24  # results of a document
MOST_PICTURES = 8  # of them with their pictures, in memory
MOST_BYTES = 400_000  # of what is kept inside a document


@dataclass(frozen=True)
class Entry:
    """A result: the task, what made it, and a JPEG file; ``finished`` as long as the picture is in memory."""

    task: str
    params: Mapping[str, Any]
    frame_mode: str
    thumbnail: bytes
    finished: Finished | None = None

    def to_map(self) -> dict[str, Any]:
        """As it is kept."""
        picture = base64.b64encode(self.thumbnail).decode("ascii")
        return {"task": self.task, "params": self.params, "frame_mode": self.frame_mode, "thumbnail": picture}


def entry_of(finished: Finished) -> Entry:
    """The entry of a new result."""
    target = finished.target
    return Entry(target.task, finished.params, target.frame_mode, finished.thumbnail, finished)


def added(entries: tuple[Entry, ...], entry: Entry) -> tuple[Entry, ...]:
    """The entries, the latest first, with a new one; what is too much is dropped."""
    if any(entry.finished is not None and other.finished is entry.finished for other in entries):
        return entries
    kept = (entry, *entries)[:MOST]
    return tuple(item if place < MOST_PICTURES else replace(item, finished=None) for place, item in enumerate(kept))


def to_bytes(entries: tuple[Entry, ...]) -> bytes:
    """As much of it as may be kept inside a document, the latest first."""
    while True:
        data = json.dumps({"version": VERSION, "results": [entry.to_map() for entry in entries]}).encode("utf-8")
        if len(data) <= MOST_BYTES or not entries:
            return data
        entries = entries[:-1]


def from_bytes(data: bytes) -> tuple[Entry, ...]:
    """Read it; empty for anything that is not one."""
    try:
        value = json.loads(data.decode("utf-8"))
        if value["version"] != VERSION:
            return ()
        return tuple(_entry(item) for item in value["results"][:MOST])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        return ()


def _entry(value: Mapping[str, Any]) -> Entry:
    picture = base64.b64decode(value["thumbnail"], validate=True)
    return Entry(str(value["task"]), dict(value["params"]), str(value["frame_mode"]), picture)
