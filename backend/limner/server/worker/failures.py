# SPDX-License-Identifier: Apache-2.0
"""What an exception of the engine means to the user."""

from __future__ import annotations

from ...wire.errors import ErrorCode, Problem, problem

_OUT_OF_MEMORY_TYPES = frozenset({"MemoryError", "OutOfMemoryError"})  # the latter: torch, named without importing it
_OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "cannot allocate memory")
_MAX_MESSAGE = 300  # characters


def is_out_of_memory(error: BaseException) -> bool:
    """True for MemoryError and for what torch raises when the CPU's or the device's memory does not suffice."""
    if any(kind.__name__ in _OUT_OF_MEMORY_TYPES for kind in type(error).__mro__):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _OUT_OF_MEMORY_TEXTS)


def describe(error: BaseException, fallback: str = ErrorCode.INTERNAL) -> Problem:
    """Code, message and remedy of the exception.

    An exception that has them as attributes `code`, `message` and `remedy` (texts) tells them itself; running out of
    memory has its own code; for all others the code is `fallback` and the message the exception's type and first line.
    """
    own = [getattr(error, name, None) for name in ("code", "message", "remedy")]
    if isinstance(own[0], str) and isinstance(own[1], str) and isinstance(own[2], str):
        return problem(own[0], own[1], own[2])
    if is_out_of_memory(error):
        return problem(ErrorCode.OUT_OF_MEMORY)
    line = next(iter(str(error).splitlines()), "")
    return problem(fallback, f"{type(error).__name__}: {line}"[:_MAX_MESSAGE])
