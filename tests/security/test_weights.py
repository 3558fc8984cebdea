# SPDX-License-Identifier: Apache-2.0
"""Weights are loaded from safetensors files only, after their checksums; damage is told, and repair is enough."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from limner.client import BackendError, Client
from limner.models import registry
from limner.models.registry import WeightsError, load_networks, verify
from limner.wire import STATE_READY, Error, ErrorCode, Result, Welcome
from tests.support.backends import ServerProcess, end_of, next_messages, picture
from tests.support.tiny import write_weights

CHECKED_ENGINE = "tests.support.checked_engine:build_engine"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def weights(sound: Path, limner_home: Path) -> Path:
    """A copy in the home, to be damaged."""
    return Path(shutil.copytree(sound, limner_home / "weights"))


def flip(path: Path, place: int = -7) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def edit_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest["files"])
    (folder / "manifest.json").write_text(json.dumps(manifest))


def swap(folder: Path) -> None:
    """Two sound files change places."""
    first, second = folder / "codec.safetensors", folder / "components.safetensors"
    first.rename(folder / "third")
    second.rename(first)
    (folder / "third").rename(second)


def pickle_in_disguise(folder: Path) -> None:
    """A file of another kind, with the right sum in the manifest."""
    path = folder / "codec.safetensors"
    torch.save({"config": {}}, path)
    edit_manifest(folder, lambda files: files[path.name].update(sha256=registry.file_sha256(path)))


DAMAGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing": (lambda folder: (folder / "bank.safetensors").unlink(), ErrorCode.WEIGHTS_MISSING, "bank"),
    "no folder": (shutil.rmtree, ErrorCode.WEIGHTS_MISSING, "no weights"),
    "flipped bit": (lambda folder: flip(folder / "synthesis.safetensors"), ErrorCode.WEIGHTS_DAMAGED, "synthesis"),
    "cut short": (
        lambda folder: (folder / "codec.safetensors").write_bytes(b"\x00" * 100),
        ErrorCode.WEIGHTS_DAMAGED,
        "codec",
    ),
    "swapped": (swap, ErrorCode.WEIGHTS_DAMAGED, "checksum"),
    "unlisted": (
        lambda folder: edit_manifest(folder, lambda files: files.pop("codec.safetensors")),
        ErrorCode.WEIGHTS_DAMAGED,
        "vouches",
    ),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), ErrorCode.WEIGHTS_MISSING, "manifest.json"),
    "broken manifest": (
        lambda folder: (folder / "manifest.json").write_text('{"files": []}'),
        ErrorCode.WEIGHTS_DAMAGED,
        "manifest.json",
    ),
    "pickle in disguise": (pickle_in_disguise, ErrorCode.WEIGHTS_DAMAGED, "cannot be read"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_refused_with_its_reason(weights: Path, name: str) -> None:
    load_networks(weights, CPU)
    damage, code, part = DAMAGES[name]
    damage(weights)
    with pytest.raises(WeightsError, match=part) as caught:
        load_networks(weights, CPU)
    assert caught.value.code == code
    assert "Install Limner again" in caught.value.remedy


def test_nothing_is_opened_before_all_sums_are_right(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(registry, "safe_open", lambda *arguments, **options: opened.append(arguments))
    flip(weights / "synthesis.safetensors")
    with pytest.raises(WeightsError):
        load_networks(weights, CPU)
    assert not opened


def test_the_sums_of_sound_weights_are_the_files_own(weights: Path) -> None:
    assert verify(weights) == {path.name: registry.file_sha256(path) for path in weights.glob("*.safetensors")}


@pytest.fixture
def server(limner_home: Path, weights: Path) -> Iterator[ServerProcess]:
    flip(weights / "codec.safetensors")
    process = ServerProcess(limner_home, engine=CHECKED_ENGINE)
    yield process
    process.stop()


@pytest.mark.slow
def test_a_backend_with_damaged_weights_lives_and_recovers_after_a_repair(server: ServerProcess, weights: Path) -> None:
    with Client(server.wait_until_listening()) as client:
        with pytest.raises(BackendError, match=r"codec\.safetensors are damaged") as caught:
            client.wait_ready()
        assert caught.value.code == ErrorCode.WEIGHTS_DAMAGED
        refused = end_of(client, "shadow", sketch=picture())
        assert isinstance(refused, Error)
        assert (refused.code, refused.remedy) == (ErrorCode.WEIGHTS_DAMAGED, caught.value.remedy)
        assert client.stats().state == "failed"
        flip(weights / "codec.safetensors")
        while (welcome := ask_welcome(client)).state != STATE_READY:
            client.poll(0.25)
        assert welcome.weights == verify(weights)
        assert isinstance(end_of(client, "shadow", sketch=picture()), Result)
    assert server.process.poll() is None


def ask_welcome(client: Client) -> Welcome:
    """The present state; asking is what makes a failed backend try again after a while."""
    client.ask_welcome()
    while True:
        for message in next_messages(client):
            if isinstance(message, Welcome):
                return message
