# SPDX-License-Identifier: Apache-2.0
"""One run of the real Krita for all tests of this folder: it takes long to start."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.conftest import stop_backend
from tests.editors import krita_session
from tests.editors.krita_session import Facts, KritaHome

SCENARIOS = (
    "first_portrait",
    "depths",
    "models",
    "selection_frame",
    "nothing_to_draw",
    "portraits_undone",
    "results_kept",
    "tools",
    "changed_layers",
    "transform_mask",
    "blending_kept",
    "under_the_strokes",
    "two_documents",
    "cancel_in_the_middle",
    "ended_in_the_middle",
    "live_preview",
    "fifty_strokes",
    "frame_shown",
    "clicks",
    "killed_in_the_middle",
    "backend_killed",
    "not_installed",
)


@pytest.fixture(scope="session")
def krita(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KritaHome]:
    """Krita with the plugin; skips, or fails where the editors are required, when Krita is not there."""
    absent = krita_session.missing()
    if absent and os.environ.get("LIMNER_REQUIRE_EDITORS", "0") not in ("", "0"):
        pytest.fail(absent)
    if absent:
        pytest.skip(absent)
    home = KritaHome(tmp_path_factory.mktemp("krita"))
    home.prepare()
    yield home
    stop_backend(home.limner_home)


@pytest.fixture(scope="session")
def facts(krita: KritaHome) -> Facts:
    """What happened in one run of Krita through all scenarios."""
    return Facts(krita.run(*SCENARIOS))


@pytest.fixture(scope="session")
def fine_facts(krita: KritaHome, facts: Facts) -> Facts:
    """What happened in another run, on a screen with twice as many pixels, on which everything is twice as large."""
    return Facts(krita.run("frame_shown", scale=2))
