# SPDX-License-Identifier: Apache-2.0
"""Checks for the fields of a message: each takes (value, key), returns the value or raises WireError(bad_message)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, field
from typing import Any, Callable, NamedTuple

from . import limits
from .errors import ErrorCode, WireError

Check = Callable[[Any, str], Any]
_INT64 = 2**63


class FieldSpec(NamedTuple):
    """How one dataclass field travels: ``pack`` makes it msgpack-able, ``unpack`` reads it back; both validate."""

    pack: Check
    unpack: Check


def wire_field(pack: Check, unpack: Check | None = None, *, default: Any = MISSING, factory: Any = MISSING) -> Any:
    """Declare a dataclass field of a message body. Without a default the key is required."""
    metadata = {"wire": FieldSpec(pack, unpack or pack)}
    if factory is not MISSING:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


def bad(key: str, expected: str) -> WireError:
    """The error for the key of a message that does not hold what the protocol says."""
    return WireError(ErrorCode.BAD_MESSAGE, f"The message's '{key}' must be {expected}.")


def text(max_length: int = limits.MAX_TEXT_LENGTH, *, empty: bool = True) -> Check:
    """A string of at most ``max_length`` characters that is valid Unicode."""

    def check(value: Any, key: str) -> str:
        if not isinstance(value, str) or len(value) > max_length or not (value or empty):
            raise bad(key, "a {}text of at most {} characters".format("" if empty else "non-empty ", max_length))
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise bad(key, "valid Unicode") from None
        return value

    return check


def choice(*values: str) -> Check:
    """One of the given strings."""

    def check(value: Any, key: str) -> str:
        if not isinstance(value, str) or value not in values:
            raise bad(key, "one of " + ", ".join(values))
        return value

    return check


def integer(minimum: int, maximum: int) -> Check:
    """A whole number in [minimum, maximum]; a boolean is none."""

    def check(value: Any, key: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise bad(key, f"a whole number from {minimum} to {maximum}")
        return value

    return check


def number(minimum: float, maximum: float) -> Check:
    """A finite number in [minimum, maximum], returned as a float; a boolean is none."""

    def check(value: Any, key: str) -> float:
        wrong = isinstance(value, bool) or not isinstance(value, (int, float))
        if wrong or not minimum <= value <= maximum:  # false for NaN
            raise bad(key, f"a number from {minimum} to {maximum}")
        return float(value)

    return check


def boolean(value: Any, key: str) -> bool:
    """True or False, nothing else."""
    if not isinstance(value, bool):
        raise bad(key, "true or false")
    return value


def free_map(value: Any, key: str) -> dict[str, Any]:
    """A map of JSON-like values (finite numbers, at most MAX_DEPTH deep), copied; tuples become lists."""
    if not isinstance(value, Mapping):
        raise bad(key, "a map")
    copied: dict[str, Any] = _free_value(value, key, limits.MAX_DEPTH)
    return copied


def _free_value(value: Any, key: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -_INT64 <= value < 2 * _INT64:
            raise bad(key, "a whole number of at most 64 bits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise bad(key, f"a finite number, not {value}")
        return float(value)
    if isinstance(value, str):
        return text(limits.MAX_HEADER_BYTES)(value, key)
    return _free_container(value, key, depth)


def _free_container(value: Any, key: str, depth: int) -> Any:
    if not isinstance(value, (Mapping, list, tuple)):
        raise bad(key, f"made of maps, lists, texts, numbers and booleans, not {type(value).__name__}")
    if depth == 0 or len(value) > limits.MAX_ITEMS:
        raise bad(key, f"at most {limits.MAX_DEPTH} levels deep with {limits.MAX_ITEMS} entries a level")
    if isinstance(value, Mapping):
        name = text(limits.MAX_TEXT_LENGTH)
        return {name(k, key): _free_value(v, f"{key}.{k}", depth - 1) for k, v in value.items()}
    return [_free_value(item, key, depth - 1) for item in value]


def text_map(value: Any, key: str) -> dict[str, str]:
    """A map of texts to texts, copied."""
    if not isinstance(value, Mapping) or len(value) > limits.MAX_ITEMS:
        raise bad(key, f"a map of at most {limits.MAX_ITEMS} texts")
    check = text()
    return {check(name, key): check(item, f"{key}.{name}") for name, item in value.items()}
