# SPDX-License-Identifier: Apache-2.0
"""Krita's Python has no pyzmq, so nothing there encrypts: through `limner relay` it draws on a studio's backend."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from limner.client import Client
from limner.server.allowlist import allow
from tests.editors.krita_kra import read_layers
from tests.editors.krita_session import Facts, KritaHome, missing
from tests.support.backends import PATIENCE_S, wait_for
from tests.support.command import Command
from tests.support.studio import Studio, open_studio

pytestmark = [pytest.mark.editors, pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """The computer with the GPU."""
    (tmp_path / "studio").mkdir()
    with open_studio(tmp_path / "studio") as opened:
        yield opened


@pytest.fixture
def artist(studio: Studio, tmp_path: Path) -> KritaHome:
    """A computer with Krita that is connected to the studio, as its user does it."""
    absent = missing()
    if absent and os.environ.get("LIMNER_REQUIRE_EDITORS", "0") not in ("", "0"):
        pytest.fail(absent)
    if absent:
        pytest.skip(absent)
    home = KritaHome(tmp_path / "artist")
    home.folder.mkdir()
    home.prepare()
    allow(studio.allowed, "artist", home.command().succeeds("keys", "make").split()[-1])
    invitation = tmp_path / "invitation.json"
    Command(studio.server.home, tmp_path).succeeds("keys", "invite", studio.endpoint, "-o", invitation)
    home.command().succeeds("keys", "connect", invitation)
    return home


@contextmanager
def relay(home: KritaHome) -> Iterator[None]:
    """`limner relay`, until the end."""
    command = home.command()
    process = subprocess.Popen([sys.executable, "-m", "limner", "relay"], env=command.environ(), cwd=command.folder)
    try:
        wait_for((home.limner_home / "relay.json").exists, "the relay's file")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def test_krita_draws_on_the_studios_backend_through_the_relay(artist: KritaHome, studio: Studio) -> None:
    with relay(artist):
        found = Facts(artist.run("first_portrait")).of("first_portrait")
    assert found["problem"] is None
    assert found["layers"] == ["Background", "Sketch", ["Limner portrait", ["Shadow guide", "Portrait"]]]
    assert not (artist.limner_home / "connection.json").exists(), "no backend was started here"
    with Client(studio.local) as client:
        assert client.stats(PATIENCE_S).done == 1
    made = {layer.name: layer.pixels for layer in read_layers(artist.out / "first.kra")}
    sketch, out = artist.out / "sketch.png", artist.out / "out.png"
    cv2.imwrite(str(sketch), cv2.cvtColor(made["Sketch"], cv2.COLOR_RGBA2BGRA))
    artist.command().succeeds("portrait", sketch, "-o", out, "--seed", "7", "--frame", "full")  # by CURVE itself
    portrait = cv2.cvtColor(cv2.imread(str(out), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    assert np.array_equal(made["Portrait"], portrait)


def test_without_the_relay_krita_says_that_it_cannot_encrypt(artist: KritaHome, studio: Studio) -> None:
    found = Facts(artist.run("refused")).of("refused")
    assert "limner relay" in " ".join(found["problem"])
    assert (found["layers"], found["steps"]) == (["Background", "Sketch"], 0)
    with Client(studio.local) as client:
        assert client.stats(PATIENCE_S).done == 0
