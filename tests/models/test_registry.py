# SPDX-License-Identifier: Apache-2.0
"""Weights on disk: round trip, manifest, damage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from limner.models.bank import CodeBank
from limner.models.registry import WeightsError, load_bank, load_network, load_networks, save_bank, verify
from limner.models.synthesis import Synthesis
from tests.support.tiny import CODEC, SYNTHESIS, random_codes, write_weights

CPU = torch.device("cpu")


def test_networks_come_back_with_their_configs(tmp_path: Path) -> None:
    networks = load_networks(write_weights(tmp_path), CPU)
    assert networks.codec.config == CODEC
    assert networks.synthesis.config == SYNTHESIS
    names = ("codec", "components", "synthesis", "detail", "frame_finder", "bank")
    assert set(networks.sums) == {f"{name}.safetensors" for name in names}
    assert not networks.synthesis.training
    assert not any(p.requires_grad for p in networks.synthesis.parameters())


def test_half_precision_keeps_the_values(tmp_path: Path) -> None:
    folder = write_weights(tmp_path)
    torch.manual_seed(0)
    loaded = load_network("synthesis", folder, CPU)
    assert isinstance(loaded, Synthesis)
    again = load_network("synthesis", folder, CPU)
    for one, two in zip(loaded.parameters(), again.parameters(), strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, two)
        torch.testing.assert_close(one, one.half().float(), rtol=0, atol=0)


def test_the_bank_comes_back_as_it_was_but_for_a_little(tmp_path: Path) -> None:
    codes = random_codes(40)
    save_bank(CodeBank(codes, torch.arange(40) // 2), tmp_path, "untrained")
    bank = load_bank(tmp_path, CPU)
    assert torch.equal(bank.faces, torch.arange(40) // 2)
    for part, code in bank.codes.items():
        assert (code - codes[part]).square().mean() < 0.01


def test_missing_weights_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as nothing:
        verify(tmp_path)
    assert nothing.value.code == "weights_missing"
    assert nothing.value.remedy
    (write_weights(tmp_path) / "codec.safetensors").unlink()
    with pytest.raises(WeightsError, match="codec"):
        load_networks(tmp_path, CPU)


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = write_weights(tmp_path) / "synthesis.safetensors"
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError) as damaged:
        load_networks(tmp_path, CPU)
    assert damaged.value.code == "weights_damaged"


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    folder = write_weights(tmp_path)
    (folder / "codec.safetensors").write_bytes((folder / "synthesis.safetensors").read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["codec.safetensors"]["sha256"] = manifest["files"]["synthesis.safetensors"]["sha256"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WeightsError) as wrong:
        load_networks(folder, CPU)
    assert wrong.value.code == "weights_damaged"
