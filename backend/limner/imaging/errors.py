# SPDX-License-Identifier: Apache-2.0
"""The errors of this package: each says what happened, and what to do now."""

from __future__ import annotations


class ImagingError(Exception):
    """A failure the artist can do something about.

    ``code`` is a stable snake_case word for programs, ``message`` one line that says what happened and why,
    ``remedy`` one line that says what to do now.
    """

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"


class PictureError(ImagingError):
    """A picture file cannot be read or written."""


class SketchError(ImagingError):
    """A picture is readable but is no drawing to work from."""


class FrameError(ImagingError):
    """A face frame makes no sense for the picture."""
