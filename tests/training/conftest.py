# SPDX-License-Identifier: Apache-2.0
"""Faces to work on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.faces import write_face_data


@pytest.fixture(scope="session")
def face_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of a few crude faces."""
    return write_face_data(tmp_path_factory.mktemp("faces"))
