# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.backends import FAKE_ENGINE, ServerProcess

Start = Callable[..., ServerProcess]


@pytest.fixture
def start(limner_home: Path) -> Iterator[Start]:
    """Starts servers in this test's home and ends them."""
    started: list[ServerProcess] = []

    def start_one(*options: str, engine: str = FAKE_ENGINE) -> ServerProcess:
        started.append(ServerProcess(limner_home, *options, engine=engine))
        return started[-1]

    yield start_one
    for server in started:
        server.stop()
