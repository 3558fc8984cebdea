# SPDX-License-Identifier: Apache-2.0
"""Makes limner_krita importable for the tests of this folder, before they are imported; gives them a desk."""

import pytest

import tests.krita.installed_plugin  # noqa: F401
from tests.krita.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """One with a document and a sketch."""
    return Desk()
