# SPDX-License-Identifier: Apache-2.0
"""Small untrained networks of the real architecture, for tests that are about shapes, wiring and determinism."""

from __future__ import annotations

from pathlib import Path

import torch

from limner.models.bank import CodeBank
from limner.models.codec import Codec, CodecConfig
from limner.models.components import WINDOWS, ComponentConfig, ComponentEmbedding
from limner.models.detail import Detail, DetailConfig
from limner.models.feature_mapping import FeatureMappingConfig
from limner.models.frame_finder import FrameFinder, FrameFinderConfig
from limner.models.inversion import Inversion, InversionConfig
from limner.models.registry import save_bank, save_network
from limner.models.synthesis import Conditions, Synthesis, SynthesisConfig

CODEC = CodecConfig(latent=4, decoder=(16, 16, 16))
FRAME_FINDER = FrameFinderConfig((4, 4, 4))
COMPONENTS = ComponentConfig(widths=(4, 8, 8, 8), remainder_widths=(4, 8, 8, 8))
SYNTHESIS = SynthesisConfig(
    latent=4, widths=(16, 16), time=16, condition=8, mapping=FeatureMappingConfig((8, 8), (8, 8))
)
DETAIL = DetailConfig(latent=4, width=8, blocks=1, hidden=16, steps=2)
INVERSION = InversionConfig(widths=(8, 8, 8), views=(2,))


def random_codes(count: int, generator: torch.Generator | None = None) -> dict[str, torch.Tensor]:
    """Codes by part, (count, D) each."""
    return {w.name: torch.randn(count, w.code, generator=generator) for w in WINDOWS}


def random_conditions(count: int) -> Conditions:
    """Conditions with everything given."""
    return Conditions(
        random_codes(count),
        torch.rand(count, 1, 256, 256),
        torch.rand(count, 1, 64, 64),
        torch.rand(count, 4, 32, 32),
        torch.ones(count, 1, 1, 1),
    )


def awaken(network: torch.nn.Module) -> torch.nn.Module:
    """Gives the layers that start at zero small weights, as training would."""
    for parameter in network.parameters():
        if not bool(parameter.any()):
            torch.nn.init.normal_(parameter, std=0.02)
    return network


def write_weights(folder: Path) -> Path:
    """A folder of weights with a manifest, as `weights/` is, of small untrained networks."""
    torch.manual_seed(0)
    save_network("codec", Codec(CODEC), folder, "untrained")
    save_network("components", ComponentEmbedding(COMPONENTS), folder, "untrained")
    save_network("synthesis", awaken(Synthesis(SYNTHESIS)), folder, "untrained")
    save_network("detail", awaken(Detail(DETAIL)), folder, "untrained")
    save_network("frame_finder", FrameFinder(FRAME_FINDER), folder, "untrained")
    save_bank(CodeBank(random_codes(40), torch.arange(40)), folder, "untrained")
    return folder


def add_inversion(folder: Path) -> Path:
    """The weights that not every folder has: the task "invert" needs them."""
    torch.manual_seed(1)
    save_network("inversion", Inversion(INVERSION), folder, "untrained")
    return folder
