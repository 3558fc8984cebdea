# SPDX-License-Identifier: Apache-2.0
"""Damaged messages: golden ones with bytes, values, frames and structure changed. A seed gives the same ones again."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

import msgpack

Frames = list[bytes]

INTERESTING = (
    b"\x00",
    b"\xff",
    b"\xc0",
    b"\xc1",
    b"\x7f",
    b"\x80",
    b"\xde\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\x91" * 64,
)
LENGTHS = (b"\xdb\xff\xff\xff\xff", b"\xc6\x7f\xff\xff\xff", b"\xdd\x00\x01\x00\x00", b"\xc9\xff\xff\xff\xff\x01")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 2**64 - 1, 0.0, -0.0, 1e308, -1e308),
    *(float("nan"), float("inf"), float("-inf"), "", "x", "x" * 200, "\0", "\U0001f600", "u8", "f32", "portrait"),
    *(b"", b"bytes", [], [[]], [[[[[[[[[[]]]]]]]]]], {}, {"": {}}, [0] * 100, {"a": {"b": {"c": {"d": {"e": {}}}}}}),
)
NUMBERS = (0, 1, 2, 3, 4, 5, 8192, 8193, 65_536, 2**31 - 1, 2**31, 2**32, 2**63)


class Mutator:
    """Makes damaged messages out of a corpus of good ones."""

    def __init__(self, seed: int, corpus: Sequence[Frames]) -> None:
        self.random = random.Random(seed)
        self.corpus = [list(frames) for frames in corpus]
        self._ways: tuple[Callable[[Frames], Frames], ...] = (
            *(self._bytes, self._bytes, self._values, self._values, self._frames),
            *(self._splice, self._lengths, self._noise),
        )

    def message(self) -> Frames:
        """One good message changed in one to four ways."""
        frames = list(self.random.choice(self.corpus))
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 4))):
            frames = self.random.choice(self._ways)(frames)
        return frames

    def damaged(self, data: bytes) -> bytes:
        """The bytes with a few of them changed, cut, doubled or put in."""
        changed = bytearray(data)
        for _ in range(self.random.choice((1, 1, 2, 8))):
            place = self.random.randrange(len(changed) + 1)
            way = self.random.randrange(5)
            if way == 0 and place < len(changed):
                changed[place] ^= 1 << self.random.randrange(8)
            elif way == 1:
                changed[place : place + self.random.randrange(1, 9)] = b""
            elif way == 2:
                changed[place:place] = self.random.choice(INTERESTING)
            elif way == 3:
                changed[place:place] = changed[place : place + self.random.randrange(1, 33)]
            else:
                changed[place : place + 4] = self.random.randbytes(self.random.randrange(1, 9))
        return bytes(changed[: 1 << 20])

    def _bytes(self, frames: Frames) -> Frames:
        number = self.random.randrange(len(frames)) if frames else None
        return [self.damaged(frame) if place == number else frame for place, frame in enumerate(frames)]

    def _lengths(self, frames: Frames) -> Frames:
        """A length that promises what does not follow."""
        header = bytearray(frames[0] if frames else b"")
        place = self.random.randrange(len(header) + 1)
        header[place:place] = self.random.choice(LENGTHS)
        return [bytes(header), *frames[1:]]

    def _noise(self, frames: Frames) -> Frames:
        return [self.random.randbytes(self.random.randrange(200)), *frames[1:]]

    def _splice(self, frames: Frames) -> Frames:
        """The beginning of one message and the end of another."""
        other = self.random.choice(self.corpus)
        mine, theirs = frames[0] if frames else b"", other[0]
        cut = mine[: self.random.randrange(len(mine) + 1)] + theirs[self.random.randrange(len(theirs) + 1) :]
        return [cut, *self.random.choice((frames, other))[1:]]

    def _frames(self, frames: Frames) -> Frames:
        """Frames left out, doubled, exchanged, added."""
        changed = list(frames)
        way = self.random.randrange(4)
        if way == 0 and changed:
            changed.pop(self.random.randrange(len(changed)))
        elif way == 1:
            changed += [self.random.choice(self.random.choice(self.corpus))]
        elif way == 2:
            self.random.shuffle(changed)
        else:
            changed += [self.random.randbytes(self.random.randrange(40))] * self.random.choice((1, 2, 16, 17, 40))
        return changed

    def _values(self, frames: Frames) -> Frames:
        """The header stays msgpack, with a value exchanged somewhere inside."""
        try:
            header = msgpack.unpackb(frames[0], strict_map_key=False)
            packed: bytes = msgpack.packb(self._exchanged(header))
        except Exception:  # it was damaged before, or the new value cannot be packed there
            return self._bytes(frames)
        return [packed, *frames[1:]]

    def _exchanged(self, value: Any) -> Any:
        inside = isinstance(value, dict | list) and value and self.random.random() < 0.85
        if inside and isinstance(value, dict):
            key = self.random.choice(list(value))
            dice = self.random.random()
            rest = {other: item for other, item in value.items() if other != key}
            if dice < 0.1:
                return rest
            name = self.random.choice(VALUES[-20:]) if dice < 0.15 else key
            return {**rest, name: self._exchanged(value[key])}
        if inside:
            number = self.random.randrange(len(value))
            return [self._exchanged(item) if place == number else item for place, item in enumerate(value)]
        return self.random.choice(NUMBERS) if isinstance(value, int) else self.random.choice(VALUES)


def stream(frames: Frames) -> bytes:
    """The frames as ZMTP puts them on a connection."""
    parts = []
    for number, frame in enumerate(frames):
        more = int(number < len(frames) - 1)
        long = len(frame) > 255
        parts += [struct.pack(">BQ", more | 2, len(frame)) if long else bytes([more, len(frame)]), frame]
    return b"".join(parts)
