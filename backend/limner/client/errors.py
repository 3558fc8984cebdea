# SPDX-License-Identifier: Apache-2.0
"""The one exception that the client raises."""

from __future__ import annotations

from ..wire.errors import LimnerError, Problem


class BackendError(LimnerError):
    """A job or request failed, or the backend is not there: ``code``, ``message`` and ``remedy`` for the user."""

    @classmethod
    def of(cls, problem: Problem | LimnerError) -> BackendError:
        """The same problem as a BackendError."""
        return cls(problem.code, problem.message, problem.remedy)
